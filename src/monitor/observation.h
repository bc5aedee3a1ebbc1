/* What is monitored, as it was at one moment, and what only watching for a while tells. */
#ifndef MONITOR_OBSERVATION_H
#define MONITOR_OBSERVATION_H

#include "base/error.h"

#include <genv/genv.h>

struct observed_host {
    char name[256];
    bool up;                        /* it answered */
    bool has_genv;                  /* false: its devices are known from its nvidia-smi, and nothing else */
    struct genv_snapshot *snapshot; /* NULL: it did not answer */
    char reason[256];               /* why not; "" */
};

struct observation {
    struct timespec time;
    double duration_seconds; /* it took to make it */
    struct observed_host *hosts;
    size_t host_count;
};

void observation_release(struct observation *observation);

/* Where observations come from: this machine, or many. */
struct source {
    bool remote; /* many: metrics carry the label "hostname" */
    /* Fills @ret_observation. A host that does not answer is one that is not up; an error is that of the whole. */
    int (*observe)(struct source *source, struct observation *ret_observation, struct genv_error *err);
    void (*cancel)(struct source *source); /* ends an observation that another thread makes, at once; NULL: it can't */
    void (*close)(struct source *source);
};

/* This machine. */
int source_open_local(struct source **ret_source, struct genv_error *err);

/* Since when each environment that is attached has used none of its devices. */
struct idle_entry {
    char host[256];
    char eid[GENV_EID_MAX + 1];
    struct timespec created; /* of the environment: another one may take the identifier */
    struct timespec since;
};

struct idle {
    struct idle_entry *entries; /* ascending by host and identifier */
    size_t count;
};

/* Learns from a new observation. A device that works counts as used while one of the environment's processes is on it.
 */
int idle_learn(struct idle *idle, const struct observation *observation);
/* Seconds that the environment has been attached and idle; 0: it is busy or detached. */
double idle_seconds(const struct idle *idle, const struct observation *observation, const char *host,
                    const struct genv_env *env);
void idle_release(struct idle *idle);

#endif
