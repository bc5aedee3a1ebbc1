/* The JSON of `genv snapshot`: written, and read back from another host, whose word is not to be trusted. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/config.h"
#include "model/env.h"

#define VERSION 1

static const char *const states[] = {
    [GENV_DEVICE_OK] = "ok",
    [GENV_DEVICE_LOST] = "lost",
    [GENV_DEVICE_FORBIDDEN] = "forbidden",
    [GENV_DEVICE_FAILED] = "failed",
};

/* The JSON lists the attachments under their devices, struct genv_snapshot under the environments. */
struct attachment_entry {
    char eid[GENV_EID_MAX + 1];
    uint64_t gpu_memory;
    struct timespec time;
};

struct device_entry {
    struct genv_device device;
    int index;
    char state[64];
    double power; /* watts */
    struct attachment_entry *attachments;
    size_t attachment_count;
};

struct env_entry {
    struct genv_env env;
    uint64_t uid;
};

struct process_entry {
    struct genv_gpu_process process;
    uint64_t uid;
};

struct snapshot_entry {
    int version;
    struct genv_snapshot snapshot; /* its lists are those below */
    struct device_entry *devices;
    size_t device_count;
    struct env_entry *envs;
    size_t env_count;
    struct process_entry *processes;
    size_t process_count;
};

#define TEXT(name, type, member)                                                                                       \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_TEXT, .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)  \
    }
#define TEXT_OR_NULL(name, type, member)                                                                               \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_TEXT, .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member), \
        .optional = true, .nullable = true                                                                             \
    }
#define NUMBER(name, json_kind, type, member)                                                                          \
    {                                                                                                                  \
        .key = name, .kind = (json_kind), .offset = offsetof(type, member)                                             \
    }
#define NUMBER_OR_NULL(name, json_kind, type, member, unknown)                                                         \
    {                                                                                                                  \
        .key = name, .kind = (json_kind), .offset = offsetof(type, member), .optional = true, .nullable = true,        \
        .absent = (unknown)                                                                                            \
    }
#define LIST(name, type, list, counter, table)                                                                         \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_ARRAY, .offset = offsetof(type, list), .count_offset = offsetof(type, counter), \
        .element = &(table)                                                                                            \
    }
#define DERIVED_LIST(name, type, list, counter, table)                                                                 \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_ARRAY, .offset = offsetof(type, list), .count_offset = offsetof(type, counter), \
        .element = &(table), .derived = true                                                                           \
    }
#define CONFIG_FIELD(field, member, kind, ...) CONFIG_JSON_FIELD(struct env_entry, env.config, member, kind, true),
#define TABLE(name, type, fields)              static const struct json_table name = {sizeof(type), ARRAY_SIZE(fields), fields}

static const struct json_field attachment_fields[] = {
    TEXT("eid", struct attachment_entry, eid),
    NUMBER_OR_NULL("gpu_memory", JSON_KIND_U64, struct attachment_entry, gpu_memory, 0),
    NUMBER("time", JSON_KIND_TIME, struct attachment_entry, time),
};
TABLE(attachment_table, struct attachment_entry, attachment_fields);

static const struct json_field device_fields[] = {
    NUMBER("index", JSON_KIND_I32, struct device_entry, index),
    TEXT_OR_NULL("vendor", struct device_entry, device.id.vendor),
    TEXT_OR_NULL("uuid", struct device_entry, device.id.uuid),
    TEXT_OR_NULL("parent", struct device_entry, device.id.parent),
    TEXT_OR_NULL("pci_bus_id", struct device_entry, device.pci_bus_id),
    TEXT_OR_NULL("name", struct device_entry, device.name),
    TEXT_OR_NULL("state", struct device_entry, state),
    NUMBER_OR_NULL("mig", JSON_KIND_BOOL, struct device_entry, device.mig, 0),
    NUMBER_OR_NULL("unified_memory", JSON_KIND_BOOL, struct device_entry, device.unified_memory, 0),
    NUMBER_OR_NULL("total_memory", JSON_KIND_U64, struct device_entry, device.total_memory, 0),
    NUMBER_OR_NULL("used_memory", JSON_KIND_U64, struct device_entry, device.sample.used_memory, -1),
    NUMBER_OR_NULL("utilization", JSON_KIND_I32, struct device_entry, device.sample.utilization, GENV_UNKNOWN_INT),
    NUMBER_OR_NULL("temperature", JSON_KIND_I32, struct device_entry, device.sample.temperature, GENV_UNKNOWN_INT),
    NUMBER_OR_NULL("power", JSON_KIND_REAL, struct device_entry, power, -1),
    LIST("attachments", struct device_entry, attachments, attachment_count, attachment_table),
};
TABLE(device_table, struct device_entry, device_fields);

static const struct json_field pid_fields[] = {NUMBER(NULL, JSON_KIND_I32, struct genv_process, pid)};
TABLE(pid_table, struct genv_process, pid_fields);

static const struct json_field kernel_fields[] = {TEXT(NULL, struct genv_kernel, id)};
TABLE(kernel_table, struct genv_kernel, kernel_fields);

static const struct json_field index_fields[] = {
    NUMBER_OR_NULL(NULL, JSON_KIND_I32, struct genv_attachment, index, -1)};
TABLE(index_table, struct genv_attachment, index_fields);

static const struct json_field uuid_fields[] = {TEXT(NULL, struct genv_attachment, device.uuid)};
TABLE(uuid_table, struct genv_attachment, uuid_fields);

static const struct json_field env_fields[] = {
    TEXT("eid", struct env_entry, env.eid),
    NUMBER("uid", JSON_KIND_U64, struct env_entry, uid),
    TEXT("username", struct env_entry, env.username),
    GENV_CONFIG_FIELDS(CONFIG_FIELD) /* a row each */
    NUMBER("created", JSON_KIND_TIME, struct env_entry, env.created),
    LIST("pids", struct env_entry, env.processes, env.process_count, pid_table),
    LIST("kernel_ids", struct env_entry, env.kernels, env.kernel_count, kernel_table),
    DERIVED_LIST("devices", struct env_entry, env.attachments, env.attachment_count, index_table),
    DERIVED_LIST("uuids", struct env_entry, env.attachments, env.attachment_count, uuid_table),
    NUMBER_OR_NULL("isolated", JSON_KIND_BOOL, struct env_entry, env.isolated, 0),
};
TABLE(env_table, struct env_entry, env_fields);

static const struct json_field usage_fields[] = {
    NUMBER("index", JSON_KIND_I32, struct genv_usage, index), /* never negative, so it is the same as unsigned */
    TEXT_OR_NULL("uuid", struct genv_usage, uuid),
    NUMBER_OR_NULL("used_memory", JSON_KIND_U64, struct genv_usage, used_memory, -1),
};
TABLE(usage_table, struct genv_usage, usage_fields);
_Static_assert(sizeof(unsigned) == sizeof(int), "an index is read as what it is");

static const struct json_field process_fields[] = {
    NUMBER("pid", JSON_KIND_I32, struct process_entry, process.pid),
    NUMBER_OR_NULL("start_time", JSON_KIND_U64, struct process_entry, process.start_time, 0),
    TEXT_OR_NULL("eid", struct process_entry, process.eid),
    NUMBER_OR_NULL("uid", JSON_KIND_U64, struct process_entry, uid, -1),
    TEXT_OR_NULL("username", struct process_entry, process.username),
    TEXT_OR_NULL("command", struct process_entry, process.command),
    LIST("usage", struct process_entry, process.usages, process.usage_count, usage_table),
};
TABLE(process_table, struct process_entry, process_fields);

static const struct json_field snapshot_fields[] = {
    NUMBER("version", JSON_KIND_I32, struct snapshot_entry, version),
    TEXT("hostname", struct snapshot_entry, snapshot.hostname),
    NUMBER("time", JSON_KIND_TIME, struct snapshot_entry, snapshot.time),
    TEXT_OR_NULL("driver", struct snapshot_entry, snapshot.driver),
    LIST("devices", struct snapshot_entry, devices, device_count, device_table),
    LIST("envs", struct snapshot_entry, envs, env_count, env_table),
    LIST("processes", struct snapshot_entry, processes, process_count, process_table),
};
TABLE(snapshot_table, struct snapshot_entry, snapshot_fields);

static const struct json_field devices_alone[] = {
    LIST(NULL, struct snapshot_entry, devices, device_count, device_table)};
TABLE(devices_alone_table, struct snapshot_entry, devices_alone);

static const struct json_field envs_alone[] = {LIST(NULL, struct snapshot_entry, envs, env_count, env_table)};
TABLE(envs_alone_table, struct snapshot_entry, envs_alone);

/* Not what the environments and processes point to: that was handed over, or is a snapshot's. */
static void entry_release(struct snapshot_entry *entry)
{
    for (size_t i = 0; i < entry->device_count; i++)
        free(entry->devices[i].attachments);
    free(entry->devices);
    free(entry->envs);
    free(entry->processes);
}
#define cleanup_entry cleanup_with(entry_release)

static int enter_attachments(struct device_entry *entry, const struct genv_snapshot *snapshot)
{
    const char *uuid = entry->device.id.uuid;

    for (size_t i = 0; *uuid && i < snapshot->env_count; i++) {
        const struct genv_attachment *attachment = genv_env_attachment(&snapshot->envs[i], uuid);
        struct attachment_entry *grown;

        if (!attachment)
            continue;
        grown = reallocarray(entry->attachments, entry->attachment_count + 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        entry->attachments = grown;
        grown += entry->attachment_count++;
        grown->gpu_memory = attachment->gpu_memory;
        grown->time = attachment->time;
        copy_string(grown->eid, sizeof(grown->eid), snapshot->envs[i].eid);
    }
    return 0;
}

static int enter_devices(struct snapshot_entry *entry, const struct genv_snapshot *snapshot)
{
    int r = 0;

    entry->devices = calloc(snapshot->device_count + 1, sizeof(*entry->devices));
    for (size_t i = 0; entry->devices && r == 0 && i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];
        struct device_entry *there = &entry->devices[entry->device_count++];
        int64_t power_mw = device->sample.power_mw;

        there->device = *device;
        there->index = (int)device->index;
        there->power = power_mw < 0 ? -1 : (double)power_mw / 1000;
        copy_string(there->state, sizeof(there->state), states[device->state]);
        r = enter_attachments(there, snapshot);
    }
    return entry->devices ? r : -ENOMEM;
}

static int enter_envs(struct snapshot_entry *entry, const struct genv_snapshot *snapshot)
{
    entry->envs = calloc(snapshot->env_count + 1, sizeof(*entry->envs));
    if (!entry->envs)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->env_count; i++) {
        struct env_entry *there = &entry->envs[entry->env_count++];

        there->env = snapshot->envs[i];
        there->uid = snapshot->envs[i].uid;
        genv_env_username(&snapshot->envs[i], there->env.username);
    }
    return 0;
}

static int enter_processes(struct snapshot_entry *entry, const struct genv_snapshot *snapshot)
{
    entry->processes = calloc(snapshot->process_count + 1, sizeof(*entry->processes));
    if (!entry->processes)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];
        struct process_entry *there = &entry->processes[entry->process_count++];

        there->process = *process;
        there->uid = process->uid == (uid_t)-1 ? UINT64_MAX : process->uid;
        genv_gpu_process_username(process, there->process.username);
    }
    return 0;
}

static char *print(const struct json_table *table, const struct snapshot_entry *entry)
{
    cleanup_json json_t *json = json_encode(table, entry);
    cleanup_free char *printed = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    cleanup_text struct text text = TEXT_INIT;

    if (!printed)
        return NULL;
    text_add(&text, printed);
    text_add(&text, "\n");
    return text_take(&text);
}

GENV_PUBLIC char *genv_snapshot_to_json(const struct genv_snapshot *snapshot)
{
    cleanup_entry struct snapshot_entry entry = {.version = VERSION, .snapshot = *snapshot};

    if (enter_devices(&entry, snapshot) < 0 || enter_envs(&entry, snapshot) < 0 ||
        enter_processes(&entry, snapshot) < 0)
        return NULL;
    return print(&snapshot_table, &entry);
}

GENV_PUBLIC int genv_snapshot_visit(const struct genv_snapshot *snapshot, genv_visitor visit, void *data)
{
    cleanup_entry struct snapshot_entry entry = {.version = VERSION, .snapshot = *snapshot};

    if (enter_devices(&entry, snapshot) < 0 || enter_envs(&entry, snapshot) < 0 ||
        enter_processes(&entry, snapshot) < 0)
        return -ENOMEM;
    return json_visit(&snapshot_table, &entry, visit, data);
}

GENV_PUBLIC int genv_env_visit(const struct genv_env *env, genv_visitor visit, void *data)
{
    struct env_entry entry = {.env = *env, .uid = env->uid};

    genv_env_username(env, entry.env.username);
    return json_visit(&env_table, &entry, visit, data);
}

GENV_PUBLIC char *genv_snapshot_envs_to_json(const struct genv_snapshot *snapshot)
{
    cleanup_entry struct snapshot_entry entry = {.version = VERSION};

    return enter_envs(&entry, snapshot) < 0 ? NULL : print(&envs_alone_table, &entry);
}

GENV_PUBLIC char *genv_snapshot_devices_to_json(const struct genv_snapshot *snapshot)
{
    cleanup_entry struct snapshot_entry entry = {.version = VERSION};

    return enter_devices(&entry, snapshot) < 0 ? NULL : print(&devices_alone_table, &entry);
}

static int convert_device(struct device_entry *entry, struct genv_device *device, struct genv_error *err)
{
    size_t state = 0;

    while (state < ARRAY_SIZE(states) && strcmp(states[state], entry->state) != 0)
        state++;
    if (entry->index > DEVICE_COUNT_MAX || !(entry->power < INT32_MAX))
        return error_set(err, EINVAL, "device %d: invalid data", entry->index);
    *device = entry->device;
    device->index = (unsigned)entry->index;
    device->minor = -1;
    device->state = state < ARRAY_SIZE(states) ? (enum genv_device_state)state : GENV_DEVICE_FAILED;
    device->sample.power_mw = entry->power < 0 ? -1 : (int64_t)(entry->power * 1000 + 0.5);
    return 0;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Attachments name their device by its UUID: two of the same would both be attached. */
static int check_uuids(const struct genv_snapshot *snapshot, struct genv_error *err)
{
    cleanup_free const char **uuids = calloc(snapshot->device_count + 1, sizeof(*uuids));

    if (!uuids)
        return error_no_memory(err);
    for (size_t i = 0; i < snapshot->device_count; i++)
        uuids[i] = snapshot->devices[i].id.uuid;
    qsort(uuids, snapshot->device_count, sizeof(*uuids), compare_texts);
    for (size_t i = 1; i < snapshot->device_count; i++) {
        if (*uuids[i] && strcmp(uuids[i - 1], uuids[i]) == 0)
            return error_set(err, EINVAL, "device %s is listed twice", uuids[i]);
    }
    return 0;
}

static int convert_devices(struct snapshot_entry *entry, struct genv_snapshot *snapshot, struct genv_error *err)
{
    snapshot->devices = calloc(entry->device_count + 1, sizeof(*snapshot->devices));
    if (!snapshot->devices)
        return error_no_memory(err);
    for (size_t i = 0; i < entry->device_count; i++) {
        int r = convert_device(&entry->devices[i], &snapshot->devices[i], err);

        if (r < 0)
            return r;
        if (i && snapshot->devices[i].index <= snapshot->devices[i - 1].index)
            return error_set(err, EINVAL, "the devices are not sorted by index");
    }
    snapshot->device_count = entry->device_count;
    return check_uuids(snapshot, err);
}

static int convert_envs(struct snapshot_entry *entry, struct genv_snapshot *snapshot, struct genv_error *err)
{
    snapshot->envs = calloc(entry->env_count + 1, sizeof(*snapshot->envs));
    if (!snapshot->envs)
        return error_no_memory(err);
    for (size_t i = 0; i < entry->env_count; i++) {
        struct genv_env *env = &entry->envs[i].env;
        int r = genv_eid_validate(env->eid, err);

        if (r == 0)
            r = config_validate(&env->config, GENV_CONFIG_ALL, err);
        if (r < 0)
            return r;
        env->uid = (uid_t)entry->envs[i].uid;
        snapshot->envs[snapshot->env_count++] = *env;
        *env = (struct genv_env){.uid = 0};
    }
    return 0;
}

static int compare_eids(const void *left, const void *right)
{
    const struct genv_env *const *a = left, *const *b = right;

    return strcmp((*a)->eid, (*b)->eid);
}

/* The environments by identifier, to be found in a text of thousands in no time. */
static int sort_envs(const struct genv_snapshot *snapshot, struct genv_env ***ret_sorted, struct genv_error *err)
{
    cleanup_free struct genv_env **sorted = calloc(snapshot->env_count + 1, sizeof(struct genv_env *));

    if (!sorted)
        return error_no_memory(err);
    for (size_t i = 0; i < snapshot->env_count; i++)
        sorted[i] = &snapshot->envs[i];
    qsort(sorted, snapshot->env_count, sizeof(struct genv_env *), compare_eids);
    for (size_t i = 1; i < snapshot->env_count; i++) {
        if (strcmp(sorted[i - 1]->eid, sorted[i]->eid) == 0)
            return error_set(err, EINVAL, "environment %s is listed twice", sorted[i]->eid);
    }
    *ret_sorted = STEAL_POINTER(sorted);
    return 0;
}

/* Devices come in the order of their indices, and so do the attachments of each environment. */
static int add_attachment(struct genv_env *env, const struct genv_attachment *attachment, struct genv_error *err)
{
    size_t count = env->attachment_count;
    struct genv_attachment *grown;

    if (count && env->attachments[count - 1].index == attachment->index)
        return error_set(err, EINVAL, "device %d is attached to environment %s twice", attachment->index, env->eid);
    grown = reallocarray(env->attachments, count + 1, sizeof(*env->attachments));
    if (!grown)
        return error_no_memory(err);
    env->attachments = grown;
    env->attachments[env->attachment_count++] = *attachment;
    return 0;
}

static int convert_attachments(struct snapshot_entry *entry, struct genv_snapshot *snapshot, struct genv_error *err)
{
    cleanup_free struct genv_env **sorted = NULL;
    struct genv_env wanted = {.uid = 0}, *key = &wanted, **found;
    int r = sort_envs(snapshot, &sorted, err);

    for (size_t i = 0; r == 0 && i < entry->device_count; i++) {
        const struct device_entry *device = &entry->devices[i];

        for (size_t k = 0; r == 0 && k < device->attachment_count; k++) {
            const struct attachment_entry *attachment = &device->attachments[k];
            struct genv_attachment added = {.index = device->index,
                                            .device = snapshot->devices[i].id,
                                            .gpu_memory = attachment->gpu_memory,
                                            .time = attachment->time};

            copy_string(wanted.eid, sizeof(wanted.eid), attachment->eid);
            found = bsearch(&key, sorted, snapshot->env_count, sizeof(struct genv_env *), compare_eids);
            if (!found || !*device->device.id.uuid)
                return error_set(err, EINVAL, "device %d is attached to an environment that is not listed",
                                 device->index);
            r = add_attachment(*found, &added, err);
        }
    }
    return r;
}

static int compare_with_index(const void *key, const void *element)
{
    const unsigned *index = key;
    const struct genv_device *device = element;

    return *index < device->index ? -1 : *index > device->index;
}

/* The first version told the index alone. */
static void complete_usages(struct genv_gpu_process *process, const struct genv_snapshot *snapshot)
{
    for (size_t i = 0; i < process->usage_count; i++) {
        struct genv_usage *usage = &process->usages[i];
        const struct genv_device *device = NULL;

        if (!*usage->uuid)
            device =
                bsearch(&usage->index, snapshot->devices, snapshot->device_count, sizeof(*device), compare_with_index);
        if (device)
            copy_string(usage->uuid, sizeof(usage->uuid), device->id.uuid);
    }
}

/* No violation by a process that makes no sense could be told to its host. They come in the order of their PIDs. */
static int check_process(const struct genv_gpu_process *process, pid_t before, struct genv_error *err)
{
    bool sensible = process->pid > 0;

    for (size_t i = 0; i < process->usage_count; i++)
        sensible = sensible && process->usages[i].index <= DEVICE_COUNT_MAX;
    if (!sensible)
        return error_set(err, EINVAL, "process %d: invalid data", (int)process->pid);
    if (process->pid <= before)
        return error_set(err, EINVAL, "the processes are not sorted by PID");
    return 0;
}

static int convert_processes(struct snapshot_entry *entry, struct genv_snapshot *snapshot, struct genv_error *err)
{
    snapshot->processes = calloc(entry->process_count + 1, sizeof(*snapshot->processes));
    if (!snapshot->processes)
        return error_no_memory(err);
    for (size_t i = 0; i < entry->process_count; i++) {
        struct genv_gpu_process *process = &entry->processes[i].process;
        int r = check_process(process, i ? snapshot->processes[i - 1].pid : 0, err);

        if (r < 0)
            return r;
        process->uid = (uid_t)entry->processes[i].uid;
        complete_usages(process, snapshot);
        snapshot->processes[snapshot->process_count++] = *process;
        *process = (struct genv_gpu_process){.pid = 0};
    }
    return 0;
}

/* What was read, and not handed over. */
static void release_rest(struct snapshot_entry *entry)
{
    for (size_t i = 0; i < entry->env_count; i++)
        env_release(&entry->envs[i].env);
    for (size_t i = 0; i < entry->process_count; i++)
        free(entry->processes[i].process.usages);
}

static int convert(struct snapshot_entry *entry, struct genv_snapshot *snapshot, struct genv_error *err)
{
    int r;

    if (entry->version < 1)
        return error_set(err, EINVAL, "unknown version %d", entry->version);
    *snapshot = entry->snapshot;
    r = convert_devices(entry, snapshot, err);
    if (r == 0)
        r = convert_envs(entry, snapshot, err);
    if (r == 0)
        r = convert_attachments(entry, snapshot, err);
    return r < 0 ? r : convert_processes(entry, snapshot, err);
}

GENV_PUBLIC int genv_snapshot_from_json(const char *text, size_t length, struct genv_snapshot **ret_snapshot,
                                        struct genv_error *err)
{
    cleanup_json json_t *json = json_parse(text, length, err);
    struct genv_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    cleanup_entry struct snapshot_entry entry = {.version = 0};
    int r = -EINVAL;

    if (!snapshot)
        return error_no_memory(err);
    if (json)
        r = json_decode(json, &snapshot_table, &entry, err);
    if (r == 0)
        r = convert(&entry, snapshot, err);
    if (r < 0) {
        release_rest(&entry);
        genv_snapshot_free(snapshot);
        return r;
    }
    *ret_snapshot = snapshot;
    return 0;
}
