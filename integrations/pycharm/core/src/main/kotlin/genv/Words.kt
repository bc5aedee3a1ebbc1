/** Texts for people, checks of what they type, and the variables of what the IDE starts. */
package genv

private const val NAME_BYTES = 128
private val unprintable = Regex("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]+")

/** 2147483648 as "2 GiB", 1500000000 as "1.4 GiB". */
fun amount(bytes: Long): String {
    var value = bytes.toDouble()
    var unit = 0
    val units = listOf("B", "KiB", "MiB", "GiB", "TiB")
    while (value >= 1024 && unit < units.lastIndex) {
        value /= 1024
        unit += 1
    }
    val digits = if (value >= 10 || value % 1 == 0.0) 0 else 1
    return String.format(java.util.Locale.ROOT, "%.${digits}f %s", value, units[unit])
}

/** As much of the text as genv takes as the name of an environment. */
fun environmentName(text: String): String {
    val clean = text.replace(unprintable, " ").trim()
    val name = StringBuilder()
    var bytes = 0
    for (point in clean.codePoints().toArray()) {
        val character = String(Character.toChars(point))
        bytes += character.encodeToByteArray().size
        if (bytes > NAME_BYTES) break
        name.append(character)
    }
    return name.toString()
}

/** Text for a label of Swing, which takes what begins with <html> for markup. */
fun plain(text: String): String = text.replace(unprintable, " ").let { if (it.trimStart().startsWith("<html", true)) "\u200b$it" else it }

fun isName(text: String) = environmentName(text) == text

fun isCount(text: String) = Regex("(\\d{1,4})?").matches(text)

fun isMemory(text: String) = Regex("([1-9]\\d*([kmg]i?|b)?)?", RegexOption.IGNORE_CASE).matches(text)

const val INTERVAL_S = 5

/** A setting in seconds, whatever is written there: neither without a pause, nor longer than a timer can wait. */
fun intervalMs(seconds: Int) = seconds.coerceIn(1, 3600) * 1000

/** "GPU 0", "45%", "7 GiB of 80 GiB", "bob: train" */
fun deviceRow(device: Device, snapshot: Snapshot, own: String?): List<String> {
    val used = listOfNotNull(device.usedMemory, device.totalMemory).joinToString(" of ") { amount(it) }
    val holders = device.attachments.joinToString(", ") { attachment ->
        val environment = snapshot.environments.find { it.eid == attachment.eid }
        when {
            attachment.eid == own -> "this project"
            environment == null -> attachment.eid
            environment.name == null -> plain(environment.username)
            else -> plain("${environment.username}: ${environment.name}")
        }
    }
    val state = if (device.state == "ok") holders.ifEmpty { "free" } else plain(device.state)
    return listOf("GPU ${device.index}", device.utilization?.let { "$it%" }.orEmpty(), used, state)
}

/** The status bar. */
fun statusText(active: Active?): String = when (val count = active?.environment?.devices?.size) {
    null -> "GPUs"
    0 -> "No GPUs"
    1 -> "1 GPU"
    else -> "$count GPUs"
}

/**
 * The environment of a program that the IDE starts, as [given] by its run configuration, in the environment of the
 * project. What the user has set there stays; [path] is the IDE's PATH.
 */
fun inside(variables: Map<String, String?>, given: Map<String, String>, path: String): Map<String, String> {
    val shims = variables["PATH"].orEmpty().substringBefore(':')
    val rest = (given["PATH"] ?: path).split(':').filter { it != shims }
    val ours = variables.filterKeys { it != "PATH" }.mapNotNull { (name, value) -> value?.let { name to it } }.toMap()
    return ours + given + if (shims.isEmpty()) emptyMap() else mapOf("PATH" to (listOf(shims) + rest).joinToString(":"))
}
