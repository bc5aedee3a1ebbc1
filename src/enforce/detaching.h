/* Attachments that are to go, and wait for the lock of the state directory. */
#ifndef ENFORCE_DETACHING_H
#define ENFORCE_DETACHING_H

#include "enforce/act.h"

struct detaching {
    struct violation_list waiting;
    size_t done;       /* how many of these were dealt with */
    int64_t locked_ms; /* since when the lock could not be had; 0: it could */
    int64_t next_ms;   /* when to try again */
};

void detaching_release(struct detaching *detaching);

/* Adds all of @list, whose users take turns with those of what waits already. -ENOMEM. */
int detaching_add(struct detaching *detaching, const struct violation_list *list);

/* Detaches as much as goes in some hundred milliseconds, and reports each. What cannot be tried, as where
 * others have held the lock for ten seconds, is reported as ACT_BUSY, and waits no more. */
void detaching_work(struct detaching *detaching, struct genv *g, const struct act_options *options);

/* Milliseconds until there is something to try; -1: nothing waits. */
int detaching_next_ms(const struct detaching *detaching);

#endif
