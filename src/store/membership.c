/* Which environment a process belongs to. */
#include "store/membership.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"

#define CGROUPS_MAX   65536
#define INIT_SCOPE    "/init.scope" /* where systemd goes that runs in a container */
#define ANCESTORS_MAX 4096          /* /proc is read while it changes: a chain that does not end is none */

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

/* Whether @cgroup is that of a container whose first process is in @first, or one below it. */
static bool is_in_cgroup(const char *cgroup, const char *first)
{
    size_t length = strlen(first);

    if (length > strlen(INIT_SCOPE) && strcmp(first + length - strlen(INIT_SCOPE), INIT_SCOPE) == 0)
        length -= strlen(INIT_SCOPE);
    return strncmp(cgroup, first, length) == 0 && (!cgroup[length] || cgroup[length] == '/');
}

/* The path in a line of /proc/PID/cgroup, "7:devices:/docker/1573", if it is of the hierarchy @name and not its root:
 * everybody is in that. */
static const char *path_in(const char *line, const char *name)
{
    const char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    size_t length = path ? (size_t)(path - controllers - 1) : 0;

    if (!path || path[1] != '/' || !path[2] || length != strlen(name) || strncmp(controllers + 1, name, length) != 0)
        return NULL;
    return path + 1;
}

/* The cgroup of a process as "HIERARCHY:PATH"; free() it. NULL: it is in none. Without cgroup v2 another hierarchy
 * tells, the same for all. */
static char *read_cgroup(pid_t pid)
{
    static const char *const hierarchies[] = {"", "devices", "name=systemd", "pids"};
    cleanup_free char *text = NULL;
    char name[32], *found = NULL;

    snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
    if (file_read_at(AT_FDCWD, name, CGROUPS_MAX, &text, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
            const char *path = path_in(line, hierarchies[i]);

            if (path)
                return asprintf(&found, "%s:%.*s", hierarchies[i], (int)strcspn(path, "\n"), path) < 0 ? NULL : found;
        }
    }
    return NULL;
}

static bool is_in_container(const char *cgroup, pid_t pid)
{
    cleanup_free char *first = read_cgroup(pid);

    return cgroup && first && is_in_cgroup(cgroup, first);
}

/* Processes that enter a container later are nobody's children. Who they are is the record's owner's word for the
 * owner's own, and root's for those of all users. */
static const struct genv_env *find_by_cgroup(const struct env_list *envs, const struct subject *subject)
{
    cleanup_free char *cgroup = NULL;
    uid_t uid = (uid_t)-1;

    for (size_t i = 0; i < envs->count; i++) {
        const struct genv_env *env = &envs->envs[i];

        for (size_t p = 0; p < env->process_count; p++) {
            const struct genv_process *process = &env->processes[p];

            if (!process->container || process->pid_namespace != subject->pid_namespace)
                continue;
            if (!cgroup) {
                cgroup = read_cgroup(subject->pid);
                uid = proc_uid(subject->pid);
            }
            if ((process->vouched || (env->uid && env->uid == uid)) && is_in_container(cgroup, process->pid))
                return env;
        }
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
    const struct genv_env *env = find_by_cgroup(envs, &subject); /* first: a shell that enters one is in another */

    if (!env)
        env = find_by_descent(envs, &subject);
    if (!env)
        env = find_by_claim(envs, pid);
    subject.named = true; /* last, so that it takes nothing from anybody's own environments */
    return env ? env : find_by_descent(envs, &subject);
}
