/** Calling genv: by lists of arguments, never through a shell, and never without a time limit. */
package genv

import com.google.gson.JsonElement
import com.google.gson.JsonParseException
import com.google.gson.JsonParser
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException

/**
 * What is wrong: there is no genv; it does not know what it was asked; it did not answer; it answered with something
 * else; it refused, as for a count of devices that are not available.
 */
enum class Failure { MISSING, OLD, SLOW, BROKEN, REFUSED }

class GenvException(val failure: Failure, message: String) : Exception(message)

enum class Field(val word: String, val option: String) {
    NAME("name", "--name"),
    GPUS("gpus", "--count"),
    GPU_MEMORY("gpu-memory", "--gpu-memory"),
}

/** The environment [eid], kept by [keeper]; [complaints] say why configured devices could not be attached. */
class Kept(val eid: String, val keeper: Process, val complaints: List<String>)

/** Where genv is: what the user says, or the first one in PATH and where it is installed by default. */
fun findGenv(setting: String, env: Map<String, String>): File? {
    val home = env["HOME"].orEmpty()
    if (setting.isNotEmpty()) {
        val file = File(if (setting.startsWith("~/")) home + setting.drop(1) else setting)
        return file.takeIf { it.isAbsolute && it.isFile && it.canExecute() }
    }
    val folders = env["PATH"].orEmpty().split(':') + listOf("$home/.local/bin", "/usr/local/bin", "/usr/bin")
    return folders.map { File(it, "genv") }.firstOrNull { it.isAbsolute && it.isFile && it.canExecute() }
}

private val ofOlder = Regex("unknown (command|option)|invalid choice|unrecognized arguments")

/** Ends it and what it has started: genv may be a script around genv. */
fun Process.stop(end: (Process) -> Unit = Process::destroy, endChild: (ProcessHandle) -> Unit = { it.destroy() }) {
    val children = descendants().toList()
    end(this)
    children.forEach(endChild)
}

/** [env] is what genv is started with, on top of what this process has. */
class Genv(val file: File, private val env: Map<String, String> = emptyMap(), private val patienceMs: Long = 15_000) {

    fun snapshot(): Snapshot = parseSnapshot(json("snapshot"))

    fun environments(): List<Environment> {
        val json = json("envs", "--format", "json")
        if (!json.isJsonArray) throw GenvException(Failure.BROKEN, "'$file envs --format json' did not print a list")
        return parseEnvironments(json)
    }

    /** Of a program in the environment; null: it is not set. */
    fun variables(eid: String): Map<String, String?> {
        val json = json("envs", "variables", "--eid", eid)
        if (!json.isJsonObject) throw GenvException(Failure.BROKEN, "'$file envs variables' did not print variables")
        return json.asJsonObject.entrySet().associate { (name, value) ->
            name to value.takeIf { it.isJsonPrimitive }?.asString
        }
    }

    /** Sets a field; "" clears it. */
    fun configure(eid: String, field: Field, value: String) {
        val option = if (value.isEmpty()) "--clear" else "${field.option}=$value"
        run("envs", "config", "--eid", eid, field.word, option)
    }

    fun attach(eid: String, count: Int? = null, index: Int? = null, share: Boolean = false) {
        val words = mutableListOf("devices", "attach", "--eid", eid)
        if (count != null) words += listOf("--count", "$count")
        if (index != null) words += listOf("--index", "$index")
        if (share) words += "--allow-over-subscription"
        run(*words.toTypedArray())
    }

    fun detach(eid: String, index: Int? = null) {
        run(*(listOf("devices", "detach", "--eid", eid) + (index?.let { listOf("--index", "$it") } ?: emptyList())).toTypedArray())
    }

    fun leave(pid: Long) {
        run("envs", "deactivate", "--pid", "$pid")
    }

    /** Creates an environment that lives as long as the process [pid] or until its keeper has left. */
    fun keep(pid: Long, name: String, folder: File?): Kept {
        val words = mutableListOf("envs", "keep", "--pid", "$pid", "--linger", "0")
        if (name.isNotEmpty()) words += "--default-name=$name"
        val keeper = Running(start(words, folder))
        val answer = keeper.stdout()
        val lines = withoutPrefix(keeper.stderr())
        if (!answer.endsWith('\n')) throw explain(keeper.status(), lines)
        return Kept(answer.trim(), keeper.process, lines.filterNot { it.startsWith("loaded ") })
    }

    private fun json(vararg words: String): JsonElement {
        val output = run(*words)
        return try {
            JsonParser.parseString(output).also { if (it.isJsonPrimitive) throw JsonParseException("a word") }
        } catch (_: JsonParseException) {
            throw GenvException(Failure.BROKEN, "'$file ${words.joinToString(" ")}' did not print JSON")
        }
    }

    private fun start(words: List<String>, folder: File? = null): Process = try {
        ProcessBuilder(listOf(file.path) + words)
            .directory(folder?.takeIf { it.isDirectory } ?: File("/"))
            .redirectInput(ProcessBuilder.Redirect.from(File("/dev/null")))
            .apply { environment() += env }
            .start()
    } catch (error: IOException) {
        val failure = if (file.isFile && file.canExecute()) Failure.BROKEN else Failure.MISSING
        throw GenvException(failure, "cannot run $file: ${error.message}")
    }

    /** A process whose streams are read at once, as neither may fill up, and which has one time limit for all. */
    private inner class Running(val process: Process) {
        private val deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs)
        private val output = read(process.inputStream)
        private val errors = read(process.errorStream)

        fun stdout() = await(output)

        fun stderr() = await(errors)

        fun status(): Int = if (process.waitFor(left(), TimeUnit.NANOSECONDS)) process.exitValue() else giveUp()

        private fun left() = maxOf(0, deadline - System.nanoTime())

        private fun read(stream: InputStream): CompletableFuture<String> {
            val text = CompletableFuture<String>()
            Thread {
                try {
                    text.complete(stream.readBytes().decodeToString())
                } catch (error: IOException) {
                    text.completeExceptionally(error)
                }
            }.apply { isDaemon = true }.start()
            return text
        }

        private fun await(text: CompletableFuture<String>): String = try {
            text.get(left(), TimeUnit.NANOSECONDS)
        } catch (_: TimeoutException) {
            giveUp()
        } catch (error: ExecutionException) {
            throw GenvException(Failure.BROKEN, "cannot read from $file: ${error.cause?.message}")
        }

        private fun giveUp(): Nothing {
            process.stop({ it.destroyForcibly() }, { it.destroyForcibly() })
            throw GenvException(Failure.SLOW, "genv did not answer within ${patienceMs / 1000.0} seconds")
        }
    }

    private fun run(vararg words: String): String {
        val process = Running(start(words.toList()))
        val output = process.stdout()
        val lines = withoutPrefix(process.stderr())
        val status = process.status()
        if (status != 0) throw explain(status, lines)
        return output
    }

    private fun withoutPrefix(stderr: String) = stderr.lines().map { it.removePrefix("genv: ").trim() }.filter { it.isNotEmpty() }

    private fun explain(status: Int, lines: List<String>): GenvException {
        val last = lines.lastOrNull()
            ?: return GenvException(Failure.BROKEN, "$file ended with status $status, without a message")
        return GenvException(if (status == 2 && ofOlder in last) Failure.OLD else Failure.REFUSED, last)
    }

    private operator fun Regex.contains(text: String) = containsMatchIn(text)
}
