/* Who else has what this environment has. */
#include "cli/sharers.h"

#include <string.h>

#include "base/text.h"
#include "cli/env_fields.h"

static uint64_t total_memory(const struct genv_snapshot *snapshot, const char *uuid)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (strcmp(snapshot->devices[i].id.uuid, uuid) == 0)
            return snapshot->devices[i].total_memory;
    }
    return 0;
}

/* Adds the environments on the device but for @env. Returns whether all of them together have more than there is of
 * it: one without a capacity has all. */
static bool add_sharers(struct text *sharers, const struct genv_snapshot *snapshot, const struct genv_env *env,
                        const struct genv_attachment *attachment)
{
    uint64_t total = total_memory(snapshot, attachment->device.uuid), reserved = attachment->gpu_memory;
    bool whole = attachment->gpu_memory == 0;

    for (size_t i = 0; i < snapshot->env_count; i++) {
        const struct genv_env *other = &snapshot->envs[i];
        const struct genv_attachment *theirs = genv_env_attachment(other, attachment->device.uuid);

        if (!theirs || strcmp(other->eid, env->eid) == 0)
            continue;
        text_addf(sharers, "%s%s of ", sharers->length ? ", " : "", other->eid);
        env_add_user(sharers, other);
        reserved += theirs->gpu_memory;
        whole = whole || theirs->gpu_memory == 0;
    }
    return sharers->length && (whole || (total && reserved > total));
}

static bool has_sharers(const struct genv_snapshot *snapshot, const struct genv_env *env)
{
    for (size_t i = 0; i < snapshot->env_count; i++) {
        for (size_t k = 0; k < env->attachment_count && strcmp(snapshot->envs[i].eid, env->eid) != 0; k++) {
            if (genv_env_attachment(&snapshot->envs[i], env->attachments[k].device.uuid))
                return true;
        }
    }
    return false;
}

void sharers_warn(struct cli *cli, const struct genv_env *env)
{
    cleanup_snapshot struct genv_snapshot *envs = NULL, *snapshot = NULL;

    /* Without the devices first: nobody is to wait for a driver to be told that nobody shares. */
    if (!env->attachment_count || genv_snapshot_take(cli->genv, GENV_DEPTH_ENVS, &envs, NULL) < 0 ||
        !has_sharers(envs, env))
        return;
    if (genv_snapshot_take(cli->genv, GENV_DEPTH_DEVICES, &snapshot, NULL) < 0)
        return;
    for (size_t i = 0; i < env->attachment_count; i++) {
        cleanup_text struct text sharers = TEXT_INIT, line = TEXT_INIT;

        if (!add_sharers(&sharers, snapshot, env, &env->attachments[i]) || sharers.failed)
            continue;
        text_addf(&line, "device %d is over-subscribed: it is also attached to environment %s",
                  env->attachments[i].index, sharers.data);
        if (!line.failed)
            cli_warn(cli, line.data);
    }
}
