/* Which environment a process belongs to. */
#ifndef STORE_MEMBERSHIP_H
#define STORE_MEMBERSHIP_H

#include "model/env.h"

/* A process belongs to an environment when it is in the cgroup of a container of it, when its user's registered it or a
 * process that it descends from, or when it carries GENV_ENVIRONMENT_ID of an environment of its own user. An environment of root's has root's processes alone,
 * and those that it names together with their user. NULL: to none that the caller can tell. */
const struct genv_env *membership_find(const struct env_list *envs, pid_t pid);

#endif
