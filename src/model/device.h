/* Devices as data: which one is meant, and what a process uses of it. */
#ifndef MODEL_DEVICE_H
#define MODEL_DEVICE_H

#include <genv/types.h>

/* The device with that UUID, or NULL. */
const struct genv_device *device_find(const struct genv_device *devices, size_t count, const char *uuid);
/* The device that a person calls @name: an index, "2", or a UUID in either case. NULL: there is none. */
const struct genv_device *device_find_named(const struct genv_device *devices, size_t count, const char *name);
/* Whether @name is what people call a device with that UUID and that index, or -1. */
bool device_is_named(const struct genv_device_id *id, int index, const char *name);

/* Whether @uuid may stand in a file's name, and in a list with commas: letters, digits and "._:-", no "." first. */
bool uuid_is_plain(const char *uuid);

/* What @process uses of the device with that UUID, or NULL. */
const struct genv_usage *process_usage(const struct genv_gpu_process *process, const char *uuid);

#endif
