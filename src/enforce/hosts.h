/* Enforcement on many machines, a user's maximum over all of them together: this machine decides over the snapshots of
 * all hosts, then sends each what concerns it, where errand.h takes over. */
#ifndef ENFORCE_HOSTS_H
#define ENFORCE_HOSTS_H

#include "enforce/session.h"
#include "remote/hosts.h"

struct hosts_options {
    const struct session_options *session;
    const struct host_list *hosts;
    double timeout_seconds; /* for a host's answer */
    bool strict;            /* a host that fails ends it */
    /* Takes why a host has failed, once until it has answered again. */
    void (*host_failed)(const struct host *host, const struct genv_error *err, void *data);
    void *data;
};

/* Looks at all hosts at the interval's end, and acts, until SIGINT, SIGTERM or SIGHUP; with an interval of 0 until what
 * was found has had its grace. Returns as enforce_machine() does. */
int enforce_hosts(struct genv *g, const struct hosts_options *options, bool *ret_failed, struct genv_error *err);

#endif
