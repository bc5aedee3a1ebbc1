/* The state of a machine, and the JSON of `genv snapshot`. */
#include "model/snapshot.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/user.h"
#include "model/config.h"
#include "model/env.h"

const char *const snapshot_states[SNAPSHOT_STATE_COUNT] = {
    [GENV_DEVICE_OK] = "ok",
    [GENV_DEVICE_LOST] = "lost",
    [GENV_DEVICE_FORBIDDEN] = "forbidden",
    [GENV_DEVICE_FAILED] = "failed",
};

GENV_PUBLIC void genv_snapshot_free(struct genv_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (size_t i = 0; i < snapshot->env_count; i++)
        env_release(&snapshot->envs[i]);
    for (size_t i = 0; i < snapshot->process_count; i++)
        free(snapshot->processes[i].usages);
    free(snapshot->devices);
    free(snapshot->envs);
    free(snapshot->processes);
    free(snapshot);
}

GENV_PUBLIC const struct genv_env *genv_snapshot_env(const struct genv_snapshot *snapshot, const char *eid)
{
    const struct env_list list = {snapshot->envs, snapshot->env_count};

    return env_list_find(&list, eid);
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_text(text) : json_null();
}

static json_t *bytes_or_null(uint64_t bytes, uint64_t unknown)
{
    return bytes == unknown ? json_null() : json_integer((json_int_t)bytes);
}

static json_t *number_or_null(long long number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *time_to_json(struct timespec time)
{
    char text[RFC3339_SIZE];

    rfc3339_format(time, text);
    return json_string(text);
}

static void username(uid_t uid, const char *told, char *name)
{
    if (*told || uid == (uid_t)-1)
        copy_string(name, GENV_USERNAME_SIZE, told);
    else
        user_name(uid, name, GENV_USERNAME_SIZE);
}

GENV_PUBLIC void genv_env_username(const struct genv_env *env, char *name)
{
    username(env->uid, env->username, name);
}

GENV_PUBLIC void genv_gpu_process_username(const struct genv_gpu_process *process, char *name)
{
    username(process->uid, process->username, name);
}

static json_t *attachments_to_json(const struct genv_snapshot *snapshot, const char *uuid)
{
    json_t *array = json_array();

    for (size_t i = 0; *uuid && i < snapshot->env_count; i++) {
        const struct genv_env *env = &snapshot->envs[i];
        const struct genv_attachment *attachment = genv_env_attachment(env, uuid);

        if (attachment)
            json_array_append_new(array, json_pack("{s:s, s:o, s:o}", "eid", env->eid, "gpu_memory",
                                                   bytes_or_null(attachment->gpu_memory, 0), "time",
                                                   time_to_json(attachment->time)));
    }
    return array;
}

static json_t *device_to_json(const struct genv_snapshot *snapshot, const struct genv_device *device)
{
    const struct genv_sample *sample = &device->sample;

    return json_pack(
        "{s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "index", (int)device->index, "vendor",
        text_or_null(device->id.vendor), "uuid", text_or_null(device->id.uuid), "parent",
        text_or_null(device->id.parent), "pci_bus_id", text_or_null(device->pci_bus_id), "name",
        text_or_null(device->name), "state", snapshot_states[device->state], "mig", device->mig, "total_memory",
        bytes_or_null(device->total_memory, 0), "used_memory", bytes_or_null(sample->used_memory, GENV_UNKNOWN_U64),
        "utilization", number_or_null(sample->utilization), "temperature", number_or_null(sample->temperature), "power",
        sample->power_mw < 0 ? json_null() : json_real((double)sample->power_mw / 1000), "attachments",
        attachments_to_json(snapshot, device->id.uuid));
}

static json_t *env_to_json(const struct genv_env *env)
{
    json_t *pids = json_array(), *kernel_ids = json_array(), *devices = json_array(), *uuids = json_array();
    json_t *json, *rest;
    char name[GENV_USERNAME_SIZE];

    genv_env_username(env, name);
    for (size_t i = 0; i < env->process_count; i++)
        json_array_append_new(pids, json_integer(env->processes[i].pid));
    for (size_t i = 0; i < env->kernel_count; i++)
        json_array_append_new(kernel_ids, json_string(env->kernels[i].id));
    for (size_t i = 0; i < env->attachment_count; i++)
        json_array_append_new(devices, number_or_null(env->attachments[i].index));
    for (size_t i = 0; i < env->attachment_count; i++)
        json_array_append_new(uuids, json_string(env->attachments[i].device.uuid));
    json = json_pack("{s:s, s:I, s:s}", "eid", env->eid, "uid", (json_int_t)env->uid, "username", name);
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
        json_object_set_new(json, config_fields[i].key, config_field_to_json(&config_fields[i], &env->config));
    rest = json_pack("{s:o, s:o, s:o, s:o, s:o}", "created", time_to_json(env->created), "pids", pids, "kernel_ids",
                     kernel_ids, "devices", devices, "uuids", uuids);
    json_object_update(json, rest);
    json_decref(rest);
    return json;
}

static json_t *process_to_json(const struct genv_gpu_process *process)
{
    bool known = process->uid != (uid_t)-1;
    json_t *usage = json_array();
    char name[GENV_USERNAME_SIZE];

    genv_gpu_process_username(process, name);
    for (size_t i = 0; i < process->usage_count; i++)
        json_array_append_new(usage, json_pack("{s:i, s:o, s:o}", "index", (int)process->usages[i].index, "uuid",
                                               text_or_null(process->usages[i].uuid), "used_memory",
                                               bytes_or_null(process->usages[i].used_memory, GENV_UNKNOWN_U64)));
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "pid", (int)process->pid, "start_time",
                     bytes_or_null(process->start_time, 0), "eid", text_or_null(process->eid), "uid",
                     known ? json_integer(process->uid) : json_null(), "username", text_or_null(name), "command",
                     text_or_null(process->command), "usage", usage);
}

static json_t *envs_to_json(const struct genv_snapshot *snapshot)
{
    json_t *array = json_array();

    for (size_t i = 0; i < snapshot->env_count; i++)
        json_array_append_new(array, env_to_json(&snapshot->envs[i]));
    return array;
}

static json_t *devices_to_json(const struct genv_snapshot *snapshot)
{
    json_t *array = json_array();

    for (size_t i = 0; i < snapshot->device_count; i++)
        json_array_append_new(array, device_to_json(snapshot, &snapshot->devices[i]));
    return array;
}

static json_t *processes_to_json(const struct genv_snapshot *snapshot)
{
    json_t *array = json_array();

    for (size_t i = 0; i < snapshot->process_count; i++)
        json_array_append_new(array, process_to_json(&snapshot->processes[i]));
    return array;
}

/* Takes @json over. */
static char *print_json(json_t *json)
{
    cleanup_text struct text text = TEXT_INIT;
    cleanup_free char *printed = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;

    json_decref(json);
    if (!printed)
        return NULL;
    text_add(&text, printed);
    text_add(&text, "\n");
    return text_take(&text);
}

GENV_PUBLIC char *genv_snapshot_to_json(const struct genv_snapshot *snapshot)
{
    return print_json(json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", SNAPSHOT_VERSION, "hostname",
                                json_text(snapshot->hostname), "time", time_to_json(snapshot->time), "driver",
                                text_or_null(snapshot->driver), "devices", devices_to_json(snapshot), "envs",
                                envs_to_json(snapshot), "processes", processes_to_json(snapshot)));
}

GENV_PUBLIC char *genv_snapshot_envs_to_json(const struct genv_snapshot *snapshot)
{
    return print_json(envs_to_json(snapshot));
}

GENV_PUBLIC char *genv_snapshot_devices_to_json(const struct genv_snapshot *snapshot)
{
    return print_json(devices_to_json(snapshot));
}
