/* Environments give devices back: one asks for it, or many at once are made to. */
#include <errno.h>
#include <string.h>

#include "libgenv/attach.h"
#include "model/device.h"
#include "model/record.h"

/* Whether @env is a user's whose record is not valid. Nothing but its devices is known, so that it cannot be written
 * back without one of them: for root it goes as a whole. */
static bool is_users_junk(const struct genv *g, const struct genv_env *env)
{
    return g->uid == 0 && env->uid != 0 && record_origin(env) == RECORD_INVALID;
}

/* Saves @env with the @kept first of its attachments alone. */
static int commit_kept(struct genv *g, const struct genv_env *before, struct genv_env *env, size_t kept,
                       struct genv_error *err)
{
    bool junk = is_users_junk(g, env);

    env->attachment_count = junk ? 0 : kept;
    return handle_commit(g, before, junk ? NULL : env, GENV_REASON_ASKED, err);
}

static int detach_locked(struct genv *g, struct genv_env *env, const char *device, struct genv_error *err)
{
    cleanup_env_content struct genv_env before = {0};
    size_t kept = 0;

    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    for (size_t i = 0; i < before.attachment_count; i++) {
        const struct genv_attachment *attachment = &before.attachments[i];

        if (device && !device_is_named(&attachment->device, attachment->index, device))
            env->attachments[kept++] = *attachment;
    }
    if (device && kept == before.attachment_count)
        return error_set(err, ENODEV, "device %s is not attached", device);
    if (kept == before.attachment_count)
        return 0;
    return commit_kept(g, &before, env, kept, err);
}

GENV_PUBLIC int genv_detach(struct genv *g, const char *eid, const char *device, struct genv_env **ret_env,
                            struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result));
    cleanup_env_list struct env_list envs = {0};
    cleanup_supply struct supply supply = {0};
    struct genv_env *env;
    int r = 0;

    if (!result)
        return error_no_memory(err);
    if (device)
        r = supply_take(g, false, &supply, err);
    if (r < 0)
        return r;
    if (supply.failure.code)
        handle_warn_of_indices(g, &supply.failure);
    r = handle_begin_allocation(g, eid, &envs, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &envs, eid, &env, err);
    if (r == 0 && device)
        supply_resolve_indices(g, &supply, env);
    if (r == 0)
        r = detach_locked(g, env, device, err);
    handle_end(g);
    if (r == 0)
        supply_return_env(g, &supply, env, &result, ret_env);
    return r;
}

static bool is_meant(const struct genv_detachment *detachment, const struct genv_attachment *attachment)
{
    return detachment->attached.tv_sec == attachment->time.tv_sec &&
           detachment->attached.tv_nsec == attachment->time.tv_nsec &&
           strcmp(detachment->uuid, attachment->device.uuid) == 0;
}

/* Takes from @env what is meant, and says so: what is not there any more has -ENODEV. Returns how many are left. */
static size_t take_meant(struct genv_env *env, struct genv_detachment *detachments, size_t count)
{
    size_t kept = 0;

    for (size_t k = 0; k < count; k++)
        detachments[k].result = -ENODEV;
    for (size_t i = 0; i < env->attachment_count; i++) {
        bool meant = false;

        for (size_t k = 0; k < count; k++) {
            if (is_meant(&detachments[k], &env->attachments[i])) {
                detachments[k].result = 0;
                meant = true;
            }
        }
        if (!meant)
            env->attachments[kept++] = env->attachments[i];
    }
    return kept;
}

/* All of @detachments are of one environment. */
static int detach_from_one(struct genv *g, struct genv_detachment *detachments, size_t count, struct genv_error *err)
{
    cleanup_env_list struct env_list envs = {0};
    cleanup_env_content struct genv_env before = {0};
    struct genv_env *env;
    size_t kept;
    int r = store_load_named(g->store, detachments->eid, &envs, err);

    if (r < 0)
        return r;
    r = handle_find_own(g, &envs, detachments->eid, &env, err);
    if (r < 0)
        return r;
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    kept = take_meant(env, detachments, count);
    return kept == before.attachment_count ? 0 : commit_kept(g, &before, env, kept, err);
}

GENV_PUBLIC int genv_detach_many(struct genv *g, struct genv_detachment *detachments, size_t count,
                                 struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = RESERVED_CHECK(&detachments[i], err);
    if (r == 0)
        r = store_begin(g->store, STORE_TRY, err);
    if (r < 0)
        return r;
    for (size_t first = 0, same; first < count; first += same) {
        struct genv_error reason = {0};

        for (same = 1; first + same < count && strcmp(detachments[first + same].eid, detachments[first].eid) == 0;)
            same++;
        r = detach_from_one(g, &detachments[first], same, &reason);
        for (size_t i = first; r < 0 && i < first + same; i++) {
            detachments[i].result = r;
            detachments[i].err = reason;
        }
    }
    handle_end(g);
    return 0;
}
