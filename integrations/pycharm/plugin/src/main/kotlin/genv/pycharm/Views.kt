/** The tool window with the devices, which looks at them while it is visible, the status bar, and the settings. */
package genv.pycharm

import com.intellij.ide.util.PropertiesComponent
import com.intellij.openapi.application.ApplicationManager
import com.intellij.openapi.options.BoundConfigurable
import com.intellij.openapi.project.Project
import com.intellij.openapi.ui.DialogPanel
import com.intellij.openapi.wm.StatusBar
import com.intellij.openapi.wm.StatusBarWidget
import com.intellij.openapi.wm.StatusBarWidgetFactory
import com.intellij.openapi.wm.ToolWindow
import com.intellij.openapi.wm.ToolWindowFactory
import com.intellij.ui.components.JBLabel
import com.intellij.ui.components.JBScrollPane
import com.intellij.ui.dsl.builder.bindIntText
import com.intellij.ui.dsl.builder.bindText
import com.intellij.ui.dsl.builder.panel
import com.intellij.ui.table.JBTable
import genv.GenvException
import genv.INTERVAL_S
import genv.deviceRow
import genv.intervalMs
import genv.plain
import genv.statusText
import java.awt.BorderLayout
import java.awt.Component
import javax.swing.JPanel
import javax.swing.Timer
import javax.swing.table.DefaultTableModel

private fun interval() = PropertiesComponent.getInstance().getInt(INTERVAL_SETTING, INTERVAL_S)

class GpusWindow : ToolWindowFactory {
    override fun createToolWindowContent(project: Project, toolWindow: ToolWindow) {
        val service = GenvService.of(project)
        val table = DefaultTableModel(arrayOf("Device", "Use", "Memory", "Held by"), 0)
        val message = JBLabel()
        val panel = JPanel(BorderLayout()).apply {
            add(message, BorderLayout.NORTH)
            add(JBScrollPane(JBTable(table).apply { setDefaultEditor(Any::class.java, null) }), BorderLayout.CENTER)
        }
        val content = toolWindow.contentManager.factory.createContent(panel, "", false)

        fun look() = ApplicationManager.getApplication().executeOnPooledThread {
            val (rows, words) = try {
                service.refresh()
                val snapshot = service.genv().snapshot()
                val own = service.active?.environment?.eid
                snapshot.devices.map { deviceRow(it, snapshot, own) } to ""
            } catch (error: GenvException) {
                null to plain(error.message.orEmpty())
            }
            ApplicationManager.getApplication().invokeLater {
                message.text = words
                if (rows != null) {
                    table.rowCount = 0
                    rows.forEach { table.addRow(it.toTypedArray()) }
                }
            }
        }

        val timer = Timer(intervalMs(interval())) { event ->
            (event.source as Timer).delay = intervalMs(interval())
            if (toolWindow.isVisible) look()
        }
        val listener: () -> Unit = { look() }
        service.listeners += listener
        content.setDisposer {
            timer.stop()
            service.listeners -= listener
        }
        toolWindow.contentManager.addContent(content)
        timer.start()
        look()
    }
}

class StatusFactory : StatusBarWidgetFactory {
    override fun getId() = "genv"
    override fun getDisplayName() = "GPUs"
    override fun createWidget(project: Project): StatusBarWidget = Status(project)
}

private class Status(private val project: Project) : StatusBarWidget, StatusBarWidget.TextPresentation {
    private val service = GenvService.of(project)
    private var listener: (() -> Unit)? = null

    override fun ID() = "genv"
    override fun getPresentation() = this
    override fun getText() = statusText(service.active)
    override fun getTooltipText() = "GPUs of this project"
    override fun getAlignment() = Component.CENTER_ALIGNMENT

    override fun install(statusBar: StatusBar) {
        listener = { statusBar.updateWidget("genv") }.also { service.listeners += it }
    }

    override fun dispose() {
        listener?.let { service.listeners -= it }
    }
}

class SettingsPage : BoundConfigurable("genv") {
    override fun createPanel(): DialogPanel = panel {
        row("Path of genv:") {
            textField()
                .bindText(
                    { PropertiesComponent.getInstance().getValue(PATH_SETTING, "") },
                    { PropertiesComponent.getInstance().setValue(PATH_SETTING, it, "") },
                )
                .comment("If it is empty, genv is looked for in PATH, ~/.local/bin, /usr/local/bin and /usr/bin.")
        }
        row("Seconds between updates of the devices:") {
            intTextField(1..3600)
                .bindIntText(::interval) { PropertiesComponent.getInstance().setValue(INTERVAL_SETTING, it, INTERVAL_S) }
        }
    }
}
