/* One look at one host, as the decisions about it share it. */
#ifndef POLICY_LOOK_H
#define POLICY_LOOK_H

#include "policy/enforce.h"
#include "policy/uses.h"

struct known_env {
    const struct genv_env *env;
};

struct look {
    const struct genv_snapshot *snapshot;
    size_t host;
    struct uses uses;
    struct known_env *envs; /* by identifier */
    struct violation_list *found;
};

/* @look points into @snapshot; look_end() it, also on failure. -ENOMEM. */
int look_begin(struct look *look, const struct genv_snapshot *snapshot, size_t host, struct violation_list *found);
void look_end(struct look *look); /* {0} is fine */

/* Adds that @process, which uses a device so, breaks @rule. -ENOMEM. */
int look_add_process(const struct look *look, enum enforce_rule rule, const struct genv_gpu_process *process,
                     const struct genv_usage *usage, uint64_t used, uint64_t allowed);

/* Adds what breaks the maxima of users, over all hosts of @request together; @looks has one for each. -ENOMEM. */
int maxima_decide(const struct enforce_request *request, const struct look *looks);

#endif
