/* Where devices come from, behind one vtable: NVIDIA's NVML, or simulated ones. */
#ifndef DRIVER_DRIVER_H
#define DRIVER_DRIVER_H

#include "base/error.h"

#include <genv/types.h>

/* One process on one device. */
struct driver_process {
    pid_t pid; /* in the caller's PID namespace */
    unsigned index;
    uint64_t used_memory; /* or GENV_UNKNOWN_U64 */
};

struct driver;

struct driver_ops {
    const char *name; /* "nvml", "simulated" */
    /* All devices, ascending by index, without live figures. A device that fails is listed with its state; only a
     * driver that can't tell how many there are makes this fail. @ret_devices is free()d by the caller. */
    int (*list)(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err);
    /* Fills device->sample; unknown figures become GENV_UNKNOWN_*, a device found lost changes its state. */
    void (*sample)(struct driver *driver, struct genv_device *device);
    /* Adds the processes on @device to *processes (realloc()ed), compute and graphics, each once. */
    int (*add_processes)(struct driver *driver, const struct genv_device *device, struct driver_process **processes,
                         size_t *count, struct genv_error *err);
    void (*close)(struct driver *driver);
};

/* The head of every driver's own struct. */
struct driver {
    const struct driver_ops *ops;
    char version[80]; /* "550.163.01", "simulated" */
};

/* Whether the environment asks for simulated devices (GENV_DEVICES, GENV_MOCK_DEVICE_COUNT): 1 or 0, or -EINVAL for a
 * number that is none. */
int driver_is_simulated(struct genv_error *err);

/* Opens the driver in force. -ENODEV: this machine has none, and how to get one. */
int driver_open(struct driver **ret_driver, struct genv_error *err);
void driver_close(struct driver *driver); /* NULL is fine */
DEFINE_CLEANUP(struct driver *, cleanup_driverp, driver_close)

int driver_nvml_open(struct driver **ret_driver, struct genv_error *err);
int driver_simulated_open(struct driver **ret_driver, struct genv_error *err);

#endif
