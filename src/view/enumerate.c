/* NVML's functions that find devices: they find the environment's only. */
#include "view/devices.h"
#include "view/list.h"

static nvmlReturn_t count_devices(const struct scene *scene, nvmlReturn_t result, unsigned *count)
{
    cleanup_devices struct device_list list = {.count = 0};

    if (result != NVML_SUCCESS || scene->shows_everything)
        return result;
    result = devices_list(scene, &list);
    *count = list.places;
    return result;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
    ENTER();
    return count_devices(&scene, BACKEND(nvmlDeviceGetCount)(count), count);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER();
    return count_devices(&scene, BACKEND(nvmlDeviceGetCount_v2)(count), count);
}

static nvmlReturn_t find_handle_by_index(const struct scene *scene, unsigned index, nvmlDevice_t *device)
{
    cleanup_devices struct device_list list = {.count = 0};
    const struct device *chosen;
    nvmlReturn_t result = device ? devices_list(scene, &list) : NVML_ERROR_INVALID_ARGUMENT;

    if (result == NVML_SUCCESS)
        result = devices_choose(&list, index, &chosen);
    if (result != NVML_SUCCESS)
        return result;
    if (chosen->result == NVML_SUCCESS)
        *device = chosen->handle;
    return chosen->result;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device)
{
    ENTER();
    if (scene.shows_everything || !backend_has(ENTRY_nvmlDeviceGetHandleByIndex))
        return BACKEND(nvmlDeviceGetHandleByIndex)(index, device);
    return find_handle_by_index(&scene, index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    ENTER();
    if (scene.shows_everything || !backend_has(ENTRY_nvmlDeviceGetHandleByIndex_v2))
        return BACKEND(nvmlDeviceGetHandleByIndex_v2)(index, device);
    return find_handle_by_index(&scene, index, device);
}

/* Hands on what the backend has @found, if it is the environment's. */
static nvmlReturn_t give_found(const struct scene *scene, nvmlReturn_t result, nvmlDevice_t found, nvmlDevice_t *device)
{
    if (result == NVML_SUCCESS)
        result = devices_check(scene, found);
    if (result == NVML_SUCCESS && device)
        *device = found;
    return result == NVML_ERROR_NO_PERMISSION && !scene->shows_everything ? NVML_ERROR_NOT_FOUND : result;
}

/* What is looked up must stay out of the caller's hands until it is known to be the environment's. */
#define LOOK_UP(function, key)                                                                                         \
    ENTER();                                                                                                           \
    nvmlDevice_t found = NULL;                                                                                         \
    nvmlReturn_t result = BACKEND(function)(key, device ? &found : NULL);                                              \
                                                                                                                       \
    return give_found(&scene, result, found, device)

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetHandleBySerial, serial);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetHandleByUUID, uuid);
}

nvmlReturn_t nvmlDeviceGetHandleByUUIDV(const nvmlUUID_t *uuid, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetHandleByUUIDV, uuid);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetHandleByPciBusId, bus_id);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetHandleByPciBusId_v2, bus_id);
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig_device)
{
    ENTER();
    nvmlDevice_t found = NULL;
    nvmlReturn_t result = BACKEND(nvmlDeviceGetMigDeviceHandleByIndex)(device, index, mig_device ? &found : NULL);

    return give_found(&scene, result, found, mig_device);
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig_device, nvmlDevice_t *device)
{
    LOOK_UP(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, mig_device);
}

/* The machine's number, which is the one that nvidia-smi, genv and CUDA_VISIBLE_DEVICES speak of. */
nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index)
{
    ENTER();
    nvmlReturn_t result = devices_check(&scene, device);

    return result == NVML_SUCCESS ? BACKEND(nvmlDeviceGetIndex)(device, index) : result;
}

static bool keeps_device(const struct scene *scene, const void *entry)
{
    return devices_check(scene, *(const nvmlDevice_t *)entry) == NVML_SUCCESS;
}

/* The arguments of the functions that give sets of devices. */
struct set_request {
    nvmlDevice_t device;
    unsigned number;
};

static nvmlReturn_t fetch_cpu_set(const void *request, unsigned *count, void *entries)
{
    const struct set_request *set = request;

    return BACKEND(nvmlSystemGetTopologyGpuSet)(set->number, count, entries);
}

nvmlReturn_t nvmlSystemGetTopologyGpuSet(unsigned cpu, unsigned *count, nvmlDevice_t *devices)
{
    const struct set_request request = {.number = cpu};

    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlSystemGetTopologyGpuSet)(cpu, count, devices);
    return list_give(&(struct list_source){.scene = &scene,
                                           .fetch = fetch_cpu_set,
                                           .request = &request,
                                           .entry_size = sizeof(void *),
                                           .keeps = keeps_device,
                                           .may_be_counted = true},
                     count, devices);
}

static nvmlReturn_t fetch_nearest(const void *request, unsigned *count, void *entries)
{
    const struct set_request *set = request;

    return BACKEND(nvmlDeviceGetTopologyNearestGpus)(set->device, set->number, count, entries);
}

nvmlReturn_t nvmlDeviceGetTopologyNearestGpus(nvmlDevice_t device, unsigned level, unsigned *count,
                                              nvmlDevice_t *devices)
{
    const struct set_request request = {.device = device, .number = level};
    nvmlReturn_t result;

    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetTopologyNearestGpus)(device, level, count, devices);
    result = devices_check(&scene, device);
    if (result != NVML_SUCCESS)
        return result;
    return list_give(&(struct list_source){.scene = &scene,
                                           .fetch = fetch_nearest,
                                           .request = &request,
                                           .entry_size = sizeof(void *),
                                           .keeps = keeps_device,
                                           .may_be_counted = true},
                     count, devices);
}

/* What the administrator excludes is nobody's. The functions have two names, of which drivers have one or both. */
#define EXCLUDED_DEVICES(count_function, info_function)                                                                \
    nvmlReturn_t count_function(unsigned *count)                                                                       \
    {                                                                                                                  \
        nvmlReturn_t result;                                                                                           \
                                                                                                                       \
        ENTER();                                                                                                       \
        result = BACKEND(count_function)(count);                                                                       \
        if (result == NVML_SUCCESS && !scene.shows_everything)                                                         \
            *count = 0;                                                                                                \
        return result;                                                                                                 \
    }                                                                                                                  \
                                                                                                                       \
    nvmlReturn_t info_function(unsigned index, nvmlExcludedDeviceInfo_t *info)                                         \
    {                                                                                                                  \
        ENTER();                                                                                                       \
        return scene.shows_everything ? BACKEND(info_function)(index, info) : NVML_ERROR_INVALID_ARGUMENT;             \
    }

EXCLUDED_DEVICES(nvmlGetExcludedDeviceCount, nvmlGetExcludedDeviceInfoByIndex)
EXCLUDED_DEVICES(nvmlGetBlacklistDeviceCount, nvmlGetBlacklistDeviceInfoByIndex)
