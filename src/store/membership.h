/* Which environment a process belongs to. */
#ifndef STORE_MEMBERSHIP_H
#define STORE_MEMBERSHIP_H

#include "base/macros.h"
#include "model/env.h"

/* A process belongs to an environment when it is in the cgroup of a container of it, when its user's registered it or a
 * process that it descends from, or when it carries GENV_ENVIRONMENT_ID of an environment of its own user. An
 * environment of root's has root's processes alone, and those that it names together with their user. NULL: to none
 * that the caller can tell, or memory has run out. */
const struct genv_env *membership_find(const struct env_list *envs, pid_t pid);

/* The same for many processes: who is registered is put in order once. */
struct membership_entry {
    const struct genv_process *process;
    const struct genv_env *env;
};
struct membership_container {
    const struct genv_process *first; /* process of the container */
    const struct genv_env *env;
    char *cgroup;
};
struct membership {
    const struct env_list *envs; /* the caller's, and not to change meanwhile */
    uint64_t pid_namespace;      /* of the processes that are looked for */
    struct membership_entry *entries;
    size_t count;
    struct membership_container *containers;
    size_t container_count;
};
int membership_index(struct membership *ret_membership, const struct env_list *envs); /* 0 or -ENOMEM */
const struct genv_env *membership_look_up(const struct membership *membership, pid_t pid);
void membership_release(struct membership *membership);
#define cleanup_membership cleanup_with(membership_release)

#endif
