/* What the API tells, as JSON texts. */
#ifndef MONITOR_OVERVIEW_H
#define MONITOR_OVERVIEW_H

#include "monitor/observation.h"

/* {"time", "interval", "remote", "hosts": [{"name", "up", "has_genv", "reason", "snapshot", "idle"}]}; "idle" has the
 * seconds that each environment has been attached and idle, by identifier, where that is above 0. free() it; NULL: out
 * of memory. */
char *overview_to_json(const struct observation *observation, const struct idle *idle, bool remote,
                       double interval_seconds);

/* As `genv snapshot` prints it, or, where there are many hosts, as `genv remote snapshot` does. */
char *snapshots_to_json(const struct observation *observation, bool remote);

/* {"error": @message} */
char *error_to_json(const char *message);

#endif
