/* Environments get devices, and give them back. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/user.h"
#include "driver/driver.h"
#include "driver/survey.h"
#include "libgenv/handle.h"
#include "libgenv/quota.h"
#include "model/device.h"
#include "policy/select.h"
#include "store/membership.h"

/* A driver that takes longer is waking GPUs up that nobody uses: there is nothing to learn from waiting. */
#define SURVEY_TIMEOUT_MS 150

/* Who uses the devices, as far as the driver tells in time. */
struct survey {
    struct driver_process *processes;
    size_t count;
};

static void take_survey(struct survey *ret)
{
    if (driver_is_simulated(NULL) != 0 ||
        driver_survey_processes(SURVEY_TIMEOUT_MS, &ret->processes, &ret->count, NULL) < 0)
        *ret = (struct survey){0};
}

/* Per device, the PID of a process that uses it outside all environments, or 0. */
static pid_t *find_strangers(const struct survey *survey, const struct genv_device *devices, size_t device_count,
                             const struct env_list *envs)
{
    pid_t *strangers = calloc(device_count + 1, sizeof(*strangers));

    for (size_t i = 0; strangers && i < survey->count; i++) {
        const struct driver_process *process = &survey->processes[i];
        const struct genv_device *device = device_find(devices, device_count, process->uuid);

        if (device && !strangers[device - devices] && !membership_find(envs, process->pid))
            strangers[device - devices] = process->pid;
    }
    return strangers;
}

static void warn_of_stranger(const struct genv *g, unsigned index, pid_t pid)
{
    char command[GENV_COMMAND_SIZE], user[GENV_USERNAME_SIZE];

    proc_command(pid, command, sizeof(command));
    user_name(proc_uid(pid), user, sizeof(user));
    handle_warn(g, "device %u is used by process %d (%s) of %s, which belongs to no environment", index, pid,
                *command ? command : "?", user);
}

static void warn_of_strangers(const struct genv *g, const struct genv_env *before, const struct selection *selection,
                              const struct genv_device *devices, size_t device_count, const pid_t *strangers)
{
    for (size_t i = 0; i < selection->count; i++) {
        const char *uuid = selection->attachments[i].device.uuid;
        const struct genv_device *device = device_find(devices, device_count, uuid);

        if (device && strangers[device - devices] && !env_attachment(before, uuid))
            warn_of_stranger(g, device->index, strangers[device - devices]);
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
        return error_set(err, EINVAL,
                         "environment %s has no device count: configure one (genv config gpus N), or name one "
                         "(genv attach --count N)",
                         view->self->eid);
    return select_count(view, count, request->over_subscribe, ret_selection, err);
}

/* Decides and commits, under the lock. */
static int attach_locked(struct genv *g, const struct env_list *envs, struct genv_env *env,
                         const struct genv_device *devices, size_t device_count, const struct survey *survey,
                         const struct genv_attach_request *request, struct genv_error *err)
{
    cleanup_free pid_t *strangers = find_strangers(survey, devices, device_count, envs);
    cleanup_free bool *busy = calloc(device_count + 1, sizeof(*busy));
    cleanup_env_content struct genv_env before = {0};
    struct select_view view = {devices, device_count, busy, envs, env, clock_now()};
    struct selection selection = {0};
    int r = store_check_known(g->store, err);

    if (r < 0)
        return r;
    if (!strangers || !busy)
        return error_no_memory(err);
    for (size_t d = 0; d < device_count; d++)
        busy[d] = strangers[d] != 0;
    env_resolve_indices(env, devices, device_count);
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    r = decide(&view, request, &selection, err);
    if (r == 0)
        r = quota_check(g, envs, env, selection.attachments, selection.count, devices, device_count, err);
    if (r < 0) {
        free(selection.attachments);
        selection = (struct selection){0};
    }
    if ((r == -EBUSY || r == -ENODEV || r == -EDQUOT) && !request->device && env->attachment_count) {
        take_selection(env, &selection); /* a count that can't be met leaves nothing attached */
        handle_commit(g, &before, env, GENV_REASON_UNMET, NULL);
    }
    if (r < 0)
        return r;
    warn_of_strangers(g, env, &selection, devices, device_count, strangers);
    take_selection(env, &selection);
    return handle_commit(g, &before, env, GENV_REASON_ASKED, err);
}

/* Hands @env's contents over as the result of an operation, if the caller wants one. */
static void return_env(struct genv_env *env, struct genv_env **result, struct genv_env **ret_env)
{
    if (!ret_env)
        return;
    **result = *env;
    memset(env, 0, sizeof(*env));
    *ret_env = STEAL_POINTER(*result);
}

GENV_PUBLIC int genv_attach(struct genv *g, const char *eid, const struct genv_attach_request *request,
                            struct genv_env **ret_env, struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result)); /* nothing may fail behind the commit */
    cleanup_env_list struct env_list envs = {0};
    cleanup_free struct genv_device *devices = NULL;
    struct survey survey = {0};
    struct genv_env *env;
    size_t device_count;
    int r;

    if (!result)
        return error_no_memory(err);
    if (request->count < -1 || request->count > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "a device count is a number from 0 to %d", DEVICE_COUNT_MAX);
    if (request->count >= 0 && request->device)
        return error_set(err, EINVAL, "a device count and a device cannot be asked for together");
    /* The driver may take its time: ask it before the lock. */
    r = handle_devices(g, &devices, &device_count, err);
    if (r < 0)
        return r;
    take_survey(&survey);
    /* Whether a process that uses devices belongs to an environment can only be told when all are known. */
    r = survey.count ? handle_begin(g, STORE_WRITE, &envs, err) : handle_begin_allocation(g, eid, &envs, err);
    if (r == 0) {
        r = handle_find_own(g, &envs, eid, &env, err);
        if (r == 0)
            r = attach_locked(g, &envs, env, devices, device_count, &survey, request, err);
        handle_end(g);
    }
    free(survey.processes);
    if (r == 0)
        return_env(env, &result, ret_env);
    return r;
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
    env->attachment_count = kept;
    return handle_commit(g, &before, env, GENV_REASON_ASKED, err);
}

GENV_PUBLIC int genv_detach(struct genv *g, const char *eid, const char *device, struct genv_env **ret_env,
                            struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result));
    cleanup_env_list struct env_list envs = {0};
    cleanup_free struct genv_device *devices = NULL;
    size_t device_count = 0;
    struct genv_env *env;
    bool known;
    int r;

    if (!result)
        return error_no_memory(err);
    known = device && handle_devices(g, &devices, &device_count, NULL) == 0;
    r = handle_begin_allocation(g, eid, &envs, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &envs, eid, &env, err);
    if (r == 0 && known)
        env_resolve_indices(env, devices, device_count);
    if (r == 0)
        r = detach_locked(g, env, device, err);
    handle_end(g);
    if (r == 0)
        return_env(env, &result, ret_env);
    return r;
}
