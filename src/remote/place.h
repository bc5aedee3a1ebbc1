/* A session on whichever host has enough: the hosts are asked, and tried one after the other, best first. */
#ifndef REMOTE_PLACE_H
#define REMOTE_PLACE_H

#include "remote/session.h"

struct place_options {
    const struct host_list *hosts;
    double timeout_seconds; /* for a host's answer */
    bool spread;            /* the host with the most devices left over comes first, instead of that with the least */
    bool strict;            /* a host that fails ends the search */
    /* Takes why a host has failed, once for each. */
    void (*host_failed)(const struct host *host, const struct genv_error *err, void *data);
    void *data;
};

/* Returns as session_run() does, of the host that it ran on. -EBUSY: none has enough. -EINTR with *ret_signal: a signal
 * ended the search. Other errors: none answered, or, if strict, one failed. */
int place_session(const struct place_options *options, const struct session_request *request, int *ret_status,
                  int *ret_signal, struct genv_error *err);

#endif
