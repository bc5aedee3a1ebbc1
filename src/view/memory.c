/* NVML's figures of a device's memory: the environment's capacity, and what its processes use. */
#include "view/devices.h"
#include "view/processes.h"

struct figures {
    unsigned long long total, used, free;
};

/* @total and @all_used are the device's. */
static nvmlReturn_t compute(const struct scene *scene, nvmlDevice_t device, unsigned long long total,
                            unsigned long long all_used, struct figures *ret_figures)
{
    const struct genv_attachment *attachment = NULL;
    nvmlReturn_t result = devices_attachment(scene, device, &attachment);
    unsigned long long used = 0;

    if (result != NVML_SUCCESS)
        return result;
    result = processes_used_memory(scene, device, &used);
    if (result == NVML_ERROR_NOT_SUPPORTED)
        used = all_used; /* as in WSL2: nobody knows whose it is */
    else if (result != NVML_SUCCESS)
        return result;
    if (attachment->gpu_memory && attachment->gpu_memory < total)
        total = attachment->gpu_memory;
    *ret_figures = (struct figures){.total = total, .used = used, .free = total > used ? total - used : 0};
    return NVML_SUCCESS;
}

/* Where the device has no memory of its own, and the driver tells none: the environment's capacity. A device in MIG
 * mode has some, in its instances. */
static nvmlReturn_t compute_unified(const struct scene *scene, nvmlDevice_t device, struct figures *ret_figures)
{
    const struct genv_attachment *attachment = NULL;
    unsigned mig = 0, pending;

    if (devices_attachment(scene, device, &attachment) != NVML_SUCCESS || !attachment->gpu_memory)
        return NVML_ERROR_NOT_SUPPORTED;
    if (backend_has(ENTRY_nvmlDeviceGetMigMode) &&
        BACKEND(nvmlDeviceGetMigMode)(device, &mig, &pending) == NVML_SUCCESS && mig)
        return NVML_ERROR_NOT_SUPPORTED;
    return compute(scene, device, attachment->gpu_memory, 0, ret_figures);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    struct figures figures;
    nvmlMemory_t real = {0};
    nvmlReturn_t result;

    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetMemoryInfo)(device, memory);
    result = BACKEND(nvmlDeviceGetMemoryInfo)(device, memory ? &real : NULL);
    if (result == NVML_SUCCESS)
        result = compute(&scene, device, real.total, real.used, &figures);
    else if (result == NVML_ERROR_NOT_SUPPORTED)
        result = compute_unified(&scene, device, &figures);
    if (result == NVML_SUCCESS && memory)
        *memory = (nvmlMemory_t){.total = figures.total, .free = figures.free, .used = figures.used};
    return result;
}

/* What the driver reserves is no environment's: with it, the figures would not add up. */
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    nvmlMemory_v2_t real = {.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)};
    struct figures figures;
    nvmlReturn_t result;

    ENTER();
    if (scene.shows_everything || !backend_has(ENTRY_nvmlDeviceGetMemoryInfo_v2))
        return BACKEND(nvmlDeviceGetMemoryInfo_v2)(device, memory);
    if (memory && memory->version != real.version)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    result = BACKEND(nvmlDeviceGetMemoryInfo_v2)(device, memory ? &real : NULL);
    if (result == NVML_SUCCESS)
        result = compute(&scene, device, real.total, real.used, &figures);
    else if (result == NVML_ERROR_NOT_SUPPORTED)
        result = compute_unified(&scene, device, &figures);
    if (result == NVML_SUCCESS && memory)
        *memory = (nvmlMemory_v2_t){
            .version = real.version, .total = figures.total, .free = figures.free, .used = figures.used};
    return result;
}
