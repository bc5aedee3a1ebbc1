/* Which environment a process belongs to. */
#include "store/membership.h"

#include "base/proc.h"

#define ANCESTORS_MAX 4096 /* /proc is read while it changes: a chain that does not end is none */

/* A record is its owner's word, which makes nobody else's process his. */
static bool may_own(const struct genv_env *env, pid_t pid)
{
    return env->uid == 0 || env->uid == proc_uid(pid);
}

static const struct genv_env *find_registered(const struct env_list *envs, pid_t pid, uint64_t start_time,
                                              uint64_t pid_namespace)
{
    for (size_t i = 0; i < envs->count; i++) {
        for (size_t p = 0; p < envs->envs[i].process_count; p++) {
            const struct genv_process *process = &envs->envs[i].processes[p];

            if (process->pid == pid && process->start_time == start_time && process->pid_namespace == pid_namespace &&
                may_own(&envs->envs[i], pid))
                return &envs->envs[i];
        }
    }
    return NULL;
}

static const struct genv_env *find_by_descent(const struct env_list *envs, pid_t pid)
{
    uint64_t pid_namespace = proc_pid_namespace();
    struct proc_stat stat;

    for (int i = 0; i < ANCESTORS_MAX && pid > 0 && proc_stat_read(pid, &stat) == 0; i++, pid = stat.parent) {
        const struct genv_env *env = find_registered(envs, pid, stat.start_time, pid_namespace);

        if (env)
            return env;
    }
    return NULL;
}

static const struct genv_env *find_by_claim(const struct env_list *envs, pid_t pid)
{
    char eid[GENV_EID_MAX + 1];
    const struct genv_env *env;

    if (proc_variable(pid, "GENV_ENVIRONMENT_ID", eid, sizeof(eid)) < 0)
        return NULL;
    env = env_list_find(envs, eid);
    return env && env->uid == proc_uid(pid) ? env : NULL;
}

const struct genv_env *membership_find(const struct env_list *envs, pid_t pid)
{
    const struct genv_env *env = find_by_descent(envs, pid);

    return env ? env : find_by_claim(envs, pid);
}
