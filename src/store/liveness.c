/* Whether an environment lives: some registered process does, or a kernel that can be started again. */
#include "store/liveness.h"

#include <stdlib.h>

#include "base/macros.h"
#include "base/proc.h"
#include "model/env.h"
#include "model/record.h"
#include "store/vouch.h"

#define ANCESTORS_MAX 16 /* between a user's process and what sudo(8) or the like has started for it */
#define FOREIGN_MAX   64 /* processes of others that one user's records may have us look at more closely */

static bool is_spared(const struct liveness_look *look, const struct genv_process *process)
{
    struct proc_stat stat;

    return process->pid == look->spared && process->pid_namespace == look->pid_namespace &&
           proc_stat_read(process->pid, &stat) == 0 && stat.start_time == process->start_time;
}

/* Looks at the process anew unless it was the last one. */
static void look_at(struct liveness_look *look, const struct genv_process *process)
{
    if (process->pid == look->last.pid && process->start_time == look->last.start_time)
        return;
    look->last = *process;
    look->last_lives = is_spared(look, process) || proc_is_alive(process->pid, process->start_time);
    look->knows_uid = false;
}

/* As by sudo(8), where the kernel keeps no logins: one that was started by a process of @uid's, which waits for it. */
static bool descends_from_user(pid_t pid, uid_t uid)
{
    struct proc_stat stat;

    for (int i = 0; i < ANCESTORS_MAX && proc_stat_read(pid, &stat) == 0 && stat.parent > 1; i++) {
        pid = stat.parent;
        if (proc_uid(pid) == uid)
            return true;
    }
    return false;
}

/* Whether one more process of others is looked at for @uid: their records must not keep everybody else busy. */
static bool may_look_closer(struct liveness_look *look, uid_t uid)
{
    struct liveness_foreign *foreign;

    for (size_t i = 0; i < look->foreign_count; i++) {
        if (look->foreign[i].uid == uid)
            return look->foreign[i].looks++ < FOREIGN_MAX;
    }
    foreign = reallocarray(look->foreign, look->foreign_count + 1, sizeof(*foreign));
    if (!foreign)
        return false;
    look->foreign = foreign;
    foreign[look->foreign_count++] = (struct liveness_foreign){.uid = uid, .looks = 1};
    return true;
}

/* What its owner started may have become another user's since; what /proc hides can't be told; root may name whatever
 * it likes. The rest is asked for seldom: others' processes in a record. */
static bool is_owners(const struct genv_env *env, struct liveness_look *look, const struct genv_process *process)
{
    const pid_t pid = look->last.pid;

    if (env->uid == 0 || look->known)
        return true;
    if (!look->knows_uid) {
        look->knows_uid = true;
        look->last_uid = proc_uid(pid);
    }
    if (look->last_uid == env->uid || look->last_uid == (uid_t)-1)
        return true;
    return may_look_closer(look, env->uid) &&
           ((look->directory && is_vouched_for(*look->directory, process, env->uid)) ||
            proc_login_uid(pid) == env->uid || descends_from_user(pid, env->uid));
}

/* Its number counts in another namespace, and its start time in all of them. */
static bool nested_lives(struct liveness_look *look, const struct genv_env *env, const struct genv_process *process)
{
    const struct proc_nested key = {.inner = process->pid}, *end, *found;

    if (!look->nested_known)
        look->nested_known = proc_list_nested(&look->nested, &look->nested_count) < 0 ? -1 : 1;
    if (look->nested_known < 0)
        return true;
    if (!look->nested_count)
        return false;
    found = bsearch(&key, look->nested, look->nested_count, sizeof(*look->nested), proc_nested_compare);
    end = look->nested + look->nested_count;
    while (found && found > look->nested && found[-1].inner == process->pid)
        found--;
    for (; found && found < end && found->inner == process->pid; found++) {
        if (process->start_time && found->start_time != process->start_time)
            continue;
        look_at(look, &(struct genv_process){.pid = found->pid, .start_time = found->start_time});
        if (look->last_lives && is_owners(env, look, process))
            return true;
    }
    return false;
}

static bool process_lives(struct liveness_look *look, const struct genv_env *env, const struct genv_process *process)
{
    if (!process->pid_namespace && look->pid_namespace)
        return true; /* which one is not known */
    if (process->pid_namespace != look->pid_namespace)
        return nested_lives(look, env, process);
    look_at(look, process);
    return look->last_lives && is_owners(env, look, process);
}

/* @env has its live processes only. */
static bool kernel_lives(struct liveness_look *look, const struct genv_env *env, const struct genv_kernel *kernel)
{
    const struct genv_process manager = {.pid = kernel->manager,
                                         .start_time = kernel->manager_start_time,
                                         .pid_namespace = kernel->manager_pid_namespace};

    return (!manager.pid || env->process_count || process_lives(look, env, &manager)) &&
           kernel_file_exists(&look->files, kernel->connection_file, env->uid);
}

bool liveness_prune_next(struct liveness_look *look, struct genv_env *env)
{
    size_t kept = 0;

    if (record_origin(env) != RECORD_OWN)
        return true;
    for (size_t i = 0; i < env->process_count; i++) {
        struct genv_process *process = &env->processes[i];

        if (!process_lives(look, env, process))
            continue;
        if (process->container && look->directory)
            process->vouched = is_container_vouched_for(*look->directory, process, env->uid);
        env->processes[kept++] = *process;
    }
    env->process_count = kept;
    kept = 0;
    for (size_t i = 0; i < env->kernel_count; i++) {
        if (kernel_lives(look, env, &env->kernels[i]))
            env->kernels[kept++] = env->kernels[i];
        else
            kernel_release(&env->kernels[i]);
    }
    env->kernel_count = kept;
    return env->process_count || env->kernel_count;
}

bool liveness_prune(struct genv_env *env, uint64_t pid_namespace)
{
    cleanup_liveness_look struct liveness_look look = {
        .pid_namespace = pid_namespace, .known = true, .files.deadline_ms = KERNEL_FILE_CACHED_ONLY};

    return liveness_prune_next(&look, env);
}

void liveness_look_release(struct liveness_look *look)
{
    free(look->nested);
    free(look->foreign);
    kernel_file_look_release(&look->files);
}
