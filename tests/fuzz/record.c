/* Records of environments: what decodes can be written, and reads alike then. */
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
        promise(env_attachment(env, env->attachments[i].uuid) == &env->attachments[i]);
        promise(i == 0 || env->attachments[i - 1].index <= env->attachments[i].index);
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
        env_release(&record.env);
        return 0;
    }
    check_valid(&record);
    first = record_encode(&record, &first_length);
    promise(first && record_decode(first, first_length, &again, NULL) == 0);
    check_valid(&again);
    second = record_encode(&again, &second_length);
    promise(second && strcmp(first, second) == 0);
    env_release(&record.env);
    env_release(&again.env);
    return 0;
}
