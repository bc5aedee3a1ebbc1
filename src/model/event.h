/* What happened, made where it is written, and read by whoever tells, counts or keeps it. As JSON an object a line:
 *
 *     {"time":"2026-11-20T10:14:12.345Z","event":"attached","reason":"asked","eid":"1573",
 *      "created":"2026-11-20T10:14:10.000Z","uid":1004,"by":1004,"name":"Yesterday","gpus":1,"gpu_memory":4000000000,
 *      "vendor":"nvidia","uuid":"GPU-…","device":0,"capacity":4000000000,"attached":"2026-11-20T10:14:12.345Z"}
 *
 * What does not apply is left out; a member has "pid", "start_time" and "pid_namespace", or "kernel". */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "base/error.h"

#include <genv/types.h>
#include <jansson.h>

/* A new reference. NULL: out of memory. */
json_t *event_encode(const struct genv_event *event);
/* Reads the text of a line that anybody, and any version of genv, may have written; its texts are printable. -EINVAL:
 * it is not an event, or none that is known here. So far tests alone read events, which proves that a line says all
 * that a reader needs; the ledgers of who held what will be read by it. */
int event_decode(const char *text, size_t length, struct genv_event *ret_event, struct genv_error *err);

struct event_list {
    struct genv_event *events;
    size_t count;
};

void event_list_release(struct event_list *list);

/* Why and when something happened. */
struct event_cause {
    enum genv_event_reason reason;
    uid_t by;
    struct timespec time;
};

/* Adds what makes @after of @before. NULL: there was no environment yet, or is none any more. Members and devices that
 * are in both are in the same order, or this takes long. -ENOMEM, nothing changed. */
int event_list_add_changes(struct event_list *list, const struct genv_env *before, const struct genv_env *after,
                           const struct event_cause *cause);

#endif
