/* The utilisation of the last minutes, second by second. */
#ifndef TOP_HISTORY_H
#define TOP_HISTORY_H

#include <genv/genv.h>

#define HISTORY_SECONDS 1200
#define HISTORY_ALL     "all" /* the mean of all devices, as if it were the UUID of one */
#define HISTORY_UNKNOWN (-1)

struct history;

struct history *history_new(void); /* NULL: out of memory */
void history_free(struct history *history);

/* Learns the utilisation of each device at @now, in seconds of a clock that only goes forward. It counts for the time
 * since the last look, unless that is longer ago than @hold seconds. Devices that are gone are forgotten. -ENOMEM. */
int history_learn(struct history *history, const struct genv_snapshot *snapshot, long now, long hold);

/* The mean in percent of @step seconds, which are those of the last look (@steps_back 0), or so many steps before.
 * HISTORY_UNKNOWN: nobody looked. @history may be NULL. */
int history_value(const struct history *history, const char *uuid, long step, long steps_back);

#endif
