/* What a user's environments hold, on one host or many. */
#ifndef POLICY_HOLDING_H
#define POLICY_HOLDING_H

#include "model/env.h"
#include "model/limit.h"

/* A device that is held; it counts once, however many environments of the user share it. */
struct held_device {
    size_t host;
    const struct genv_device *device;
    struct timespec since; /* of the oldest attachment */
    uint64_t memory;       /* capacities together, no more than the device has */
};

/* An attachment that holds a device, with others perhaps. */
struct claim {
    size_t host;
    const struct genv_device *device;
    const struct genv_env *env;
    const struct genv_attachment *attachment;
    uint64_t share; /* holding_share() */
};

struct holding {
    struct held_device *devices;
    size_t count;
    struct claim *claims;
    size_t claim_count;
};

void holding_release(struct holding *holding);
#define cleanup_holding cleanup_with(holding_release)

/* Adds what @env holds of @devices; @holding points into both. -ENOMEM. */
int holding_add(struct holding *holding, size_t host, const struct genv_env *env, const struct genv_device *devices,
                size_t device_count);

/* How many devices, or how much memory, that is. */
uint64_t holding_total(const struct holding *holding, enum limit_kind kind);
/* How much of that the one device is. */
uint64_t held_device_share(const struct held_device *held, enum limit_kind kind);
/* Sets how much memory goes with each claim, if those before it have gone already: the last ones go last. */
void holding_share(struct holding *holding);

#endif
