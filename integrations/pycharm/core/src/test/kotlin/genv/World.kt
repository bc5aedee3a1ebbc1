package genv

import java.io.File
import java.nio.file.Files

/** A state directory of its own for the real genv, with simulated devices. */
class World(devices: Int = 4) : AutoCloseable {
    val folder: File = Files.createTempDirectory("genv-pycharm").toFile()
    private val env = mapOf("GENV_TMPDIR" to "$folder/state", "GENV_DEVICES" to "$devices", "HOME" to "$folder")
    private val started = mutableListOf<Process>()
    private val path = System.getenv("GENV_BIN") ?: "genv"
    val genv = genv(File(path))

    /** The one that projects use. */
    @Volatile
    var used = genv

    fun genv(file: File, patienceMs: Long = 60_000) = Genv(file, env, patienceMs)

    /** A process that stands for the IDE. */
    fun ide(): Process = ProcessBuilder("sleep", "600").start().also { started += it }

    fun project(ide: Process = ide()) = ProjectEnvironment({ used }, ide.pid(), uid)

    /** A program in place of genv. */
    fun program(script: String): File = File.createTempFile("program", "", folder).apply {
        writeText("#!/bin/sh\n$script\n")
        setExecutable(true)
    }

    /** genv but for what [script] does first. */
    fun around(script: String, patienceMs: Long = 60_000) = genv(program("$script\nexec $path \"\$@\""), patienceMs)

    override fun close() {
        started.forEach { it.destroyForcibly().waitFor() }
        while (genv.environments().isNotEmpty()) Thread.sleep(20)
        folder.deleteRecursively()
    }

    companion object {
        val uid = (Files.getAttribute(File("/proc/self").toPath(), "unix:uid") as Int).toLong()
    }
}
