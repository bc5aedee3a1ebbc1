/* Which devices an environment gets: pure decisions over what is known of the machine. */
#ifndef POLICY_SELECT_H
#define POLICY_SELECT_H

#include "base/error.h"
#include "model/env.h"

/* What is known when the decision is made. */
struct select_view {
    const struct genv_device *devices; /* ascending by index */
    size_t device_count;
    const bool *busy; /* per device: processes of no environment use it; NULL: none does */
    const struct env_list *envs;
    const struct genv_env *self; /* one of @envs: who asks, with the capacity that it has configured */
    struct timespec now;
};

/* The attachments that an environment is to have, ascending by index. free() the list. */
struct selection {
    struct genv_attachment *attachments;
    size_t count;
};

/* Exactly @count devices: keeps what is attached, adds the missing or releases the surplus, highest indices first.
 * Additions come from the available devices (@over_subscribe: then from the others): those that nobody uses outside
 * environments first; with a capacity the least room that suffices, without one the lowest index; and over-subscribed
 * the fewest environments. -EBUSY: not so many are available; -ENODEV: the machine has not so many;
 * -ENXIO: a device is attached that cannot be seen from here, and so neither be counted nor released unawares;
 * -EPERM: it is isolated from devices that it would need. */
int select_count(const struct select_view *view, int count, bool over_subscribe, struct selection *ret,
                 struct genv_error *err);

/* The device that people call @name (device.h) besides what is attached. -ENODEV: there is none, or it does not work;
 * -EBUSY: not available; -EPERM: it is isolated from it. */
int select_device(const struct select_view *view, const char *name, bool over_subscribe, struct selection *ret,
                  struct genv_error *err);

/* What is attached, each with the new @capacity (0: the whole device). -EBUSY: a device that works has no room for it,
 * and it is more than before; -ENXIO: it cannot be told of one that cannot be seen from here. */
int select_capacity(const struct select_view *view, uint64_t capacity, struct selection *ret, struct genv_error *err);

/* How many devices of @snapshot an environment that has none yet could have, with room for @capacity (0: whole
 * devices).
 * @ret_quiet, which may be NULL: how many of those no process uses that belongs to no environment. */
size_t select_available(const struct genv_snapshot *snapshot, uint64_t capacity, size_t *ret_quiet);

#endif
