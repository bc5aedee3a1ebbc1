/** What `genv snapshot` and `genv envs --format json` print; unknown figures are null. */
package genv

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject

data class Attachment(val eid: String, val gpuMemory: Long?)

data class Device(
    val index: Int,
    val uuid: String,
    val name: String,
    val state: String,
    val totalMemory: Long?,
    val usedMemory: Long?,
    val utilization: Int?,
    val attachments: List<Attachment>,
)

data class Environment(
    val eid: String,
    val uid: Long,
    val username: String,
    val name: String?,
    val gpus: Int?,
    val gpuMemory: Long?,
    val devices: List<Int>,
)

data class Snapshot(val devices: List<Device>, val environments: List<Environment>)

private fun JsonElement?.asObject() = this as? JsonObject ?: JsonObject()

private fun JsonElement?.asList() = this as? JsonArray ?: JsonArray()

private fun JsonObject.text(key: String): String? =
    get(key)?.takeIf { it.isJsonPrimitive && it.asJsonPrimitive.isString }?.asString

private fun JsonElement?.number(): Number? = this?.takeIf { it.isJsonPrimitive && it.asJsonPrimitive.isNumber }?.asNumber

private fun JsonObject.long(key: String): Long? = get(key).number()?.toLong()

private fun JsonObject.int(key: String): Int? = get(key).number()?.toInt()

private fun device(json: JsonObject) = Device(
    index = json.int("index") ?: -1,
    uuid = json.text("uuid").orEmpty(),
    name = json.text("name").orEmpty(),
    state = json.text("state") ?: "ok",
    totalMemory = json.long("total_memory"),
    usedMemory = json.long("used_memory"),
    utilization = json.int("utilization"),
    attachments = json["attachments"].asList().map { it.asObject() }
        .map { Attachment(it.text("eid").orEmpty(), it.long("gpu_memory")) },
)

private fun environment(json: JsonObject) = Environment(
    eid = json.text("eid").orEmpty(),
    uid = json.long("uid") ?: -1,
    username = json.text("username").orEmpty(),
    name = json.text("name")?.ifEmpty { null },
    gpus = json.int("gpus"),
    gpuMemory = json.long("gpu_memory"),
    devices = json["devices"].asList().mapNotNull { it.number()?.toInt() },
)

fun parseEnvironments(json: JsonElement): List<Environment> = json.asList().map { environment(it.asObject()) }

fun parseSnapshot(json: JsonElement): Snapshot = json.asObject().let { top ->
    Snapshot(top["devices"].asList().map { device(it.asObject()) }, parseEnvironments(top["envs"] ?: JsonArray()))
}
