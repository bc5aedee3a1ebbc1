/* Snapshots of other hosts: what decodes makes sense, can be written, and reads alike then. */
#include "fuzz.h"

#include "base/text.h"
#include "model/config.h"
#include "model/env.h"

static void check_valid(const struct genv_snapshot *snapshot)
{
    promise(utf8_is_printable(snapshot->hostname) && utf8_is_printable(snapshot->driver));
    for (size_t i = 1; i < snapshot->device_count; i++)
        promise(snapshot->devices[i - 1].index < snapshot->devices[i].index);
    for (size_t i = 0; i < snapshot->env_count; i++) {
        const struct genv_env *env = &snapshot->envs[i];

        promise(genv_eid_validate(env->eid, NULL) == 0 && utf8_is_printable(env->username));
        promise(config_validate(&env->config, GENV_CONFIG_ALL, NULL) == 0);
        for (size_t k = 0; k < env->attachment_count; k++)
            promise(env->attachments[k].index >= 0 && *env->attachments[k].device.uuid);
    }
    for (size_t i = 0; i < snapshot->process_count; i++)
        promise(utf8_is_printable(snapshot->processes[i].command) && utf8_is_printable(snapshot->processes[i].eid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *first = NULL, *second = NULL;
    struct genv_snapshot *snapshot = NULL, *again = NULL;
    struct genv_error err = {0};

    if (genv_snapshot_from_json(text, size, &snapshot, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message));
        return 0;
    }
    check_valid(snapshot);
    first = genv_snapshot_to_json(snapshot);
    promise(first && genv_snapshot_from_json(first, strlen(first), &again, NULL) == 0);
    second = genv_snapshot_to_json(again);
    promise(second && strcmp(first, second) == 0);
    genv_snapshot_free(snapshot);
    genv_snapshot_free(again);
    return 0;
}
