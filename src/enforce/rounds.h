/* Looking again and again: what breaks the rules now, since when, and what is due to be acted on. */
#ifndef ENFORCE_ROUNDS_H
#define ENFORCE_ROUNDS_H

#include "policy/enforce.h"
#include "policy/grace.h"
#include "store/limits_file.h"

/* A violation that was there at the last look, and what has become of it. */
struct pending {
    struct violation violation;
    int64_t since_ms;
    int64_t again_ms; /* when it is due again; 0: it has not been due yet */
    bool over;        /* it was dealt with: if it is there at the next look, it has come back */
};

struct rounds {
    unsigned rules; /* 1 << enum enforce_rule */
    const struct limits *limits;
    double grace_seconds; /* between finding and acting */
    bool retry;           /* what was due and is still there is due again after ten minutes */
    struct graces graces;
    struct pending *pending; /* as violation_compare() orders them */
    size_t pending_count;
};

/* Finds what breaks the rules now. @ret_new: what was not there before; @ret_due: what is to be acted on now, each
 * once, in the order of violation_list_take_turns(). The grace counts from when a rule was broken first, by the same
 * user on the same device or by the same process or, for a maximum, by the same user. Both lists are the caller's to
 * release. -ENOMEM. */
int rounds_look(struct rounds *rounds, const struct enforce_host *hosts, size_t host_count,
                struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err);

/* What was due could not even be tried: it is due again at the next look, at once. */
void rounds_not_done(struct rounds *rounds, const struct violation_list *due);
/* Nor this one, for now: it is due again at the next look, which need not be sooner for that. */
void rounds_postpone(struct rounds *rounds, const struct violation *violation);
/* It is over: should it be there at the next look, it has come back, and is due as soon as its grace is over, which
 * goes on. When the attachment was made is not looked at, since other hosts do not tell. */
void rounds_settle(struct rounds *rounds, const struct violation *violation);

/* Milliseconds until something that was found has had its grace; -1: nothing waits. */
int64_t rounds_next_ms(const struct rounds *rounds);

void rounds_release(struct rounds *rounds);

#endif
