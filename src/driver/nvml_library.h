/* The functions of libnvidia-ml.so.1, bound at run time, each at the newest version that the library has. */
#ifndef DRIVER_NVML_LIBRARY_H
#define DRIVER_NVML_LIBRARY_H

#include "base/error.h"
#include "driver/nvml_abi.h"

/* A process list of each version: layouts differ, and so does what is wrong with them. */
struct nvml_process_functions {
    __typeof__(nvmlDeviceGetComputeRunningProcesses) *v1;
    __typeof__(nvmlDeviceGetComputeRunningProcesses_v2) *v2;
    __typeof__(nvmlDeviceGetComputeRunningProcesses_v3) *v3;
};

/* A function that the library lacks is NULL; NVML_CALL() makes it NVML_ERROR_FUNCTION_NOT_FOUND, as the view has it. */
struct nvml_library {
    void *handle; /* of dlopen() */
    __typeof__(nvmlInit_v2) *init;
    __typeof__(nvmlShutdown) *shutdown;
    __typeof__(nvmlErrorString) *error_string;
    __typeof__(nvmlSystemGetDriverVersion) *driver_version;
    __typeof__(nvmlDeviceGetCount_v2) *device_count;
    __typeof__(nvmlDeviceGetHandleByIndex_v2) *handle_by_index;
    __typeof__(nvmlDeviceGetUUID) *uuid;
    __typeof__(nvmlDeviceGetPciInfo_v3) *pci_info_v3, *pci_info_older;
    __typeof__(nvmlDeviceGetName) *name;
    __typeof__(nvmlDeviceGetMinorNumber) *minor_number;
    __typeof__(nvmlDeviceGetMigMode) *mig_mode;
    __typeof__(nvmlDeviceGetMaxMigDeviceCount) *max_mig_devices;
    __typeof__(nvmlDeviceGetMigDeviceHandleByIndex) *mig_handle_by_index;
    __typeof__(nvmlDeviceGetMemoryInfo_v2) *memory_v2;
    __typeof__(nvmlDeviceGetMemoryInfo) *memory_v1;
    __typeof__(nvmlDeviceGetUtilizationRates) *utilization;
    __typeof__(nvmlDeviceGetTemperature) *temperature;
    __typeof__(nvmlDeviceGetPowerUsage) *power;
    struct nvml_process_functions compute, graphics, mps;
};

#define NVML_CALL(library, function, ...)                                                                              \
    ((library)->function ? (library)->function(__VA_ARGS__) : NVML_ERROR_FUNCTION_NOT_FOUND)

/* Loads and binds; initialises nothing. -ENODEV: there is no such library, and what to do; -EIO: it is not NVML. */
int nvml_library_open(struct nvml_library *ret_library, struct genv_error *err);
void nvml_library_close(struct nvml_library *library);

/* NVML's own words for @result. */
const char *nvml_library_reason(const struct nvml_library *library, nvmlReturn_t result);

#endif
