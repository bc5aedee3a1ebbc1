/* Counts and adds up what belongs to each environment and user of a host. */
#include "monitor/figures.h"

#include <errno.h>
#include <string.h>

static void add_known(uint64_t *sum, uint64_t amount)
{
    *sum = *sum == GENV_UNKNOWN_U64 || amount == GENV_UNKNOWN_U64 ? GENV_UNKNOWN_U64 : *sum + amount;
}

uint64_t figures_held(const struct genv_snapshot *snapshot, const struct genv_attachment *attachment)
{
    if (attachment->gpu_memory)
        return attachment->gpu_memory;
    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];

        if ((int)device->index == attachment->index && device->total_memory)
            return device->total_memory;
    }
    return GENV_UNKNOWN_U64;
}

static size_t find_user(struct figures *figures, const char *username)
{
    size_t i = 0;

    while (i < figures->user_count && strcmp(figures->users[i].username, username) != 0)
        i++;
    if (i == figures->user_count)
        figures->users[figures->user_count++].username = username;
    return i;
}

static void count_attachments(const struct genv_snapshot *snapshot, struct env_figures *env)
{
    for (size_t i = 0; i < env->env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->env->attachments[i];

        if (attachment->index < 0)
            continue;
        env->attached++;
        add_known(&env->held, figures_held(snapshot, attachment));
    }
}

static void count_processes(const struct genv_snapshot *snapshot, struct figures *figures)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];
        struct env_figures *env = figures->envs;

        while (env < figures->envs + figures->env_count && strcmp(env->env->eid, process->eid) != 0)
            env++;
        if (env == figures->envs + figures->env_count)
            continue;
        env->processes++;
        for (size_t k = 0; k < process->usage_count; k++)
            add_known(&env->used, process->usages[k].used_memory);
    }
}

static void count_users(struct figures *figures)
{
    for (size_t i = 0; i < figures->env_count; i++) {
        const struct env_figures *env = &figures->envs[i];
        struct user_figures *user = &figures->users[env->user];

        user->envs++;
        user->processes += env->processes;
        add_known(&user->held, env->held);
        add_known(&user->used, env->used);
    }
}

bool figures_attached(const struct figures *figures, const struct genv_device *device)
{
    for (size_t i = 0; i < figures->env_count; i++) {
        if (genv_env_attachment(figures->envs[i].env, device->id.uuid))
            return true;
    }
    return false;
}

static void count_devices(const struct genv_snapshot *snapshot, struct figures *figures)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];

        figures->attached_devices += figures_attached(figures, device);
        for (size_t k = 0; k < figures->env_count; k++) {
            struct user_figures *user = &figures->users[figures->envs[k].user];

            if (user->counted == device->index + 1 || !genv_env_attachment(figures->envs[k].env, device->id.uuid))
                continue;
            user->counted = device->index + 1;
            user->attached++;
        }
    }
}

int figures_of(const struct observation *observation, const struct idle *idle, const struct observed_host *host,
               struct figures *ret_figures)
{
    const struct genv_snapshot *snapshot = host->snapshot;
    struct figures figures = {.host = host};

    if (!snapshot || !host->has_genv) {
        *ret_figures = figures;
        return 0;
    }
    figures.envs = calloc(snapshot->env_count + 1, sizeof(*figures.envs));
    figures.users = calloc(snapshot->env_count + 1, sizeof(*figures.users));
    if (!figures.envs || !figures.users) {
        figures_release(&figures);
        return -ENOMEM;
    }
    for (size_t i = 0; i < snapshot->env_count; i++) {
        struct env_figures *env = &figures.envs[figures.env_count++];

        env->env = &snapshot->envs[i];
        genv_env_username(env->env, env->username);
        env->user = find_user(&figures, env->username);
        env->idle_seconds = idle_seconds(idle, observation, host->name, env->env);
        count_attachments(snapshot, env);
    }
    count_processes(snapshot, &figures);
    count_users(&figures);
    count_devices(snapshot, &figures);
    *ret_figures = figures;
    return 0;
}

void figures_release(struct figures *figures)
{
    free(figures->envs);
    free(figures->users);
    *figures = (struct figures){.host = NULL};
}
