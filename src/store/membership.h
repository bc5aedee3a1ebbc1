/* Which environment a process belongs to. */
#ifndef STORE_MEMBERSHIP_H
#define STORE_MEMBERSHIP_H

#include "model/env.h"

/* A process belongs to an environment when it is registered in it or descends from a process that is, or when it
 * carries GENV_ENVIRONMENT_ID of an environment of its own user. NULL: to none that the caller can tell. */
const struct genv_env *membership_find(const struct env_list *envs, pid_t pid);

#endif
