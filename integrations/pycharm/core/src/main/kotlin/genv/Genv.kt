/** Calling genv: by lists of arguments, never through a shell, and never without a time limit. */
package genv

import com.google.gson.JsonElement
import com.google.gson.JsonParseException
import com.google.gson.JsonParser
import java.io.File
import java.io.IOException
import java.util.concurrent.CompletableFuture
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

/** [env] is what genv is started with, on top of what this process has. */
class Genv(val file: File, private val env: Map<String, String> = emptyMap(), private val patienceMs: Long = 15_000) {

    fun snapshot(): Snapshot = parseSnapshot(json("snapshot"))

    fun environments(): List<Environment> = parseEnvironments(json("envs", "--format", "json"))

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
        val keeper = start(words, folder)
        val (stdout, stderr) = read(keeper)
        val answer = await(keeper, stdout)
        val lines = withoutPrefix(await(keeper, stderr))
        if (!answer.endsWith('\n')) throw explain(keeper.waitFor(), lines)
        return Kept(answer.trim(), keeper, lines.filterNot { it.startsWith("loaded ") })
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
        throw GenvException(Failure.MISSING, "cannot run $file: ${error.message}")
    }

    /** Both streams are read at once: neither may fill up. */
    private fun read(process: Process): List<CompletableFuture<String>> =
        listOf(process.inputStream, process.errorStream).map { stream ->
            val text = CompletableFuture<String>()
            Thread {
                try {
                    text.complete(stream.readBytes().decodeToString())
                } catch (error: IOException) {
                    text.completeExceptionally(error)
                }
            }.apply { isDaemon = true }.start()
            text
        }

    private fun await(process: Process, text: CompletableFuture<String>): String = try {
        text.get(patienceMs, TimeUnit.MILLISECONDS)
    } catch (_: TimeoutException) {
        process.destroyForcibly()
        throw GenvException(Failure.SLOW, "genv did not answer within ${patienceMs / 1000.0} seconds")
    }

    private fun run(vararg words: String): String {
        val process = start(words.toList())
        val (stdout, stderr) = read(process)
        val output = await(process, stdout)
        val lines = withoutPrefix(await(process, stderr))
        val status = process.waitFor()
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
