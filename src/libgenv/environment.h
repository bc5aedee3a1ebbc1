/* What the operations on environments share. They change @env, one of @envs, for the caller to save. */
#ifndef LIBGENV_ENVIRONMENT_H
#define LIBGENV_ENVIRONMENT_H

#include "libgenv/attach.h"

/* Makes a process, or a kernel, a member of it. -EPERM: that is another user's; -ESRCH, -ENOENT: there is none. */
int environment_register(struct genv *g, struct genv_env *env, const struct genv_member *member,
                         struct genv_error *err);

/* Sets the fields of @fields. @supply is needed for GENV_CONFIG_GPU_MEMORY alone, which what is attached follows. */
int environment_configure(struct genv *g, const struct env_list *envs, struct genv_env *env,
                          const struct genv_config *config, unsigned fields, const struct supply *supply,
                          struct genv_error *err);

/* Notes that a process is about to be in it that can open what is attached now, and nothing else. */
int environment_isolate(struct genv_env *env, struct genv_error *err);
/* Notes the wall that the caller is behind itself, if it is: what it starts is behind it too. */
int environment_inherit_wall(struct genv_env *env, struct genv_error *err);

#endif
