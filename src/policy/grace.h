/* Since when rules are broken: whose grace is over, whatever they have put in the place of what broke them first. */
#ifndef POLICY_GRACE_H
#define POLICY_GRACE_H

#include "policy/violation.h"

/* What has one grace, whatever breaks a rule there: a user on a device, a process on whichever device, a user's
 * maximum. */
struct standing {
    enum { STANDING_DEVICE, STANDING_PROCESS, STANDING_MAXIMUM } kind;
    enum enforce_rule rule; /* of a maximum; 0 otherwise */
    size_t host;
    uid_t uid;
    pid_t pid;
    uint64_t start_time;
    char uuid[GENV_UUID_SIZE];
    char username[GENV_USERNAME_SIZE];
    int64_t since_ms, seen_ms;
    uint64_t look; /* in which it was last seen */
};

struct graces {
    struct standing *items; /* in an order of its own */
    size_t count;
    uint64_t look; /* how many there were */
};

void graces_release(struct graces *graces);

/* Takes note of what is @found at @now_ms, and forgets what was over at the last look and has been for @grace_ms. Since
 * when each rule is broken comes into @ret_since_ms, which has room for all of @found. Whoever lets processes,
 * environments, devices or rules take turns gains no time. -ENOMEM: nothing changed. */
int graces_look(struct graces *graces, const struct violation_list *found, int64_t now_ms, int64_t grace_ms,
                int64_t *ret_since_ms);

#endif
