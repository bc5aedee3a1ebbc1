/* Looking again and again: what breaks the rules now, since when, and what is due to be mended. */
#ifndef ENFORCE_ROUNDS_H
#define ENFORCE_ROUNDS_H

#include "policy/enforce.h"
#include "store/limits.h"

/* A violation that was found, and what has become of it. */
struct pending {
    struct violation violation;
    int64_t since_ms;
    bool seen;        /* in the round that is under way */
    int64_t acted_ms; /* when it was last due; 0: not yet */
};

struct rounds {
    unsigned rules; /* 1 << enum enforce_rule */
    const struct limits *limits;
    double grace_seconds; /* between finding and mending */
    struct pending *pending;
    size_t pending_count;
};

/* Finds what breaks the rules now. @ret_new: what was not there before; @ret_due: what is to be mended now, each
 * once, and again a minute later if it is still there. Both are the caller's to release. -ENOMEM. */
int rounds_look(struct rounds *rounds, const struct enforce_host *hosts, size_t host_count,
                struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err);

/* Milliseconds until something that was found has had its grace; -1: nothing waits. */
int64_t rounds_next_ms(const struct rounds *rounds);

void rounds_release(struct rounds *rounds);

/* CLOCK_MONOTONIC, in milliseconds. */
int64_t rounds_now_ms(void);

#endif
