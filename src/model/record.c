/* An environment as it stands in its file: JSON that anybody, and any version of genv, may have written. */
#include "model/record.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/config.h"

#define RECORD_VERSION 1
#define NS_A_MS        1000000

static const struct json_field process_fields[] = {
    {.key = "pid", .kind = JSON_KIND_I32, .offset = offsetof(struct genv_process, pid), .identity = true},
    {.key = "start_time", .kind = JSON_KIND_U64, .offset = offsetof(struct genv_process, start_time), .identity = true},
    {.key = "pid_namespace",
     .kind = JSON_KIND_U64,
     .offset = offsetof(struct genv_process, pid_namespace),
     .identity = true},
    {.key = "uid", .kind = JSON_KIND_I32, .offset = offsetof(struct genv_process, uid), .optional = true},
    {.key = "in_container",
     .kind = JSON_KIND_BOOL,
     .offset = offsetof(struct genv_process, container),
     .optional = true},
};
static const struct json_table process_table = {sizeof(struct genv_process), ARRAY_SIZE(process_fields),
                                                process_fields};

static const struct json_field kernel_fields[] = {
    {.key = "id",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_kernel, id),
     .size = GENV_KERNEL_ID_MAX + 1,
     .identity = true},
    {.key = "connection_file",
     .kind = JSON_KIND_STRING,
     .offset = offsetof(struct genv_kernel, connection_file),
     .size = GENV_CONNECTION_FILE_SIZE},
};
static const struct json_table kernel_table = {sizeof(struct genv_kernel), ARRAY_SIZE(kernel_fields), kernel_fields};

static const struct json_field openable_fields[] = {
    {.key = "uuid",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_device_id, uuid),
     .size = GENV_UUID_SIZE,
     .identity = true},
    {.key = "vendor",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_device_id, vendor),
     .size = GENV_VENDOR_SIZE,
     .optional = true},
    {.key = "parent",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_device_id, parent),
     .size = GENV_UUID_SIZE,
     .optional = true},
};
static const struct json_table openable_table = {sizeof(struct genv_device_id), ARRAY_SIZE(openable_fields),
                                                 openable_fields};

static const struct json_field attachment_fields[] = {
    {.key = "uuid",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_attachment, device.uuid),
     .size = GENV_UUID_SIZE,
     .identity = true},
    {.key = "vendor",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_attachment, device.vendor),
     .size = GENV_VENDOR_SIZE,
     .optional = true},
    {.key = "parent",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_attachment, device.parent),
     .size = GENV_UUID_SIZE,
     .optional = true},
    {.key = "index",
     .kind = JSON_KIND_I32,
     .offset = offsetof(struct genv_attachment, index),
     .optional = true,
     .absent = -1},
    {.key = "gpu_memory",
     .kind = JSON_KIND_U64,
     .offset = offsetof(struct genv_attachment, gpu_memory),
     .optional = true},
    {.key = "time", .kind = JSON_KIND_TIME, .offset = offsetof(struct genv_attachment, time)},
};
static const struct json_table attachment_table = {sizeof(struct genv_attachment), ARRAY_SIZE(attachment_fields),
                                                   attachment_fields};

#define RECORD_LIST(field, list, counter, table, most)                                                                 \
    {                                                                                                                  \
        .key = field, .kind = JSON_KIND_ARRAY, .offset = offsetof(struct record, list),                                \
        .count_offset = offsetof(struct record, counter), .element = &(table), .max = (most), .optional = true         \
    }

#define CONFIG_FIELD(field, member, kind, ...) CONFIG_JSON_FIELD(struct record, env.config, member, kind, false),

static const struct json_field record_fields[] = {
    {.key = "version", .kind = JSON_KIND_I32, .offset = offsetof(struct record, version)},
    {.key = "boot_id", .kind = JSON_KIND_TEXT, .offset = offsetof(struct record, boot_id), .size = BOOT_ID_SIZE},
    {.key = "machine",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct record, machine),
     .size = MACHINE_SIZE,
     .optional = true},
    {.key = "created", .kind = JSON_KIND_TIME, .offset = offsetof(struct record, env.created)},
    GENV_CONFIG_FIELDS(CONFIG_FIELD) /* a row each */
    RECORD_LIST("processes", env.processes, env.process_count, process_table, ENV_PROCESSES_MAX),
    RECORD_LIST("kernels", env.kernels, env.kernel_count, kernel_table, ENV_KERNELS_MAX),
    RECORD_LIST("attachments", env.attachments, env.attachment_count, attachment_table, ENV_ATTACHMENTS_MAX),
    {.key = "isolated", .kind = JSON_KIND_BOOL, .offset = offsetof(struct record, env.isolated), .optional = true},
    RECORD_LIST("openable", env.openable, env.openable_count, openable_table, ENV_ATTACHMENTS_MAX),
};
static const struct json_table record_table = {sizeof(struct record), ARRAY_SIZE(record_fields), record_fields};

static int compare_uuid(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    return strcmp(a->device.uuid, b->device.uuid);
}

/* Leaves the attachments in the order of their indices. Sorts to find doubles: comparing each with each would let one
 * record of a megabyte hold up everybody for a second. */
static int validate_attachments(struct genv_env *env, struct genv_error *err)
{
    struct genv_attachment *attachments = env->attachments;

    for (size_t i = 0; i < env->attachment_count; i++) {
        if (!*attachments[i].device.uuid || attachments[i].index > DEVICE_COUNT_MAX)
            return error_set(err, EINVAL, "attachment %zu has no valid device", i);
    }
    if (env->attachment_count)
        qsort(attachments, env->attachment_count, sizeof(*attachments), compare_uuid);
    for (size_t i = 1; i < env->attachment_count; i++) {
        if (strcmp(attachments[i - 1].device.uuid, attachments[i].device.uuid) == 0)
            return error_set(err, EINVAL, "device %s is attached twice", attachments[i].device.uuid);
    }
    env_sort_attachments(env);
    return 0;
}

static int validate(struct record *record, struct genv_error *err)
{
    struct genv_env *env = &record->env;

    if (record->version < 1)
        return error_set(err, EINVAL, "unknown version %d", record->version);
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        if (config_validate(&env->config, config_fields[i].bit, NULL) < 0)
            return error_set(err, EINVAL, "'%s' is too large", config_fields[i].key);
    }
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == 0)
            return error_set(err, EINVAL, "process %zu has no PID", i);
    }
    for (size_t i = 0; i < env->kernel_count; i++) {
        int r = kernel_id_validate(env->kernels[i].id, err);

        if (r < 0)
            return r;
    }
    return validate_attachments(env, err);
}

/* Times are in whole milliseconds everywhere, so that an attachment is known by its own on another host too. */
static void cut_times(struct genv_env *env)
{
    env->created.tv_nsec -= env->created.tv_nsec % NS_A_MS;
    for (size_t i = 0; i < env->attachment_count; i++)
        env->attachments[i].time.tv_nsec -= env->attachments[i].time.tv_nsec % NS_A_MS;
}

void record_rest_free(struct genv_rest *rest)
{
    if (!rest)
        return;
    json_decref(rest->source);
    free(rest);
}

static struct genv_rest *make_rest(struct genv_env *env)
{
    if (!env->rest)
        env->rest = calloc(1, sizeof(*env->rest));
    return env->rest;
}

enum record_origin record_origin(const struct genv_env *env)
{
    return env->rest ? env->rest->origin : RECORD_OWN;
}

int record_set_origin(struct genv_env *env, enum record_origin origin)
{
    if (!make_rest(env))
        return -ENOMEM;
    env->rest->origin = origin;
    return 0;
}

int record_set_machine(struct genv_env *env, const char *machine)
{
    if (!make_rest(env))
        return -ENOMEM;
    copy_string(env->rest->machine, sizeof(env->rest->machine), machine);
    return 0;
}

int record_check_changeable(const struct genv_env *env, struct genv_error *err)
{
    static const char *const reasons[] = {
        [RECORD_LATER] = "it was created by a newer version of genv: use that version",
        [RECORD_INVALID] = "its record is not valid: remove the record once the environment has ended",
        [RECORD_ELSEWHERE] = "it is on another machine: change it there",
        [RECORD_DOUBTFUL] = "its record can be written by others, or has more than one hard link: remove the record",
    };
    enum record_origin origin = record_origin(env);

    if (origin == RECORD_OWN)
        return 0;
    return error_set(err, ENOTSUP, "cannot change environment %s: %s", env->eid, reasons[origin]);
}

static bool is_later(const json_t *json)
{
    const json_t *min_version = json_object_get(json, "min_version");

    if (min_version) /* whatever it is, it is there to keep somebody out */
        return !json_is_integer(min_version) || json_integer_value(min_version) > RECORD_VERSION;
    return json_integer_value(json_object_get(json, "version")) > RECORD_VERSION;
}

/* A text that fits; "" otherwise. */
static void salvage_text(const json_t *json, const char *key, char *text, size_t size)
{
    const char *value = json_string_value(json_object_get(json, key));

    copy_string(text, size, value && strlen(value) < size && utf8_is_printable(value) ? value : "");
}

static int salvage_attachments(const json_t *attachments, struct genv_env *env)
{
    size_t count = json_array_size(attachments), kept = 0;

    if (count > ENV_ATTACHMENTS_MAX)
        count = ENV_ATTACHMENTS_MAX;
    env->attachments = calloc(count + 1, sizeof(*env->attachments));
    if (!env->attachments)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct genv_attachment *attachment = &env->attachments[env->attachment_count];

        salvage_text(json_array_get(attachments, i), "uuid", attachment->device.uuid, sizeof(attachment->device.uuid));
        attachment->index = -1;
        env->attachment_count += *attachment->device.uuid != '\0';
    }
    if (env->attachment_count)
        qsort(env->attachments, env->attachment_count, sizeof(*env->attachments), compare_uuid);
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (i == 0 || strcmp(env->attachments[kept - 1].device.uuid, env->attachments[i].device.uuid) != 0)
            env->attachments[kept++] = env->attachments[i];
    }
    env->attachment_count = kept;
    return 0;
}

/* What counts of a record that can't be read as one, for the @reason. */
static int salvage(const json_t *json, struct record *record, const struct genv_error *reason, struct genv_error *err)
{
    const json_t *attachments = json_object_get(json, "attachments");
    enum record_origin origin = json_is_array(attachments) && is_later(json) ? RECORD_LATER : RECORD_INVALID;

    env_release(&record->env);
    record->env.config = (struct genv_config)GENV_CONFIG_INIT;
    salvage_text(json, "boot_id", record->boot_id, sizeof(record->boot_id));
    salvage_text(json, "machine", record->machine, sizeof(record->machine));
    if (salvage_attachments(attachments, &record->env) < 0 || record_set_origin(&record->env, origin) < 0)
        return error_no_memory(err);
    return origin == RECORD_LATER ? 0 : error_set(err, reason->code, "%s", reason->message);
}

/* Keeps of @json, which was read, what @env has no room for. */
static int keep_rest(json_t *json, struct genv_env *env, struct genv_error *err)
{
    if (record_set_origin(env, is_later(json) ? RECORD_LATER : RECORD_OWN) < 0)
        return error_no_memory(err);
    env->rest->source = json_incref(json);
    return 0;
}

/* What this version has written and nobody else has touched, as nearly all records: in a fraction of the time, which an
 * allocation spends under the lock. */
static bool decode_own(const char *text, size_t length, struct record *record)
{
    if (json_decode_compact(text, length, &record_table, record) && record->version == RECORD_VERSION &&
        validate(record, NULL) == 0) {
        cut_times(&record->env);
        return true;
    }
    env_release(&record->env);
    memset(record, 0, sizeof(*record));
    return false;
}

int record_decode(const char *text, size_t length, struct record *ret_record, struct genv_error *err)
{
    cleanup_json json_t *json = NULL;
    struct genv_error reason = {0};
    bool has_rest = false;
    int r;

    memset(ret_record, 0, sizeof(*ret_record));
    if (decode_own(text, length, ret_record))
        return 0;
    json = json_parse(text, length, err);
    if (!json)
        return -EINVAL;
    r = json_decode_some(json, &record_table, ret_record, &has_rest, &reason);
    if (r == 0)
        r = validate(ret_record, &reason);
    if (r < 0)
        return r == -ENOMEM ? error_no_memory(err) : salvage(json, ret_record, &reason, err);
    cut_times(&ret_record->env);
    return has_rest || ret_record->version > RECORD_VERSION ? keep_rest(json, &ret_record->env, err) : 0;
}

char *record_encode(const struct record *record, size_t *ret_length)
{
    const struct genv_rest *rest = record->env.rest;
    const json_t *source = rest ? rest->source : NULL;
    struct record current = *record;
    cleanup_json json_t *json = NULL;
    char *text;

    current.version = source ? (int)json_integer_value(json_object_get(source, "version")) : RECORD_VERSION;
    if (rest && *rest->machine)
        copy_string(current.machine, sizeof(current.machine), rest->machine);
    json = json_encode(&record_table, &current);
    if (json && source && json_keep_rest(json, source, &record_table) < 0)
        return NULL;
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text)
        *ret_length = strlen(text);
    return text;
}
