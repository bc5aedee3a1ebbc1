/* What is counted and added up of one host, for its metrics. */
#ifndef MONITOR_FIGURES_H
#define MONITOR_FIGURES_H

#include "monitor/observation.h"

/* Amounts of memory are GENV_UNKNOWN_U64 where a part of them is unknown. */
struct env_figures {
    const struct genv_env *env;
    char username[GENV_USERNAME_SIZE];
    size_t user; /* position in struct figures' users */
    uint64_t processes;
    uint64_t attached;
    uint64_t held; /* by capacity; a whole device with all of its memory */
    uint64_t used;
    double idle_seconds;
};

struct user_figures {
    const char *username;
    uint64_t envs;
    uint64_t processes; /* of these environments */
    uint64_t attached;  /* devices, each counted once */
    uint64_t held;
    uint64_t used;
    unsigned counted; /* index + 1 of the device that was counted last */
};

struct figures {
    const struct observed_host *host;
    struct env_figures *envs; /* of a host that is up and has genv; in the snapshot's order */
    size_t env_count;
    struct user_figures *users;
    size_t user_count;
    uint64_t attached_devices;
};

/* -ENOMEM. The figures point into @observation. */
int figures_of(const struct observation *observation, const struct idle *idle, const struct observed_host *host,
               struct figures *ret_figures);
void figures_release(struct figures *figures);

/* What the attachment holds of its device's memory. */
uint64_t figures_held(const struct genv_snapshot *snapshot, const struct genv_attachment *attachment);

/* Whether some environment is attached to the device. */
bool figures_attached(const struct figures *figures, const struct genv_device *device);

#endif
