/* Environments get devices. */
#include "libgenv/attach.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/user.h"
#include "driver/nvidia.h"
#include "libgenv/quota.h"
#include "model/device.h"
#include "policy/select.h"
#include "store/membership.h"

/* A driver that takes longer is waking GPUs up that nobody uses: there is nothing to learn from waiting. */
#define USERS_TIMEOUT_MS 150

int supply_take(struct genv *g, bool with_processes, struct supply *ret_supply, struct genv_error *err)
{
    struct supply supply = {.taken = true};
    struct genv_error reason = {0};
    int r = handle_devices(g, &supply.devices, &supply.device_count, &supply.failure);

    if (r == 0 && with_processes)
        r = driver_ask(&g->gate, ANSWER_PROCESSES, USERS_TIMEOUT_MS, &supply.users, &reason);
    *ret_supply = supply;
    if (r != -ECANCELED)
        return 0;
    if (err)
        *err = supply.failure.code ? supply.failure : reason;
    return r;
}

void supply_release(struct supply *supply)
{
    free(supply->devices);
    answer_release(&supply->users);
}

void supply_resolve_indices(struct genv *g, const struct supply *supply, struct genv_env *env)
{
    cleanup_free struct genv_device *taken = NULL;
    const struct genv_device *devices = supply->devices;
    size_t count = supply->device_count;

    if (!env->attachment_count || (supply->taken && supply->failure.code))
        return;
    if (!supply->taken) {
        if (handle_indices(g, &taken, &count) < 0)
            return;
        devices = taken;
    }
    env_resolve_indices(env, devices, count);
    env->counted_otherwise = nvidia_is_counted_otherwise(devices, count, NVIDIA_NODES);
}

void supply_return_env(struct genv *g, const struct supply *supply, struct genv_env *env, struct genv_env **result,
                       struct genv_env **ret_env)
{
    if (!ret_env)
        return;
    supply_resolve_indices(g, supply, env);
    **result = *env;
    memset(env, 0, sizeof(*env));
    *ret_env = STEAL_POINTER(*result);
}

/* Per device, the PID of a process that uses it outside all environments, or 0. */
static pid_t *find_strangers(const struct supply *supply, const struct env_list *envs)
{
    cleanup_membership struct membership membership = {.count = 0};
    pid_t *strangers = calloc(supply->device_count + 1, sizeof(*strangers));

    if (!supply->users.process_count || membership_index(&membership, envs) < 0)
        return strangers; /* a warning is not worth a failure */
    for (size_t i = 0; strangers && i < supply->users.process_count; i++) {
        const struct driver_process *process = &supply->users.processes[i];
        const struct genv_device *device = device_find(supply->devices, supply->device_count, process->uuid);

        if (device && !strangers[device - supply->devices] && !membership_look_up(&membership, process->pid))
            strangers[device - supply->devices] = process->pid;
    }
    return strangers;
}

static void warn_of_stranger(const struct genv *g, unsigned index, pid_t pid)
{
    char command[GENV_COMMAND_SIZE], user[GENV_USERNAME_SIZE];
    uid_t uid = proc_uid(pid);

    if (uid == (uid_t)-1) { /* gone, hidden, or of another PID namespace */
        handle_warn(g, "device %u is used by a process that is not visible here (PID %d)", index, pid);
        return;
    }
    proc_command(pid, command, sizeof(command));
    user_name(uid, user, sizeof(user));
    handle_warn(g, "device %u is used by process %d%s%s%s of %s, which is outside any environment", index, pid,
                *command ? " (" : "", command, *command ? ")" : "", user);
}

static void warn_of_strangers(const struct genv *g, const struct genv_env *before, const struct selection *selection,
                              const struct supply *supply, const pid_t *strangers)
{
    for (size_t i = 0; i < selection->count; i++) {
        const char *uuid = selection->attachments[i].device.uuid;
        const struct genv_device *device = device_find(supply->devices, supply->device_count, uuid);

        if (device && strangers[device - supply->devices] && !genv_env_attachment(before, uuid))
            warn_of_stranger(g, device->index, strangers[device - supply->devices]);
    }
}

static void take_selection(struct genv_env *env, struct selection *selection)
{
    free(env->attachments);
    env->attachments = selection->attachments;
    env->attachment_count = selection->count;
}

static int decide(const struct select_view *view, const struct genv_attach_request *request,
                  struct selection *ret_selection, struct genv_error *err)
{
    int count = request->count;

    if (request->device)
        return select_device(view, request->device, request->over_subscribe, ret_selection, err);
    if (count < 0)
        count = view->self->config.gpus;
    if (count < 0)
        return error_set(
            err, EINVAL,
            "environment %s has no device count: set one (genv config gpus N), or give one (genv attach --count N)",
            view->self->eid);
    return select_count(view, count, request->over_subscribe, ret_selection, err);
}

/* -EIO and other codes: what there is to be had is not known. */
static int check_supply(const struct genv *g, const struct supply *supply, struct genv_error *err)
{
    if (supply->failure.code)
        return error_set(err, supply->failure.code, "%s", supply->failure.message);
    return store_check_known(g->store, err);
}

/* What the limits file does not let the owner have is let go. */
static int check_quota(const struct genv *g, const struct select_view *view, struct selection *selection,
                       struct genv_error *err)
{
    int r = quota_check(g, view->envs, view->self, selection->attachments, selection->count, view->devices,
                        view->device_count, err);

    if (r < 0) {
        free(selection->attachments);
        *selection = (struct selection){0};
    }
    return r;
}

int attach_decide(struct genv *g, const struct env_list *envs, struct genv_env *env, const struct supply *supply,
                  const struct genv_attach_request *request, struct genv_error *err)
{
    cleanup_free pid_t *strangers = find_strangers(supply, envs);
    cleanup_free bool *busy = calloc(supply->device_count + 1, sizeof(*busy));
    struct select_view view = {supply->devices, supply->device_count, busy, envs, env, clock_now()};
    struct selection selection = {0};
    int r = check_supply(g, supply, err);

    if (r < 0)
        return r;
    if (!strangers || !busy)
        return error_no_memory(err);
    for (size_t d = 0; d < supply->device_count; d++)
        busy[d] = strangers[d] != 0;
    r = decide(&view, request, &selection, err);
    if (r == 0)
        r = check_quota(g, &view, &selection, err);
    if ((r == -EBUSY || r == -ENODEV || r == -EDQUOT) && !request->device)
        take_selection(env, &selection); /* none */
    if (r < 0)
        return r;
    warn_of_strangers(g, env, &selection, supply, strangers);
    take_selection(env, &selection);
    return 0;
}

int attach_resize(struct genv *g, const struct env_list *envs, struct genv_env *env, const struct supply *supply,
                  uint64_t capacity, struct genv_error *err)
{
    struct select_view view = {
        .devices = supply->devices, .device_count = supply->device_count, .envs = envs, .self = env};
    struct selection selection = {0};
    int r = check_supply(g, supply, err);

    if (r == 0)
        r = select_capacity(&view, capacity, &selection, err);
    if (r == 0)
        r = check_quota(g, &view, &selection, err);
    if (r == 0)
        take_selection(env, &selection);
    return r;
}

/* Whether it has the count that @request wants, and may have more. */
static bool has_enough(const struct genv_env *env, const struct genv_attach_request *request)
{
    int count = request->count < 0 ? env->config.gpus : request->count;

    return request->at_least && !request->device && count >= 0 && env->attachment_count >= (size_t)count;
}

static int attach_locked(struct genv *g, const struct env_list *envs, struct genv_env *env, const struct supply *supply,
                         const struct genv_attach_request *request, struct genv_error *err)
{
    cleanup_env_content struct genv_env before = {0};
    int r;

    supply_resolve_indices(g, supply, env);
    if (has_enough(env, request))
        return 0;
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    r = attach_decide(g, envs, env, supply, request, err);
    if (r == 0)
        return handle_commit(g, &before, env, GENV_REASON_ASKED, err);
    if (before.attachment_count && !env->attachment_count)
        handle_commit(g, &before, env, GENV_REASON_UNMET, NULL);
    return r;
}

GENV_PUBLIC int genv_attach(struct genv *g, const char *eid, const struct genv_attach_request *request,
                            struct genv_env **ret_env, struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result));
    cleanup_env_list struct env_list envs = {0};
    cleanup_supply struct supply supply = {0};
    struct genv_env *env;
    int r = RESERVED_CHECK(request, err);

    if (r < 0)
        return r;
    if (!result)
        return error_no_memory(err);
    if (request->count < -1 || request->count > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "the device count must be from 0 to %d", DEVICE_COUNT_MAX);
    if (request->count >= 0 && request->device)
        return error_set(err, EINVAL, "a device count and a device cannot be used together");
    r = supply_take(g, true, &supply, err);
    if (r < 0)
        return r;
    /* Whether a process that uses devices belongs to an environment can only be told when all are known. */
    r = supply.users.process_count ? handle_begin(g, STORE_WRITE, &envs, err)
                                   : handle_begin_allocation(g, eid, &envs, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &envs, eid, &env, err);
    if (r == 0)
        r = attach_locked(g, &envs, env, &supply, request, err);
    handle_end(g);
    if (r == 0)
        supply_return_env(g, &supply, env, &result, ret_env);
    return r;
}
