/* The environment's devices, as the backend has them now. */
#include "view/devices.h"

#include <string.h>
#include <strings.h>

#include "view/program.h"

static nvmlReturn_t get_count(unsigned *ret_count)
{
    return backend_has(ENTRY_nvmlDeviceGetCount_v2) ? BACKEND(nvmlDeviceGetCount_v2)(ret_count)
                                                    : BACKEND(nvmlDeviceGetCount)(ret_count);
}

static nvmlReturn_t get_handle(unsigned index, nvmlDevice_t *ret_handle)
{
    return backend_has(ENTRY_nvmlDeviceGetHandleByIndex_v2) ? BACKEND(nvmlDeviceGetHandleByIndex_v2)(index, ret_handle)
                                                            : BACKEND(nvmlDeviceGetHandleByIndex)(index, ret_handle);
}

static bool has_uuid(nvmlDevice_t handle, const char *uuid)
{
    char actual[GENV_UUID_SIZE];

    return BACKEND(nvmlDeviceGetUUID)(handle, actual, sizeof(actual)) == NVML_SUCCESS && strcasecmp(actual, uuid) == 0;
}

/* Looks where the device was when it was attached: no other one is woken up for that. */
static bool find_at_index(const struct genv_attachment *attachment, struct device *device)
{
    if (attachment->index < 0)
        return false;
    device->index = (unsigned)attachment->index;
    device->result = get_handle(device->index, &device->handle);
    return device->result == NVML_SUCCESS && has_uuid(device->handle, attachment->device.uuid);
}

static bool find_by_uuid(const struct genv_attachment *attachment, struct device *device)
{
    device->result = BACKEND(nvmlDeviceGetHandleByUUID)(attachment->device.uuid, &device->handle);
    return device->result == NVML_SUCCESS &&
           BACKEND(nvmlDeviceGetIndex)(device->handle, &device->index) == NVML_SUCCESS;
}

/* Looks everywhere: where some device is lost, looking it up by UUID may fail for the others too. One that does not
 * tell its UUID may be the one that is looked for, the more so where that was when it was attached. */
static bool find_anywhere(const struct genv_attachment *attachment, unsigned count, struct device *device)
{
    struct device silent = {.result = NVML_SUCCESS};

    for (unsigned i = 0; i < count; i++) {
        device->index = i;
        device->result = get_handle(i, &device->handle);
        if (device->result == NVML_SUCCESS && has_uuid(device->handle, attachment->device.uuid))
            return true;
        if (device->result != NVML_SUCCESS && (silent.result == NVML_SUCCESS || (int)i == attachment->index))
            silent = *device;
    }
    *device = silent;
    return silent.result != NVML_SUCCESS;
}

static int compare_index(const void *left, const void *right)
{
    const struct device *a = left, *b = right;

    return (a->index > b->index) - (a->index < b->index);
}

/* Gives each device its place. They are ascending, so those that stay at their number come first. */
static nvmlReturn_t place(struct device_list *list)
{
    unsigned stays = 0, rest;
    struct device *placed;

    list->places = list->count;
    while (stays < list->count && list->devices[stays].index < list->count)
        stays++;
    rest = stays;
    if (stays == 0 || list->devices[stays - 1].index == stays - 1)
        return NVML_SUCCESS;
    placed = calloc(list->count, sizeof(*placed));
    if (!placed)
        return NVML_ERROR_MEMORY;
    for (unsigned i = 0, next = 0; i < list->count; i++) {
        bool is_there = next < stays && list->devices[next].index <= i;

        placed[i] = is_there || rest == list->count ? list->devices[next++] : list->devices[rest++];
    }
    free(list->devices);
    list->devices = placed;
    return NVML_SUCCESS;
}

nvmlReturn_t devices_list(const struct scene *scene, struct device_list *ret_list)
{
    const struct genv_env *env = scene->env;
    unsigned count = 0;
    nvmlReturn_t result = get_count(&count);

    *ret_list = (struct device_list){.count = 0};
    if (result != NVML_SUCCESS || !env || !env->attachment_count)
        return result;
    ret_list->devices = calloc(env->attachment_count, sizeof(*ret_list->devices));
    if (!ret_list->devices)
        return NVML_ERROR_MEMORY;
    for (size_t i = 0; i < env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->attachments[i];
        struct device *device = &ret_list->devices[ret_list->count];

        if (find_at_index(attachment, device) || find_by_uuid(attachment, device) ||
            find_anywhere(attachment, count, device))
            ret_list->count++;
    }
    if (!ret_list->count)
        return NVML_SUCCESS;
    qsort(ret_list->devices, ret_list->count, sizeof(*ret_list->devices), compare_index);
    if (!program_passes_over_numbers())
        return place(ret_list);
    ret_list->places = ret_list->devices[ret_list->count - 1].index + 1;
    return NVML_SUCCESS;
}

nvmlReturn_t devices_choose(const struct device_list *list, unsigned index, const struct device **ret_device)
{
    const struct device *found = NULL;

    for (unsigned i = 0; i < list->count && !found; i++) {
        if (list->devices[i].index == index)
            found = &list->devices[i];
    }
    if (!found && index >= list->places)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!found && program_passes_over_numbers())
        return NVML_ERROR_NO_PERMISSION;
    *ret_device = found ? found : &list->devices[index];
    return NVML_SUCCESS;
}

/* The device that a MIG instance is a part of. */
static nvmlReturn_t get_parent(nvmlDevice_t handle, nvmlDevice_t *ret_parent)
{
    return BACKEND(nvmlDeviceGetDeviceHandleFromMigDeviceHandle)(handle, ret_parent);
}

nvmlReturn_t devices_attachment(const struct scene *scene, nvmlDevice_t handle,
                                const struct genv_attachment **ret_attachment)
{
    char uuid[GENV_UUID_SIZE];
    nvmlReturn_t result = BACKEND(nvmlDeviceGetUUID)(handle, uuid, sizeof(uuid));

    if (result == NVML_SUCCESS && strncasecmp(uuid, "MIG-", 4) == 0) {
        result = get_parent(handle, &handle);
        if (result == NVML_SUCCESS)
            result = BACKEND(nvmlDeviceGetUUID)(handle, uuid, sizeof(uuid));
    }
    if (result != NVML_SUCCESS)
        return result;
    *ret_attachment = scene_attachment(scene, uuid);
    return *ret_attachment ? NVML_SUCCESS : NVML_ERROR_NO_PERMISSION;
}

nvmlReturn_t devices_check(const struct scene *scene, nvmlDevice_t handle)
{
    const struct genv_attachment *attachment;

    return scene->shows_everything ? NVML_SUCCESS : devices_attachment(scene, handle, &attachment);
}
