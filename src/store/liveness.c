/* Whether an environment lives: some registered process does, or the connection file of a kernel exists. */
#include "store/liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "model/record.h"

static bool process_lives(struct liveness_look *look, const struct genv_process *process)
{
    if (process->pid_namespace != look->pid_namespace)
        return true;
    if (process->pid != look->last.pid || process->start_time != look->last.start_time) {
        look->last = *process;
        look->last_lives = proc_is_alive(process->pid, process->start_time);
    }
    return look->last_lives;
}

static bool kernel_lives(const struct genv_kernel *kernel)
{
    struct statx st;

    /* The path is the owner's word: it must not make anyone wait for a network. */
    if (statx(AT_FDCWD, kernel->connection_file, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE,
              &st) == 0)
        return true;
    return errno == EACCES; /* another user's runtime directory is private */
}

bool liveness_prune_next(struct liveness_look *look, struct genv_env *env)
{
    size_t kept = 0;

    if (record_origin(env) != RECORD_OWN)
        return true;
    for (size_t i = 0; i < env->process_count; i++) {
        if (process_lives(look, &env->processes[i]))
            env->processes[kept++] = env->processes[i];
    }
    env->process_count = kept;
    kept = 0;
    for (size_t i = 0; i < env->kernel_count; i++) {
        if (kernel_lives(&env->kernels[i]))
            env->kernels[kept++] = env->kernels[i];
    }
    env->kernel_count = kept;
    return env->process_count || env->kernel_count;
}

bool liveness_prune(struct genv_env *env, uint64_t pid_namespace)
{
    return liveness_prune_next(&(struct liveness_look){.pid_namespace = pid_namespace}, env);
}
