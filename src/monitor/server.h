/* The HTTP server of `genv monitor`: GET and HEAD only, bounded connections and times, security headers on everything.
 */
#ifndef MONITOR_SERVER_H
#define MONITOR_SERVER_H

#include "monitor/observation.h"

struct server_options {
    const char *address; /* "127.0.0.1" */
    unsigned port;       /* 0: any that is free */
    double interval_seconds;
    const char *allowed_hosts; /* answer_is_allowed()'s list, or NULL */
};

struct server;

/* Serves what @source tells: /metrics, /, /api/v1/snapshot (as `genv snapshot`, or as `genv remote snapshot` where
 * there are many), /api/v1/overview (monitor/overview.h), /api/v1/history, /healthz. A look is taken at most once an
 * interval, and only ever one at a time, in a thread of its own: monitor/observer.h says when, and that a slow one
 * delays no answer. -EADDRINUSE and the like, with a sentence. */
int server_start(struct source *source, const struct server_options *options, struct server **ret_server,
                 struct genv_error *err);
/* The port that it listens on. */
unsigned server_port(const struct server *server);
/* False: a look is under way and does not end; the source is in use until the process ends. */
bool server_stop(struct server *server);

#endif
