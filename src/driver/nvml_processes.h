/* Reading NVML's process lists through whichever version of them the library has. */
#ifndef DRIVER_NVML_PROCESSES_H
#define DRIVER_NVML_PROCESSES_H

#include "driver/driver.h"
#include "driver/nvml_library.h"

/* Whether a driver of this version ("535.54.03") gives wrong data through the lists' _v3. */
bool nvml_version_has_wrong_v3(const char *driver_version);

/* Adds the compute, graphics and MPS processes on @handle to *processes (realloc()ed) as those of @device, each PID
 * once with the largest memory figure. *count is unchanged unless this succeeds. A list that the device does not
 * support is empty. */
nvmlReturn_t nvml_add_processes(const struct nvml_library *library, nvmlDevice_t handle,
                                const struct genv_device *device, struct driver_process **processes, size_t *count);

/* Whether there is a list of processes for @handle at all. */
bool nvml_tells_processes(const struct nvml_library *library, nvmlDevice_t handle);

#endif
