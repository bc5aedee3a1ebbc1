/* Where devices come from, behind one vtable: NVIDIA's NVML, or simulated ones. */
#ifndef DRIVER_DRIVER_H
#define DRIVER_DRIVER_H

#include "base/error.h"

#include <genv/types.h>

/* One process on one device. */
struct driver_process {
    pid_t pid;            /* as the driver counts: the host's, unless the driver knows the caller's PID namespace */
    unsigned index;       /* of the device, at the time of asking */
    uint64_t used_memory; /* or GENV_UNKNOWN_U64 */
    char uuid[GENV_UUID_SIZE]; /* of the device: unlike its index, this also means something to an older inventory */
};

/* What a vendor calls things. */
struct driver_words {
    const char *visible_variable;                 /* tells programs which devices to use, by index or UUID */
    const char *order_variable, *order;           /* makes them count devices as the driver does */
    const char *remedies[GENV_DEVICE_FAILED + 1]; /* what to do about a device, by its state */
    const char *no_device;                        /* … about a driver that lists none */
    const char *divided;                          /* … about a device that is divided into instances */
};

struct driver;

struct driver_ops {
    const char *name; /* "nvml", "simulated" */
    const struct driver_words *words;
    /* As driver_fingerprint(), for this driver alone; NULL where devices are simulated. */
    int (*fingerprint)(uint64_t *ret_fingerprint);
    /* As driver_open(), for this driver alone. */
    int (*open)(struct driver **ret_driver, struct genv_error *err);
    /* All devices, ascending by index, without live figures, their texts printable. A device that fails is listed with
     * its state; only a driver that can't tell how many there are makes this fail. @ret_devices is free()d by the
     * caller. */
    int (*list)(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err);
    /* Fills device->sample; unknown figures become GENV_UNKNOWN_*, a device found lost changes its state. @device is
     * known by its UUID alone, so it may come from an inventory of earlier. */
    void (*sample)(struct driver *driver, struct genv_device *device);
    /* Adds the processes on @device to *processes (realloc()ed), compute and graphics, each once with the largest of
     * its figures. A device that is not GENV_DEVICE_OK has none. On failure (-ENODEV lost, -EACCES, -EIO) adds nothing.
     */
    int (*add_processes)(struct driver *driver, const struct genv_device *device, struct driver_process **processes,
                         size_t *count, struct genv_error *err);
    /* Whether the driver tells of processes on @device at all: where it does not, add_processes() adds none. NULL: it
     * does. */
    bool (*knows_processes)(struct driver *driver, const struct genv_device *device);
    void (*close)(struct driver *driver);
};

/* The head of every driver's own struct. */
struct driver {
    const struct driver_ops *ops;
    char version[80]; /* "550.163.01", "simulated" */
};

extern const struct driver_ops driver_nvml, driver_simulated;

/* Whether the environment asks for simulated devices: 1 or 0, or -EINVAL for a number that is none. GENV_DEVICES goes
 * before GENV_MOCK_DEVICE_COUNT; one that is set to nothing counts as not set. */
int driver_is_simulated(struct genv_error *err);

/* Opens the driver in force: the simulated one, or all that this machine has (driver/set.h). -ENODEV: it has none, and
 * how to get one; -EACCES: the caller may not talk to it; -EIO: it fails. A driver belongs to one thread at a time.
 * Asking a real one takes tens of milliseconds, seconds when it is cold, and for ever when it is wedged: nobody calls
 * this but what driver/ask.h starts. */
int driver_open(struct driver **ret_driver, struct genv_error *err);
void driver_close(struct driver *driver); /* NULL is fine */
DEFINE_CLEANUP(struct driver *, cleanup_driverp, driver_close)

/* What the kernel says of the devices, and which of them it shows here, which opens no driver: while this number stays,
 * so does their list. -ENOENT: nothing, or devices are simulated. */
int driver_fingerprint(uint64_t *ret_fingerprint);

/* The driver called @name, or NULL. */
const struct driver_ops *driver_find(const char *name);

#endif
