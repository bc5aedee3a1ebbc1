/* The functions of libnvidia-ml.so.1, bound at run time, each at the newest version that the library has. */
#include "driver/nvml_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "driver/nvidia.h"

#define MEMBER(member) offsetof(struct nvml_library, member)

static const struct binding {
    size_t offset;
    const char *names[2]; /* best first; all of them have one layout */
} bindings[] = {
    {MEMBER(init), {"nvmlInit_v2", "nvmlInit"}},
    {MEMBER(shutdown), {"nvmlShutdown"}},
    {MEMBER(error_string), {"nvmlErrorString"}},
    {MEMBER(driver_version), {"nvmlSystemGetDriverVersion"}},
    {MEMBER(device_count), {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"}},
    {MEMBER(handle_by_index), {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"}},
    {MEMBER(uuid), {"nvmlDeviceGetUUID"}},
    {MEMBER(pci_info_v3), {"nvmlDeviceGetPciInfo_v3"}},
    {MEMBER(pci_info_older), {"nvmlDeviceGetPciInfo_v2", "nvmlDeviceGetPciInfo"}},
    {MEMBER(name), {"nvmlDeviceGetName"}},
    {MEMBER(minor_number), {"nvmlDeviceGetMinorNumber"}},
    {MEMBER(mig_mode), {"nvmlDeviceGetMigMode"}},
    {MEMBER(max_mig_devices), {"nvmlDeviceGetMaxMigDeviceCount"}},
    {MEMBER(mig_handle_by_index), {"nvmlDeviceGetMigDeviceHandleByIndex"}},
    {MEMBER(memory_v2), {"nvmlDeviceGetMemoryInfo_v2"}},
    {MEMBER(memory_v1), {"nvmlDeviceGetMemoryInfo"}},
    {MEMBER(utilization), {"nvmlDeviceGetUtilizationRates"}},
    {MEMBER(temperature), {"nvmlDeviceGetTemperature"}},
    {MEMBER(power), {"nvmlDeviceGetPowerUsage"}},
    {MEMBER(compute.v1), {"nvmlDeviceGetComputeRunningProcesses"}},
    {MEMBER(compute.v2), {"nvmlDeviceGetComputeRunningProcesses_v2"}},
    {MEMBER(compute.v3), {"nvmlDeviceGetComputeRunningProcesses_v3"}},
    {MEMBER(graphics.v1), {"nvmlDeviceGetGraphicsRunningProcesses"}},
    {MEMBER(graphics.v2), {"nvmlDeviceGetGraphicsRunningProcesses_v2"}},
    {MEMBER(graphics.v3), {"nvmlDeviceGetGraphicsRunningProcesses_v3"}},
    {MEMBER(mps.v1), {"nvmlDeviceGetMPSComputeRunningProcesses"}},
    {MEMBER(mps.v2), {"nvmlDeviceGetMPSComputeRunningProcesses_v2"}},
    {MEMBER(mps.v3), {"nvmlDeviceGetMPSComputeRunningProcesses_v3"}},
};

static void bind(struct nvml_library *library, const struct binding *binding)
{
    void *function = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(binding->names) && binding->names[i] && !function; i++)
        function = dlsym(library->handle, binding->names[i]);
    memcpy((char *)library + binding->offset, &function, sizeof(function));
}

int nvml_library_open(struct nvml_library *ret_library, struct genv_error *err)
{
    struct nvml_library library = {.handle = dlopen(NVML_LIBRARY, RTLD_LAZY | RTLD_LOCAL)};

    if (!library.handle && nvidia_is_wsl())
        library.handle = dlopen(NVIDIA_WSL_LIBRARY, RTLD_LAZY | RTLD_LOCAL);
    if (!library.handle && nvidia_is_wsl() && access(NVIDIA_WSL_LIBRARY, F_OK) < 0)
        return error_set(err, ENODEV, NVIDIA_WSL_ABSENT);
    if (!library.handle)
        return error_set(err, ENODEV,
                         "no NVIDIA driver found (%s): install it, or simulate devices with GENV_DEVICES=4", dlerror());
    for (size_t i = 0; i < ARRAY_SIZE(bindings); i++)
        bind(&library, &bindings[i]);
    if (!library.init || !library.shutdown || !library.device_count || !library.handle_by_index || !library.uuid) {
        dlclose(library.handle);
        return error_set(err, EIO, "%s is not the NVIDIA driver's library, or an incomplete one: reinstall the driver",
                         NVML_LIBRARY);
    }
    *ret_library = library;
    return 0;
}

void nvml_library_close(struct nvml_library *library)
{
    dlclose(library->handle);
}

const char *nvml_library_reason(const struct nvml_library *library, nvmlReturn_t result)
{
    const char *reason = library->error_string ? library->error_string(result) : NULL;

    return reason ? reason : "unknown error";
}
