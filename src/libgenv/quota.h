/* Whether what an environment is about to hold is within what its owner may hold. */
#ifndef LIBGENV_QUOTA_H
#define LIBGENV_QUOTA_H

#include "libgenv/handle.h"

/* -EDQUOT, with the maximum: with @attachments instead of those that it has, @self would take its owner beyond what the
 * limits file lets him hold, and further than he is. -EINVAL: the file is wrong. */
int quota_check(const struct genv *g, const struct env_list *envs, const struct genv_env *self,
                const struct genv_attachment *attachments, size_t count, const struct genv_device *devices,
                size_t device_count, struct genv_error *err);

/* -EDQUOT: @uid has as many environments as a user may have. */
int quota_check_environments(const struct genv *g, uid_t uid, struct genv_error *err);

#endif
