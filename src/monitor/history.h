/* The last hour of each device, in little memory: what the dashboard draws. */
#ifndef MONITOR_HISTORY_H
#define MONITOR_HISTORY_H

#include "monitor/observation.h"

#define HISTORY_SECONDS 3600
#define HISTORY_POINTS  360

struct history;

struct history *history_new(void); /* NULL: out of memory */
void history_free(struct history *history);
int history_learn(struct history *history, const struct observation *observation);

/* {"step": seconds between two points, "times": [unix seconds…], "hosts": {NAME: {"INDEX": {"memory": [bytes or null…],
 * "utilization": [percent or null…]}}}}: oldest first. free() it. */
char *history_to_json(const struct history *history);

#endif
