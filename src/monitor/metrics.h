/* Metrics: one table says name, type, help and labels of each; README and dashboards are tested against it. */
#ifndef MONITOR_METRICS_H
#define MONITOR_METRICS_H

#include "monitor/observation.h"

enum metrics_format {
    METRICS_PROMETHEUS,  /* text/plain; version=0.0.4 */
    METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

/* The whole exposition, free() it; NULL: out of memory. @hostnames: every metric carries the label "hostname". */
char *metrics_render(const struct observation *observation, const struct idle *idle, bool hostnames,
                     enum metrics_format format, size_t *ret_length);

/* The metrics' names, NULL-terminated. */
extern const char *const metric_names[];

#endif
