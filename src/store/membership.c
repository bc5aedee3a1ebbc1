/* Which environment a process belongs to. */
#include "store/membership.h"

#include "base/proc.h"

#define ANCESTORS_MAX 4096 /* /proc is read while it changes: a chain that does not end is none */

struct subject {
    pid_t pid; /* whose environment is looked for */
    uint64_t pid_namespace;
    bool named; /* as an entry that names its user too, see struct genv_process */
};

/* A record is its owner's word, which makes nobody else's process theirs. One of root's is not even that: a file of
 * root's may have been moved here by whoever can write the folder that it was in. So what descends from a process of
 * root's is the environment's only if it is root's as well. */
static bool may_own(const struct genv_env *env, const struct genv_process *process, const struct subject *subject)
{
    uid_t uid = proc_uid(process->pid);

    if (subject->named)
        return env->uid == 0 && process->uid && process->uid == uid;
    return env->uid == uid && (uid != 0 || process->pid == subject->pid || proc_uid(subject->pid) == 0);
}

/* The environment in which @pid, the subject or an ancestor, is registered. */
static const struct genv_env *find_registered(const struct env_list *envs, const struct subject *subject, pid_t pid,
                                              uint64_t start_time)
{
    for (size_t i = 0; i < envs->count; i++) {
        for (size_t p = 0; p < envs->envs[i].process_count; p++) {
            const struct genv_process *process = &envs->envs[i].processes[p];

            if (process->pid == pid && process->start_time == start_time &&
                process->pid_namespace == subject->pid_namespace && may_own(&envs->envs[i], process, subject))
                return &envs->envs[i];
        }
    }
    return NULL;
}

static const struct genv_env *find_by_descent(const struct env_list *envs, const struct subject *subject)
{
    pid_t pid = subject->pid;
    struct proc_stat stat;

    for (int i = 0; i < ANCESTORS_MAX && pid > 0 && proc_stat_read(pid, &stat) == 0; i++, pid = stat.parent) {
        const struct genv_env *env = find_registered(envs, subject, pid, stat.start_time);

        if (env || subject->named)
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
    struct subject subject = {.pid = pid, .pid_namespace = proc_pid_namespace()};
    const struct genv_env *env = find_by_descent(envs, &subject);

    if (!env)
        env = find_by_claim(envs, pid);
    subject.named = true; /* last, so that it takes nothing from anybody's own environments */
    return env ? env : find_by_descent(envs, &subject);
}
