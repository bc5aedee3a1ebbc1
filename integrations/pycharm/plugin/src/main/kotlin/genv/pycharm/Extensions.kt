/** What the IDE starts is in the environment of the project: Python's run and debug configurations, and terminals. */
package genv.pycharm

import com.intellij.execution.configurations.GeneralCommandLine
import com.intellij.execution.configurations.RunnerSettings
import com.intellij.openapi.project.Project
import com.jetbrains.python.run.AbstractPythonRunConfiguration
import com.jetbrains.python.run.PythonRunConfigurationExtension
import genv.inside
import org.jetbrains.plugins.terminal.LocalTerminalCustomizer

class RunExtension : PythonRunConfigurationExtension() {
    override fun isApplicableFor(configuration: AbstractPythonRunConfiguration<*>) = true

    override fun isEnabledFor(configuration: AbstractPythonRunConfiguration<*>, settings: RunnerSettings?) =
        GenvService.of(configuration.project).active != null

    override fun patchCommandLine(
        configuration: AbstractPythonRunConfiguration<*>,
        settings: RunnerSettings?,
        line: GeneralCommandLine,
        runnerId: String,
    ) {
        val active = GenvService.of(configuration.project).latest() ?: return
        val path = line.parentEnvironment["PATH"].orEmpty()
        line.withEnvironment(inside(active.variables, line.environment, path))
    }
}

class TerminalExtension : LocalTerminalCustomizer() {
    override fun customizeCommandAndEnvironment(
        project: Project,
        workingDirectory: String?,
        command: Array<String>,
        envs: MutableMap<String, String>,
    ): Array<String> {
        GenvService.of(project).latest()?.let { envs += inside(it.variables, envs, System.getenv("PATH").orEmpty()) }
        return command
    }
}
