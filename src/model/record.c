/* An environment as it stands in its file: JSON that anybody may have written. */
#include "model/record.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"

#define RECORD_VERSION 1
#define NS_A_MS        1000000

static const struct json_field process_fields[] = {
    {.key = "pid", .kind = JSON_KIND_I32, .offset = offsetof(struct genv_process, pid)},
    {.key = "start_time", .kind = JSON_KIND_U64, .offset = offsetof(struct genv_process, start_time)},
    {.key = "pid_namespace", .kind = JSON_KIND_U64, .offset = offsetof(struct genv_process, pid_namespace)},
};
static const struct json_table process_table = {sizeof(struct genv_process), ARRAY_SIZE(process_fields),
                                                process_fields};

static const struct json_field kernel_fields[] = {
    {.key = "id", .kind = JSON_KIND_TEXT, .offset = offsetof(struct genv_kernel, id), .size = GENV_KERNEL_ID_MAX + 1},
    {.key = "connection_file",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct genv_kernel, connection_file),
     .size = GENV_CONNECTION_FILE_SIZE},
};
static const struct json_table kernel_table = {sizeof(struct genv_kernel), ARRAY_SIZE(kernel_fields), kernel_fields};

static const struct json_field attachment_fields[] = {
    {.key = "uuid", .kind = JSON_KIND_TEXT, .offset = offsetof(struct genv_attachment, uuid), .size = GENV_UUID_SIZE},
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

#define RECORD_LIST(field, list, counter, table)                                                                       \
    {                                                                                                                  \
        .key = field, .kind = JSON_KIND_ARRAY, .offset = offsetof(struct record, list),                                \
        .count_offset = offsetof(struct record, counter), .element = &(table), .optional = true                        \
    }

static const struct json_field record_fields[] = {
    {.key = "version", .kind = JSON_KIND_I32, .offset = offsetof(struct record, version)},
    {.key = "boot_id", .kind = JSON_KIND_TEXT, .offset = offsetof(struct record, boot_id), .size = BOOT_ID_SIZE},
    {.key = "created", .kind = JSON_KIND_TIME, .offset = offsetof(struct record, env.created)},
    {.key = "name",
     .kind = JSON_KIND_TEXT,
     .offset = offsetof(struct record, env.config.name),
     .size = GENV_NAME_MAX + 1,
     .optional = true},
    {.key = "gpus",
     .kind = JSON_KIND_I32,
     .offset = offsetof(struct record, env.config.gpus),
     .optional = true,
     .absent = -1},
    {.key = "gpu_memory",
     .kind = JSON_KIND_U64,
     .offset = offsetof(struct record, env.config.gpu_memory),
     .optional = true},
    RECORD_LIST("processes", env.processes, env.process_count, process_table),
    RECORD_LIST("kernels", env.kernels, env.kernel_count, kernel_table),
    RECORD_LIST("attachments", env.attachments, env.attachment_count, attachment_table),
};
static const struct json_table record_table = {sizeof(struct record), ARRAY_SIZE(record_fields), record_fields};

static int compare_uuid(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    return strcmp(a->uuid, b->uuid);
}

/* Leaves the attachments in the order of their indices. Sorts to find doubles: comparing each with each would let one
 * record of a megabyte hold up everybody for a second. */
static int validate_attachments(struct genv_env *env, struct genv_error *err)
{
    struct genv_attachment *attachments = env->attachments;

    for (size_t i = 0; i < env->attachment_count; i++) {
        if (!*attachments[i].uuid || attachments[i].index > DEVICE_COUNT_MAX)
            return error_set(err, EINVAL, "attachment %zu names no device", i);
    }
    if (env->attachment_count)
        qsort(attachments, env->attachment_count, sizeof(*attachments), compare_uuid);
    for (size_t i = 1; i < env->attachment_count; i++) {
        if (strcmp(attachments[i - 1].uuid, attachments[i].uuid) == 0)
            return error_set(err, EINVAL, "device %s is attached twice", attachments[i].uuid);
    }
    env_sort_attachments(env);
    return 0;
}

static int validate(struct record *record, struct genv_error *err)
{
    struct genv_env *env = &record->env;

    if (record->version != RECORD_VERSION)
        return error_set(err, EINVAL, "version %d is not known here", record->version);
    if (env->config.gpus > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "\"gpus\" is too large");
    if (env->attachment_count > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "\"attachments\" is too long");
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

int record_decode(const char *text, size_t length, struct record *ret_record, struct genv_error *err)
{
    cleanup_json json_t *json = NULL;
    int r;

    memset(ret_record, 0, sizeof(*ret_record));
    json = json_parse(text, length, err);
    if (!json)
        return -EINVAL;
    r = json_decode(json, &record_table, ret_record, err);
    if (r < 0)
        return r;
    cut_times(&ret_record->env);
    return validate(ret_record, err);
}

char *record_encode(const struct record *record, size_t *ret_length)
{
    struct record current = *record;
    cleanup_json json_t *json = NULL;
    char *text;

    current.version = RECORD_VERSION;
    json = json_encode(&record_table, &current);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text)
        *ret_length = strlen(text);
    return text;
}
