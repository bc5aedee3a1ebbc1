/* What the server answers: paths, headers and contents. Of the server's thread. */
#ifndef MONITOR_ANSWER_H
#define MONITOR_ANSWER_H

#include "monitor/observer.h"

#include <microhttpd.h>

enum { ANSWER_METRICS, ANSWER_OPENMETRICS, ANSWER_SNAPSHOT, ANSWER_OVERVIEW, ANSWER_HISTORY, ANSWER_COUNT };

struct answers {
    struct observer *observer;
    bool remote;
    double interval_seconds;
    const char *host;    /* NULL, or: answers only who asks for this name, one of the loopback's or one of @allowed */
    const char *allowed; /* NULL, or answer_is_allowed()'s list */
    /* Those that were made of the latest look, for all who ask until the next one. */
    struct MHD_Response *made[ANSWER_COUNT];
    uint64_t number; /* of that look */
};

/* Answers a request without a body. */
enum MHD_Result answer(struct answers *answers, struct MHD_Connection *connection, const char *method,
                       const char *path);
/* Answers a request that has a body, and closes the connection. */
enum MHD_Result answer_body(struct MHD_Connection *connection, const char *method);
void answers_release(struct answers *answers);

/* Whether the header Accept (NULL: there is none) asks for OpenMetrics rather than for Prometheus' own text. */
bool answer_is_openmetrics(const char *accept);
/* Whether @host, a header Host with or without a port, names this machine's loopback. A dot at the end of a
 * name says nothing, here and below. */
bool answer_is_loopback(const char *host);
/* Whether such a @host names @name. */
bool answer_is_host(const char *host, const char *name);
/* Whether such a @host names one of @list, which is separated by commas: "gpu.example.org", ".example.org" with all
 * that is below it, "*" for any. */
bool answer_is_allowed(const char *host, const char *list);
/* -EINVAL: something else is in such a list. */
int answer_check_allowed(const char *list, struct genv_error *err);

#endif
