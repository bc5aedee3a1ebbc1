/* Which environment a process belongs to. */
#include "store/membership.h"

#include <errno.h>
#include <stdlib.h>

#include "base/proc.h"
#include "store/cgroup.h"

#define ANCESTORS_MAX 4096 /* /proc is read while it changes: a chain that does not end is none */

struct subject {
    pid_t pid;  /* whose environment is looked for */
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

/* Of one process, the entries in the order of their environments. */
static int compare_entries(const void *left, const void *right)
{
    const struct membership_entry *a = left, *b = right;

    if (a->process->pid != b->process->pid)
        return a->process->pid < b->process->pid ? -1 : 1;
    return a->env < b->env ? -1 : a->env > b->env;
}

static int index_containers(struct membership *membership)
{
    for (size_t i = 0; i < membership->count; i++) {
        const struct membership_entry *entry = &membership->entries[i];
        struct membership_container *grown;

        if (!entry->process->container)
            continue;
        grown = reallocarray(membership->containers, membership->container_count + 1, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        membership->containers = grown;
        grown[membership->container_count] =
            (struct membership_container){entry->process, entry->env, cgroup_read(entry->process->pid)};
        if (grown[membership->container_count].cgroup)
            membership->container_count++;
    }
    return 0;
}

int membership_index(struct membership *ret_membership, const struct env_list *envs)
{
    struct membership membership = {.envs = envs, .pid_namespace = proc_pid_namespace()};
    size_t room = 0;

    for (size_t i = 0; i < envs->count; i++)
        room += envs->envs[i].process_count;
    membership.entries = calloc(room + 1, sizeof(*membership.entries));
    if (!membership.entries)
        return -ENOMEM;
    for (size_t i = 0; i < envs->count; i++) {
        for (size_t p = 0; p < envs->envs[i].process_count; p++) {
            const struct genv_process *process = &envs->envs[i].processes[p];

            if (process->pid_namespace == membership.pid_namespace)
                membership.entries[membership.count++] = (struct membership_entry){process, &envs->envs[i]};
        }
    }
    qsort(membership.entries, membership.count, sizeof(*membership.entries), compare_entries);
    if (index_containers(&membership) < 0) {
        membership_release(&membership);
        return -ENOMEM;
    }
    *ret_membership = membership;
    return 0;
}

void membership_release(struct membership *membership)
{
    for (size_t i = 0; i < membership->container_count; i++)
        free(membership->containers[i].cgroup);
    free(membership->containers);
    free(membership->entries);
    *membership = (struct membership){.count = 0};
}

/* The first entry of @pid or a higher one. */
static size_t find_first(const struct membership *membership, pid_t pid)
{
    size_t low = 0, high = membership->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (membership->entries[middle].process->pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The environment in which @pid, the subject or an ancestor, is registered. */
static const struct genv_env *find_registered(const struct membership *membership, const struct subject *subject,
                                              pid_t pid, uint64_t start_time)
{
    for (size_t i = find_first(membership, pid); i < membership->count; i++) {
        const struct membership_entry *entry = &membership->entries[i];

        if (entry->process->pid != pid)
            break;
        if (entry->process->start_time == start_time && may_own(entry->env, entry->process, subject))
            return entry->env;
    }
    return NULL;
}

static const struct genv_env *find_by_descent(const struct membership *membership, const struct subject *subject)
{
    pid_t pid = subject->pid;
    struct proc_stat stat;

    for (int i = 0; i < ANCESTORS_MAX && pid > 0 && proc_stat_read(pid, &stat) == 0; i++, pid = stat.parent) {
        const struct genv_env *env = find_registered(membership, subject, pid, stat.start_time);

        if (env || subject->named)
            return env;
    }
    return NULL;
}

/* What enters a container later is nobody's child there. Who is in one is its record's owner's word for the owner's own
 * processes, and root's for those of all users. */
static const struct genv_env *find_by_cgroup(const struct membership *membership, pid_t pid)
{
    cleanup_free char *cgroup = membership->container_count ? cgroup_read(pid) : NULL;
    uid_t uid = cgroup ? proc_uid(pid) : (uid_t)-1;

    for (size_t i = 0; cgroup && i < membership->container_count; i++) {
        const struct membership_container *container = &membership->containers[i];
        bool own = container->env->uid != 0 && container->env->uid == uid;

        if ((own || container->first->vouched) && cgroup_is_in(cgroup, container->cgroup))
            return container->env;
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

const struct genv_env *membership_look_up(const struct membership *membership, pid_t pid)
{
    struct subject subject = {.pid = pid};
    const struct genv_env *env = find_by_cgroup(membership, pid); /* first: a shell that enters one is in another */

    if (!env)
        env = find_by_descent(membership, &subject);
    if (!env)
        env = find_by_claim(membership->envs, pid);
    subject.named = true; /* last, so that it takes nothing from anybody's own environments */
    return env ? env : find_by_descent(membership, &subject);
}

const struct genv_env *membership_find(const struct env_list *envs, pid_t pid)
{
    cleanup_membership struct membership membership = {.count = 0};

    return membership_index(&membership, envs) < 0 ? NULL : membership_look_up(&membership, pid);
}
