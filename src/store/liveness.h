/* Whether an environment lives: some registered process does, or a kernel that can be started again. */
#ifndef STORE_LIVENESS_H
#define STORE_LIVENESS_H

#include "base/macros.h"
#include "store/kernel_file.h"

#include <genv/types.h>

/* Drops the members that have gone since they were loaded. Returns whether any is left. A process of another PID
 * namespace than @pid_namespace is looked for from the initial one, which sees all; elsewhere it can't be judged, and
 * stays; so do all of a record that is not for this version here to judge. Starts no child, so that it is fit for a
 * foreign program. */
bool liveness_prune(struct genv_env *env, uint64_t pid_namespace);

/* The same for one of many environments that are being loaded, with patience for kernels' files (kernel_file.h). Drops
 * as well the processes that are neither their owner's nor vouched for by root (vouch.h): they would keep it for as
 * long as the machine runs. A process that several have, one behind the other, is looked at once. */
struct proc_nested;
struct liveness_foreign {
    uid_t uid;      /* whose records */
    unsigned looks; /* at processes of others */
};
struct liveness_look {
    uint64_t pid_namespace;
    const int *directory;     /* the state directory's descriptor; NULL: nobody's processes are vouched for */
    pid_t spared;             /* lives as long as it has not been waited for; 0: none does */
    bool known;               /* whose the members are was looked at before */
    struct genv_process last; /* pid 0: none yet */
    bool last_lives, knows_uid;
    uid_t last_uid;
    struct proc_nested *nested; /* what lives in other namespaces, once that was asked for */
    size_t nested_count;
    int nested_known; /* 1: it is above; negative: it can't be told here */
    struct liveness_foreign *foreign;
    size_t foreign_count;
    struct kernel_file_look files;
};
bool liveness_prune_next(struct liveness_look *look, struct genv_env *env);
void liveness_look_release(struct liveness_look *look);
#define cleanup_liveness_look cleanup_with(liveness_look_release)

#endif
