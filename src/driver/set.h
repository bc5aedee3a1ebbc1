/* Several drivers as one: the devices of all, each asked of its own driver. */
#ifndef DRIVER_SET_H
#define DRIVER_SET_H

#include "driver/driver.h"

/* Opens those of @candidates that this machine has (that do not answer -ENODEV). Devices are counted through, in the
 * order of @candidates. A single driver is opened as it is. Where one fails the others are served, and
 * driver_set_complaint() says why; where all do, this fails as the first that is there, or as the first. */
int driver_set_open(const struct driver_ops *const *candidates, size_t count, struct driver **ret_driver,
                    struct genv_error *err);

/* The fingerprints of all in one. -ENOENT: none of them has any. */
int driver_set_fingerprint(const struct driver_ops *const *candidates, size_t count, uint64_t *ret_fingerprint);

/* A driver, and how many of the devices that were listed last are its. */
struct driver_member {
    const struct driver *driver;
    size_t device_count;
};

#define DRIVER_MEMBERS_MAX 8

/* The members of @driver, which is its own only one unless it is a set; their devices follow one another in the list.
 * @device_count is how many there are. Returns how many members. */
size_t driver_set_members(const struct driver *driver, size_t device_count,
                          struct driver_member ret_members[static DRIVER_MEMBERS_MAX]);
/* Why the @number-th driver that fails does, or NULL: there are fewer. */
const struct genv_error *driver_set_complaint(const struct driver *driver, size_t number);

#endif
