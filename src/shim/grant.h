/* What containers that are started here may have: the devices of this environment. Read only once it matters. */
#ifndef SHIM_GRANT_H
#define SHIM_GRANT_H

#include "base/error.h"

#include <genv/genv.h>

/* Zero-initialise it; grant_release() frees it. */
struct grant {
    struct genv_env *env;
    struct genv_snapshot *machine;
};

void grant_release(struct grant *grant);
#define cleanup_grant cleanup_with(grant_release)

/* Reads grant->env. It has ended or is another user's: a negative errno, with a sentence. */
int grant_read_env(struct grant *grant, struct genv_error *err);
/* Reads grant->machine as well. */
int grant_read_machine(struct grant *grant, struct genv_error *err);

/* node_of_path() of a struct docker_scene, links followed. */
int grant_node_of_path(const char *path);

#endif
