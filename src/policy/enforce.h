/* Which rules are broken, and what would mend it: pure decisions over the snapshots of one machine or many. */
#ifndef POLICY_ENFORCE_H
#define POLICY_ENFORCE_H

#include "model/limit.h"
#include "policy/violation.h"

struct enforce_host {
    const char *name; /* "": this machine, which is not named in sentences */
    const struct genv_snapshot *snapshot;
};

struct enforce_request {
    const struct enforce_host *hosts;
    size_t host_count;
    unsigned rules; /* 1 << enum enforce_rule */
    /* What the user @username may hold; for RULE_MAX_*. */
    struct allowance (*allowance)(const char *username, void *data);
    void *data;
};

/* Finds all violations, by host, then rule, then as they are to be mended: a memory rule's processes largest first and
 * no more of them than it takes, a maximum of devices' devices, or a maximum of memory's attachments, newest first
 * until the rest fits. -ENOMEM. */
int enforce_decide(const struct enforce_request *request, struct violation_list *ret_list, struct genv_error *err);

#endif
