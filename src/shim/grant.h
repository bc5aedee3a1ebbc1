/* What containers that are started here may have: the devices of this environment. Read only once it matters. */
#ifndef SHIM_GRANT_H
#define SHIM_GRANT_H

#include "base/error.h"
#include "base/text.h"

#include <genv/genv.h>

/* Zero-initialise it; grant_release() frees it. */
struct grant {
    struct genv_env *env;
    struct genv_snapshot *machine;
};

void grant_release(struct grant *grant);
#define cleanup_grant cleanup_with(grant_release)

/* Reads grant->env; it has ended or is another user's: a negative errno, with a sentence. */
int grant_read_env(struct grant *grant, struct genv_error *err);

/* Whether the whole machine is attached; a sentence says why not. */
int grant_check_all(struct grant *grant, struct genv_error *err);

/* Whether `--device @path` gives a GPU by its node, /dev/nvidiaN, or all of /dev. */
bool grant_is_node(const char *path);
/* Whether that GPU is attached; -EPERM otherwise, with a sentence. */
int grant_check_node(struct grant *grant, const char *path, struct genv_error *err);

#endif
