package genv

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CoreTest {
    private fun expect(failure: Failure, words: String, operation: () -> Unit) {
        val error = assertThrows(GenvException::class.java, operation)
        assertEquals(failure, error.failure, error.message)
        assertTrue(words in error.message.orEmpty(), error.message)
    }

    @Test
    fun `activate, attach, configure, share, detach, deactivate`() = World().use { world ->
        val project = world.project()
        assertEquals(emptyList<String>(), project.activate("project", null))
        assertEquals("pycharm/project", project.active?.environment?.name)
        assertEquals("-1", project.active?.variables?.get("CUDA_VISIBLE_DEVICES"))
        project.activate("again", null)
        project.attach(2)
        assertEquals("0,1", project.active?.variables?.get("CUDA_VISIBLE_DEVICES"))
        project.configure(Field.GPUS, "3")
        assertEquals(listOf(0, 1, 2), project.active?.environment?.devices)
        project.configure(Field.GPU_MEMORY, "2g")
        assertEquals(2_000_000_000, project.active?.environment?.gpuMemory)
        project.configure(Field.GPU_MEMORY, "")
        project.detach(1)
        project.attachDevice(3, share = false)
        assertEquals(listOf(0, 2, 3), project.active?.environment?.devices)

        val other = world.project()
        other.activate("other", null)
        expect(Failure.REFUSED, "cannot attach 2 devices") { other.attach(2) }
        other.attach(2, share = true)
        assertEquals(2, other.active?.environment?.devices?.size)
        assertEquals("GPU 0, 0%, 0 B of 16 GiB, this project, ${world.genv.snapshot().environments[0].username}: pycharm/other", deviceRow(world.genv.snapshot().devices[0], world.genv.snapshot(), project.active?.environment?.eid).joinToString())
        project.deactivate()
        assertNull(project.active)
        assertEquals(listOf("pycharm/other"), world.genv.environments().map { it.name })
    }

    @Test
    fun `two projects of one IDE are two environments, and end with it`() = World().use { world ->
        val ide = world.ide()
        val projects = listOf(world.project(ide), world.project(ide))
        projects.forEach { it.activate("project", null) }
        projects.forEach { it.attach(1) }
        assertEquals(2, world.genv.environments().size)
        projects[0].deactivate()
        projects[1].refresh()
        assertEquals(listOf(1), projects[1].active?.environment?.devices)
        ide.destroyForcibly()
        while (projects[1].refresh()) Thread.sleep(20)
        assertNull(projects[1].active)
        expect(Failure.REFUSED, "no environment") { projects[1].attach(1) }
    }

    @Test
    fun `the configuration of the project is loaded, and too few devices are a complaint`() = World(1).use { world ->
        File(world.folder, "project/.genv").mkdirs()
        File(world.folder, "project/.genv/gpus").writeText("2\n")
        File(world.folder, "project/.genv/name").writeText("saved\n")
        val project = world.project()
        val complaints = project.activate("project", File(world.folder, "project"))
        assertTrue("cannot attach 2 devices" in complaints.joinToString(), complaints.joinToString())
        assertEquals("saved", project.active?.environment?.name)
    }

    @Test
    fun `names arrive as they are`() = World().use { world ->
        for (name in listOf("a, b", "\"quoted\"", "it's", "<html><b>x", "\$(touch x) `id`", "--eid", "名前 🐍")) {
            val project = world.project()
            project.activate("x", null)
            project.configure(Field.NAME, name)
            assertEquals(name, project.active?.environment?.name)
            assertEquals(name, project.active?.variables?.get("GENV_ENVIRONMENT_NAME"))
            project.deactivate()
        }
        assertEquals("a b c", environmentName("a\nb\u202ec\u0007"))
        assertEquals("x".repeat(127), environmentName("x".repeat(127) + "🐍"))
        assertFalse(plain("<html>x").startsWith("<"))
    }

    @Test
    fun `genv missing, old, slow, silent or wrong`() = World().use { world ->
        fun call(script: String, patienceMs: Long = 60_000) = world.genv(world.program(script), patienceMs)
        expect(Failure.MISSING, "cannot run /none/genv") { world.genv(File("/none/genv")).snapshot() }
        expect(Failure.MISSING, "cannot run /etc/passwd") { world.genv(File("/etc/passwd")).keep(1, "", null) }
        expect(Failure.OLD, "unknown command") { call("echo \"genv: unknown command 'envs keep'\" >&2; exit 2").keep(1, "", null) }
        expect(Failure.OLD, "invalid choice") { call("echo \"genv: error: invalid choice: 'snapshot'\" >&2; exit 2").snapshot() }
        expect(Failure.SLOW, "within 0.1 seconds") { call("exec sleep 600", 100).snapshot() }
        expect(Failure.SLOW, "within 0.1 seconds") { call("exec sleep 600", 100).keep(1, "", null) }
        expect(Failure.BROKEN, "status 3, without a message") { call("exit 3").snapshot() }
        expect(Failure.SLOW, "within 0.1 seconds") { call("sleep 5; exit", 100).snapshot() }
        for (output in listOf("<html>", "word", "{\"a\"")) expect(Failure.BROKEN, "did not print JSON") { call("echo '$output'").snapshot() }
        for (output in listOf("null", "[]", "{\"devices\":3,\"envs\":[null,{\"devices\":\"x\"}]}")) assertTrue(call("echo '$output'").snapshot().devices.isEmpty())
        expect(Failure.REFUSED, "process 999999999") { world.genv.keep(999_999_999, "", null) }
    }

    @Test
    fun `what could not be activated holds nothing, and the next activation works`() = World().use { world ->
        val project = world.project()
        world.used = world.around("case \"\$*\" in 'envs variables'*) echo 'genv: no' >&2; exit 1 ;; esac")
        repeat(3) {
            expect(Failure.REFUSED, "no") { project.activate("project", null) }
            while (world.genv.environments().isNotEmpty()) Thread.sleep(20)
        }
        world.used = world.around("case \"\$*\" in 'envs variables'* | 'envs deactivate'*) echo 'genv: no' >&2; exit 1 ;; esac")
        expect(Failure.REFUSED, "no") { project.activate("project", null) }
        val left = world.genv.environments().single().eid
        world.used = world.genv
        project.activate("project", null)
        assertEquals(listOf(project.active?.environment?.eid), world.genv.environments().map { it.eid })
        assertEquals(left, project.active?.environment?.eid)
    }

    @Test
    fun `a genv that creates the environment and then hangs behind a script`() = World().use { world ->
        val project = world.project()
        val real = world.genv.file
        world.used = world.around("case \"\$*\" in 'envs keep'*) $real \"\$@\" >&2; sleep 600; exit ;; esac", 3000)
        expect(Failure.SLOW, "did not answer") { project.activate("project", null) }
        while (world.genv.environments().isNotEmpty()) Thread.sleep(20)
    }

    @Test
    fun `what others change is seen by what starts next, unless genv is slow`() = World().use { world ->
        val project = world.project()
        project.activate("project", null)
        val eid = project.active!!.environment.eid
        world.genv.attach(eid, count = 2)
        assertEquals("0,1", project.latest(60_000)?.variables?.get("CUDA_VISIBLE_DEVICES"))
        world.used = world.genv(world.program("exec sleep 600"), 500)
        assertEquals("0,1", project.latest(50)?.variables?.get("CUDA_VISIBLE_DEVICES"))
        expect(Failure.SLOW, "did not answer") { project.refresh() }
    }

    @Test
    fun `deactivation of an environment that has ended elsewhere`() = World().use { world ->
        val ide = world.ide()
        val project = world.project(ide)
        project.activate("project", null)
        ide.destroyForcibly().waitFor()
        while (world.genv.environments().isNotEmpty()) Thread.sleep(20)
        project.deactivate()
        assertNull(project.active)
        assertNull(project.latest(60_000))
    }

    @Test
    fun `a list that is not one does not end the environment`() = World().use { world ->
        val project = world.project()
        project.activate("project", null)
        for (odd in listOf("{}", "null")) {
            world.used = world.genv(world.program("echo '$odd'"))
            expect(Failure.BROKEN, "did not print a list") { project.refresh() }
        }
        assertTrue(project.active != null)
    }

    @Test
    fun `where genv is looked for`() = World().use { world ->
        val file = File(world.folder, "genv").apply { writeText("#!/bin/sh\n"); setExecutable(true) }
        assertEquals(file, findGenv("", mapOf("PATH" to "relative:/none:${world.folder}")))
        assertEquals(file, findGenv("~/genv", mapOf("HOME" to "${world.folder}")))
        assertNull(findGenv("genv", mapOf("PATH" to "${world.folder}")))
        assertNull(findGenv("${world.folder}", emptyMap()))
    }

    @Test
    fun `programs are in the environment, and what the user has set stays`() {
        val variables = mapOf("CUDA_VISIBLE_DEVICES" to "0", "GENV_GPUS" to null, "PATH" to "/shims:/bin")
        assertEquals(mapOf("CUDA_VISIBLE_DEVICES" to "0", "PATH" to "/shims:/bin"), inside(variables, emptyMap(), "/bin"))
        assertEquals(
            mapOf("CUDA_VISIBLE_DEVICES" to "1", "PATH" to "/shims:/venv/bin", "A" to "b"),
            inside(variables, mapOf("CUDA_VISIBLE_DEVICES" to "1", "PATH" to "/venv/bin:/shims", "A" to "b"), "/bin"),
        )
    }

    @Test
    fun `amounts and what people type`() {
        assertEquals(listOf("0 B", "1 KiB", "1.4 GiB", "12 GiB"), listOf(0L, 1024L, 1_500_000_000L, 13_314_398_617L).map(::amount))
        assertTrue(listOf("", "0", "12").all(::isCount) && listOf("-1", "1.5", "x").none(::isCount))
        assertEquals(listOf(1000, 5000, 3_600_000), listOf(-1, 5, Int.MAX_VALUE).map(::intervalMs))
        assertTrue(listOf("", "4g", "512Mi", "1000").all(::isMemory) && listOf("0", "4q", "-1", "1.5g").none(::isMemory))
        assertTrue(isName("a b") && !isName("a\nb") && !isName(" a"))
        assertEquals("GPUs", statusText(null))
    }
}
