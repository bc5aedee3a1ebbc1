/* The state of a machine. */
#include <stdlib.h>

#include "base/text.h"
#include "base/user.h"
#include "model/env.h"

GENV_PUBLIC void genv_snapshot_free(struct genv_snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (size_t i = 0; i < snapshot->env_count; i++)
        env_release(&snapshot->envs[i]);
    for (size_t i = 0; i < snapshot->process_count; i++)
        free(snapshot->processes[i].usages);
    free(snapshot->devices);
    free(snapshot->envs);
    free(snapshot->processes);
    free(snapshot);
}

GENV_PUBLIC const struct genv_env *genv_snapshot_env(const struct genv_snapshot *snapshot, const char *eid)
{
    const struct env_list list = {snapshot->envs, snapshot->env_count};

    return env_list_find(&list, eid);
}

static void username(uid_t uid, const char *told, char *name)
{
    if (*told || uid == (uid_t)-1)
        copy_string(name, GENV_USERNAME_SIZE, told);
    else
        user_name(uid, name, GENV_USERNAME_SIZE);
}

GENV_PUBLIC void genv_env_username(const struct genv_env *env, char *name)
{
    username(env->uid, env->username, name);
}

GENV_PUBLIC void genv_gpu_process_username(const struct genv_gpu_process *process, char *name)
{
    username(process->uid, process->username, name);
}
