/** The environment of a project in the IDE: calls the logic off the thread that draws, and tells what fails. */
package genv.pycharm

import com.intellij.ide.util.PropertiesComponent
import com.intellij.notification.NotificationGroupManager
import com.intellij.notification.NotificationType
import com.intellij.openapi.Disposable
import com.intellij.openapi.components.Service
import com.intellij.openapi.components.service
import com.intellij.openapi.project.Project
import com.intellij.openapi.util.text.StringUtil
import com.intellij.util.EnvironmentUtil
import genv.Active
import genv.Failure
import genv.Genv
import genv.GenvException
import genv.ProjectEnvironment
import genv.findGenv
import java.io.File
import java.nio.file.Files
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch

const val PATH_SETTING = "genv.path"
const val INTERVAL_SETTING = "genv.refreshInterval"
private const val START_LIMIT_MS = 2000L

@Service(Service.Level.PROJECT)
class GenvService(val project: Project, private val scope: CoroutineScope) : Disposable {
    private val uid = (Files.getAttribute(File("/proc/self").toPath(), "unix:uid") as Int).toLong()
    private var environment: ProjectEnvironment? = null
    val listeners = CopyOnWriteArrayList<() -> Unit>()

    val active: Active? get() = environment?.active

    /** For what starts now: others may have changed the environment, or its devices may be somebody else's. */
    fun latest(): Active? = environment?.latest(START_LIMIT_MS)

    /** Looks again, from a thread that may wait. */
    fun refresh() {
        environment?.refresh()
    }

    fun genv(): Genv {
        val setting = PropertiesComponent.getInstance().getValue(PATH_SETTING, "")
        val file = findGenv(setting, EnvironmentUtil.getEnvironmentMap())
            ?: throw GenvException(Failure.MISSING, "genv was not found: set its path in Settings, Tools, genv")
        return Genv(file)
    }

    @Synchronized
    private fun environment(): ProjectEnvironment =
        environment ?: ProjectEnvironment(::genv, ProcessHandle.current().pid(), uid).also { environment = it }

    /** Does it in the background; an error of genv becomes a notification. */
    fun perform(operation: (ProjectEnvironment) -> Unit) {
        scope.launch(Dispatchers.IO) {
            try {
                operation(environment())
            } catch (error: GenvException) {
                tell(error.message.orEmpty())
            }
            listeners.forEach { it() }
        }
    }

    fun activate(environment: ProjectEnvironment) {
        environment.activate(project.name, project.basePath?.let(::File)).forEach(::tell)
    }

    fun tell(message: String) {
        NotificationGroupManager.getInstance().getNotificationGroup("genv")
            .createNotification("genv", StringUtil.escapeXmlEntities(message), NotificationType.ERROR).notify(project)
    }

    /** Whoever closes the project does not wait for it; its keeper ends with the IDE. */
    override fun dispose() {
        val environment = environment ?: return
        Thread { runCatching { environment.deactivate() } }.apply { isDaemon = true }.start()
    }

    companion object {
        fun of(project: Project): GenvService = project.service()
    }
}
