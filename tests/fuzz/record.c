/* Records of environments: what decodes can be written, and reads alike then, with all that is not known. Of what does
 * not decode the devices are known nevertheless. */
#include "fuzz.h"

#include "base/text.h"
#include "model/record.h"

static void check_valid(const struct record *record)
{
    const struct genv_env *env = &record->env;

    promise(utf8_is_printable(record->boot_id) && utf8_is_printable(env->config.name));
    promise(env->config.gpus >= -1 && env->config.gpus <= DEVICE_COUNT_MAX && env->config.gpu_memory <= INT64_MAX);
    for (size_t i = 0; i < env->process_count; i++)
        promise(env->processes[i].pid > 0);
    for (size_t i = 0; i < env->kernel_count; i++)
        promise(kernel_id_validate(env->kernels[i].id, NULL) == 0);
    for (size_t i = 0; i < env->attachment_count; i++) {
        promise(genv_env_attachment(env, env->attachments[i].device.uuid) == &env->attachments[i]);
        promise(i == 0 || env->attachments[i - 1].index <= env->attachments[i].index);
    }
}

static void check_devices(const struct genv_env *env)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        promise(*env->attachments[i].device.uuid && utf8_is_printable(env->attachments[i].device.uuid));
        promise(genv_env_attachment(env, env->attachments[i].device.uuid) == &env->attachments[i]);
    }
}

/* @written has every member of @text; those that are not among the known ones, as they were. */
static void check_kept(const char *text, size_t size, const char *written)
{
    static const char *const known[] = {"boot_id",    "machine",   "created", "name",       "gpus",
                                        "gpu_memory", "processes", "kernels", "attachments"};
    cleanup_json json_t *before = json_parse(text, size, NULL), *after = json_parse(written, strlen(written), NULL);
    const char *key;
    json_t *value;

    json_object_foreach (before, key, value) {
        bool is_known = false;

        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            is_known |= strcmp(key, known[i]) == 0;
        promise(is_known || json_equal(value, json_object_get(after, key)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *first = NULL, *second = NULL;
    struct genv_error err = {0};
    struct record record, again;
    size_t first_length, second_length;

    if (size > RECORD_SIZE_MAX)
        return 0;
    if (record_decode(text, size, &record, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message));
        promise(record.env.attachment_count == 0 || record_origin(&record.env) == RECORD_INVALID);
        check_devices(&record.env);
        env_release(&record.env);
        return 0;
    }
    check_devices(&record.env);
    if (record_check_changeable(&record.env, NULL) < 0) { /* a later version, which nobody here would write */
        env_release(&record.env);
        return 0;
    }
    check_valid(&record);
    first = record_encode(&record, &first_length);
    promise(first && record_decode(first, first_length, &again, NULL) == 0);
    check_valid(&again);
    check_kept(text, size, first);
    second = record_encode(&again, &second_length);
    promise(second && strcmp(first, second) == 0);
    env_release(&record.env);
    env_release(&again.env);
    return 0;
}
