/* What a user may hold, as the administrator says: attaching respects it, so that nobody meets enforcement unawares. */
#include "libgenv/quota.h"

#include <errno.h>
#include <string.h>

#include "base/user.h"
#include "model/device.h"
#include "policy/holding.h"
#include "store/limits_file.h"
#include "store/store.h"

static int collect(const struct env_list *envs, const struct genv_env *self, const struct genv_device *devices,
                   size_t device_count, struct holding *holding)
{
    int r = holding_add(holding, 0, self, devices, device_count);

    for (size_t i = 0; r == 0 && i < envs->count; i++) {
        const struct genv_env *env = &envs->envs[i];

        if (env->uid == self->uid && strcmp(env->eid, self->eid) != 0)
            r = holding_add(holding, 0, env, devices, device_count);
    }
    return r;
}

/* Adds what @uid's environments hold that cannot be seen from here: it counts, where else it would be had twice. */
static int add_unseen(const struct env_list *envs, uid_t uid, struct genv_device **devices, size_t *count)
{
    size_t room = *count;

    for (size_t i = 0; i < envs->count; i++)
        room += envs->envs[i].attachment_count;
    *devices = reallocarray(*devices, room + 1, sizeof(**devices));
    for (size_t i = 0; *devices && i < envs->count; i++) {
        for (size_t k = 0; k < envs->envs[i].attachment_count && envs->envs[i].uid == uid; k++) {
            const struct genv_attachment *attachment = &envs->envs[i].attachments[k];

            if (!device_find(*devices, *count, attachment->device.uuid))
                (*devices)[(*count)++] = (struct genv_device){.id = attachment->device};
        }
    }
    return *devices ? 0 : -ENOMEM;
}

static int refuse(const struct genv *g, const char *username, enum limit_kind kind, uint64_t wanted, uint64_t maximum,
                  struct genv_error *err)
{
    char had[GENV_AMOUNT_SIZE], allowed[GENV_AMOUNT_SIZE];

    if (kind == LIMIT_DEVICES)
        return error_set(err, EDQUOT,
                         "%s would hold %llu devices; the limit is %llu: detach some, or ask the administrator (%s)",
                         username, (unsigned long long)wanted, (unsigned long long)maximum, g->limits_file);
    genv_amount_format(wanted, had);
    genv_amount_format(maximum, allowed);
    return error_set(err, EDQUOT,
                     "%s would hold %s of device memory; the limit is %s: detach devices, lower gpu-memory, or ask the "
                     "administrator (%s)",
                     username, had, allowed, g->limits_file);
}

int quota_check(const struct genv *g, const struct env_list *envs, const struct genv_env *self,
                const struct genv_attachment *attachments, size_t count, const struct genv_device *devices,
                size_t device_count, struct genv_error *err)
{
    struct genv_env changed = *self;
    cleanup_free struct genv_device *all = calloc(device_count + 1, sizeof(*all));
    cleanup_limits struct limits limits = {0};
    cleanup_holding struct holding before = {0}, after = {0};
    char username[GENV_USERNAME_SIZE];
    struct allowance allowance;
    int r = limits_load(g->limits_file, &limits, err);

    if (r == 0 && limits.unknown_line)
        handle_warn(g, "ignoring line %u of %s: unknown word '%s'", limits.unknown_line, g->limits_file,
                    limits.unknown);
    if (r < 0 || limits.count == 0)
        return r;
    user_name(user_outside(self->uid), username, sizeof(username));
    allowance = limits_allowance(&limits, username);
    changed.attachments = (struct genv_attachment *)attachments;
    changed.attachment_count = count;
    if (all && device_count)
        memcpy(all, devices, device_count * sizeof(*all));
    if (!all || add_unseen(envs, self->uid, &all, &device_count) < 0 ||
        collect(envs, self, all, device_count, &before) < 0 || collect(envs, &changed, all, device_count, &after) < 0)
        return error_no_memory(err);
    for (enum limit_kind kind = 0; kind < LIMIT_HELD_COUNT; kind++) {
        uint64_t wanted = holding_total(&after, kind), maximum = allowance.maximum[kind];

        /* Less than before is right even where it is still too much. */
        if (wanted > maximum && wanted > holding_total(&before, kind))
            return refuse(g, username, kind, wanted, maximum, err);
    }
    return 0;
}

int quota_check_environments(const struct genv *g, uid_t uid, struct genv_error *err)
{
    cleanup_limits struct limits limits = {0};
    cleanup_env_list struct env_list list = {0};
    char username[GENV_USERNAME_SIZE] = "";
    uint64_t maximum, count = 0;
    int r = limits_load(g->limits_file, &limits, err);

    if (r < 0)
        return r;
    if (limits.count) /* a name may have to be asked for over the network */
        user_name(user_outside(uid), username, sizeof(username));
    maximum = limits_allowance(&limits, username).maximum[LIMIT_ENVIRONMENTS];
    if (maximum == LIMIT_NONE || store_count_records(g->store, uid) < maximum)
        return 0;
    r = store_load(g->store, &list, err); /* some may have ended */
    if (r < 0)
        return r;
    for (size_t i = 0; i < list.count; i++)
        count += list.envs[i].uid == uid;
    if (count < maximum)
        return 0;
    user_name(user_outside(uid), username, sizeof(username));
    return error_set(err, EDQUOT,
                     "%s has %llu environments; the limit is %llu: end some, or ask the administrator (%s)", username,
                     (unsigned long long)count, (unsigned long long)maximum, g->limits_file);
}
