/* The configuration files for Prometheus and Grafana: src/monitor/config/ has them as they are before places, marked
 * as @NAME@, are filled in. */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include "base/error.h"

#include <stdbool.h>

struct config_file {
    const char *path; /* under the directory */
    const char *text;
};

/* All of them; the last has the path NULL. */
extern const struct config_file config_files[];

struct config_options {
    const char *directory; /* NULL: $GENV_TMPDIR/metrics */
    const char *address;   /* what is scraped */
    unsigned port;
    double interval_seconds;
};

/* Writes them, over those that are there; directories are made where they are missing. Links in the directory are not
 * followed, and the default one is used only if it is the caller's own. */
int config_write(const struct config_options *options, struct genv_error *err);

#endif
