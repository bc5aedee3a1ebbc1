/** The actions of the menu Tools, GPUs. */
package genv.pycharm

import com.intellij.openapi.actionSystem.ActionUpdateThread
import com.intellij.openapi.actionSystem.AnAction
import com.intellij.openapi.actionSystem.AnActionEvent
import com.intellij.openapi.ui.InputValidator
import com.intellij.openapi.ui.Messages
import genv.Field
import genv.isCount
import genv.isMemory
import genv.isName

abstract class GenvAction(private val needsEnvironment: Boolean) : AnAction() {
    override fun getActionUpdateThread() = ActionUpdateThread.BGT

    override fun update(event: AnActionEvent) {
        val project = event.project
        event.presentation.isEnabled = project != null && (!needsEnvironment || GenvService.of(project).active != null)
    }

    override fun actionPerformed(event: AnActionEvent) {
        event.project?.let { perform(GenvService.of(it)) }
    }

    protected abstract fun perform(service: GenvService)

    protected fun ask(question: String, title: String, value: String, isValid: (String) -> Boolean): String? =
        Messages.showInputDialog(question, title, null, value, object : InputValidator {
            override fun checkInput(text: String) = isValid(text)
            override fun canClose(text: String) = isValid(text)
        })
}

class Activate : GenvAction(false) {
    override fun perform(service: GenvService) = service.perform(service::activate)
}

class Deactivate : GenvAction(true) {
    override fun perform(service: GenvService) = service.perform { it.deactivate() }
}

open class Attach(private val share: Boolean = false) : GenvAction(false) {
    override fun perform(service: GenvService) {
        val configured = service.active?.environment?.gpus
        val text = ask("How many devices this project needs:", "GPUs", "${configured ?: 1}") { it.isNotEmpty() && isCount(it) } ?: return
        if (share && !mayShare(service)) return
        service.perform { environment ->
            service.activate(environment)
            environment.attach(text.toInt(), share)
        }
    }
}

private fun mayShare(service: GenvService) = Messages.showYesNoDialog(
    service.project,
    "Free devices are taken first. The holders are not asked; genv tells them who you are.",
    "Share Devices That Other Environments Hold?",
    null,
) == Messages.YES

class Share : Attach(share = true)

class Detach : GenvAction(true) {
    override fun perform(service: GenvService) = service.perform { it.detach() }
}

abstract class Configure(private val field: Field, private val question: String, private val isValid: (String) -> Boolean) :
    GenvAction(true) {
    override fun perform(service: GenvService) {
        val environment = service.active?.environment ?: return
        val value = when (field) {
            Field.NAME -> environment.name
            Field.GPUS -> environment.gpus
            Field.GPU_MEMORY -> environment.gpuMemory
        }
        val text = ask(question, "GPUs", value?.toString().orEmpty(), isValid) ?: return
        service.perform { it.configure(field, text) }
    }
}

class ConfigureName : Configure(Field.NAME, "What others see in lists:", ::isName)

class ConfigureCount : Configure(Field.GPUS, "How many devices this project needs:", ::isCount)

class ConfigureMemory : Configure(Field.GPU_MEMORY, "How much memory of each device to reserve, such as 4g:", ::isMemory)
