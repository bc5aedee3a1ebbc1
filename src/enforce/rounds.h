/* Looking again and again: what breaks the rules now, since when, and what is due to be mended. */
#ifndef ENFORCE_ROUNDS_H
#define ENFORCE_ROUNDS_H

#include "policy/enforce.h"
#include "store/limits_file.h"

/* A violation that was found, and what has become of it. */
struct pending {
    struct violation violation;
    int64_t since_ms, seen_ms;
    uint64_t round;   /* in which it was last seen */
    int64_t acted_ms; /* when it was last due; 0: not yet */
};

struct rounds {
    unsigned rules; /* 1 << enum enforce_rule */
    const struct limits *limits;
    double grace_seconds; /* between finding and mending */
    bool retry;           /* what was due and is still there is due again after ten minutes */
    uint64_t round;
    struct pending *pending;
    size_t pending_count;
};

/* Finds what breaks the rules now. @ret_new: what was not there before; @ret_due: what is to be mended now, each once.
 * The grace counts from when the rule was broken first, by the same environment on the same device or, for a maximum,
 * by the same user. Both lists are the caller's to release. -ENOMEM. */
int rounds_look(struct rounds *rounds, const struct enforce_host *hosts, size_t host_count,
                struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err);

/* What was due could not even be tried: it is due again at the next look. */
void rounds_not_done(struct rounds *rounds, const struct violation_list *due);

/* Milliseconds until something that was found has had its grace; -1: nothing waits. */
int64_t rounds_next_ms(const struct rounds *rounds);

void rounds_release(struct rounds *rounds);

#endif
