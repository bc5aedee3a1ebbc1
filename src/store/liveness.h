/* Whether an environment lives: some registered process does, or the connection file of a kernel exists. */
#ifndef STORE_LIVENESS_H
#define STORE_LIVENESS_H

#include <genv/types.h>

/* Drops the members that are gone. Returns whether any is left. Processes of another PID namespace than @pid_namespace
 * can't be judged by their number and stay; so do all of a record that is not for this version here to judge. */
bool liveness_prune(struct genv_env *env, uint64_t pid_namespace);

/* The same for one of many environments: a process that several have, one behind the other, is looked at once. */
struct liveness_look {
    uint64_t pid_namespace;
    struct genv_process last; /* pid 0: none yet */
    bool last_lives;
};
bool liveness_prune_next(struct liveness_look *look, struct genv_env *env);

#endif
