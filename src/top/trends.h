/* The utilisation of the last minutes, second by second. */
#ifndef TOP_TRENDS_H
#define TOP_TRENDS_H

#include <genv/genv.h>

#define TRENDS_SECONDS 1200
#define TRENDS_ALL     "all" /* the mean of all devices, as if it were the UUID of one */
#define TRENDS_UNKNOWN (-1)

struct trends;

struct trends *trends_new(void); /* NULL: out of memory */
void trends_free(struct trends *trends);

/* Learns the utilisation of each device at @now, in seconds of a clock that only goes forward. It counts for the time
 * since the last look, unless that is longer ago than @hold seconds. Devices that are gone are forgotten. -ENOMEM. */
int trends_learn(struct trends *trends, const struct genv_snapshot *snapshot, long now, long hold);

/* The mean in percent of @step seconds, which are those of the last look (@steps_back 0), or so many steps before.
 * TRENDS_UNKNOWN: nobody looked. @trends may be NULL. */
int trends_value(const struct trends *trends, const char *uuid, long step, long steps_back);

#endif
