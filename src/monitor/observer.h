/* Looks at what is monitored, in a thread of its own, and keeps the latest look for whoever asks. */
#ifndef MONITOR_OBSERVER_H
#define MONITOR_OBSERVER_H

#include "monitor/history.h"

/* The longest that somebody who asks waits for a look that is under way: those of one machine take less. */
#define OBSERVER_WAIT_MS 100
/* A look that takes longer than this, or three intervals, makes the one before it too old to be told. */
#define OBSERVER_STALE_SECONDS 60

struct observer;

/* What the latest look found. */
struct observed {
    const struct observation *observation;
    const struct idle *idle;
    const struct history *history;
    uint64_t number; /* of the look, from 1 on */
};

/* Begins to look. One machine is looked at when somebody asks and an interval has passed, and every HISTORY_SECONDS /
 * HISTORY_POINTS seconds (or each interval if that is longer) when nobody does; many machines once an interval. */
int observer_start(struct source *source, double interval_seconds, struct observer **ret_observer,
                   struct genv_error *err);

/* Asks for the latest look, which nobody replaces before observer_end(). -EAGAIN, with a sentence: there is none yet,
 * or it is too old; then observer_end() is not to be called. */
int observer_begin(struct observer *observer, struct observed *ret_observed, struct genv_error *err);
void observer_end(struct observer *observer);

/* Ends looking. False: a look is under way and does not end; @observer and its source are in use until the process
 * ends.
 */
bool observer_stop(struct observer *observer);

#endif
