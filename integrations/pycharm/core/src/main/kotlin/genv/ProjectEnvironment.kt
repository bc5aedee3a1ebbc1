/** The environment of an open project: at most one, from its activation to the end of the project or of the IDE. */
package genv

import java.io.File
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException

class Active(val environment: Environment, val variables: Map<String, String?>)

/**
 * Its functions wait for genv: not for the thread that draws. [findGenv] tells which genv, as the settings say at the
 * moment; [pid] is the IDE's; [uid] its user's.
 */
class ProjectEnvironment(private val findGenv: () -> Genv, private val pid: Long, private val uid: Long) {
    private val genv get() = findGenv()
    private var keeper: Process? = null
    private var mustLeave = false // the IDE may be in an environment that could not be begun, and not be left either

    @Volatile
    var active: Active? = null
        private set

    /** Returns why the devices that the project's configuration asks for could not be attached. */
    @Synchronized
    fun activate(projectName: String, folder: File?): List<String> {
        if (active != null) return emptyList()
        if (mustLeave) leave()
        try {
            val kept = genv.keep(pid, environmentName("pycharm/$projectName"), folder)
            keeper = kept.keeper
            look(kept.eid)
            return kept.complaints
        } catch (error: GenvException) {
            end()
            mustLeave = true
            runCatching { leave() }
            throw error
        }
    }

    private fun leave() {
        genv.leave(pid)
        mustLeave = false
    }

    /** Also when the project is closed. The IDE may be in environments of other projects: those have keepers as well. */
    @Synchronized
    fun deactivate() {
        val eid = active?.environment?.eid ?: return
        try {
            genv.detach(eid)
            genv.leave(pid)
            keeper?.let { genv.leave(it.pid()) }
        } catch (error: GenvException) {
            if (look(eid)) throw error
            return // it has ended in between
        }
        end()
    }

    /** As many devices as are configured, or [count], which is then configured. */
    fun attach(count: Int? = null, share: Boolean = false) = change { environment ->
        if (count != null && count != environment.gpus) genv.configure(environment.eid, Field.GPUS, "$count")
        genv.attach(environment.eid, count = count ?: environment.gpus, share = share)
    }

    fun attachDevice(index: Int, share: Boolean) = change { genv.attach(it.eid, index = index, share = share) }

    fun detach(index: Int? = null) = change { genv.detach(it.eid, index) }

    /** Sets a field, or clears it (""). Another count of devices applies at once if there are attached ones. */
    fun configure(field: Field, value: String) = change { environment ->
        genv.configure(environment.eid, field, value)
        if (field == Field.GPUS && value.isNotEmpty() && environment.devices.isNotEmpty()) {
            genv.attach(environment.eid, count = value.toInt())
        }
    }

    /** Looks at the environment again, which others may have changed. Returns false if it has ended. */
    @Synchronized
    fun refresh(): Boolean = active?.let { look(it.environment.eid) } ?: true

    /** What is active now, or was when genv answered last if it does not within [limitMs]: something is to start. */
    fun latest(limitMs: Long): Active? {
        if (active == null) return null
        try {
            CompletableFuture.runAsync { refresh() }.get(limitMs, TimeUnit.MILLISECONDS)
        } catch (_: TimeoutException) {
            // an operation of somebody's menu goes on, or genv is slow
        } catch (_: ExecutionException) {
            // the next operation tells
        }
        return active
    }

    @Synchronized
    private fun change(operation: (Environment) -> Unit) {
        val environment = active?.environment ?: throw GenvException(Failure.REFUSED, "this project has no environment")
        try {
            operation(environment)
        } finally {
            look(environment.eid)
        }
    }

    private fun find(eid: String) = genv.environments().find { it.eid == eid && it.uid == uid }

    private fun look(eid: String): Boolean {
        val next = find(eid)?.let { environment ->
            try {
                Active(environment, genv.variables(eid))
            } catch (error: GenvException) {
                if (find(eid) != null) throw error
                null // it has ended in between
            }
        }
        if (next == null) end() else active = next
        return next != null
    }

    private fun end() {
        keeper?.stop()
        keeper = null
        active = null
    }
}
