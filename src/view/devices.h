/* The environment's devices, as the backend has them now. */
#ifndef VIEW_DEVICES_H
#define VIEW_DEVICES_H

#include "view/backend.h"
#include "view/scene.h"

/* A device of the environment that the machine has. */
struct device {
    nvmlReturn_t result; /* other than NVML_SUCCESS: what asking for its handle gives; it is lost, or forbidden */
    nvmlDevice_t handle;
    unsigned index; /* the machine's */
};

/* A device's number is the machine's, which genv, nvidia-smi and CUDA_VISIBLE_DEVICES speak of. But programs count from
 * 0 to how many devices there are. So a device whose number is below that has its place there, and the others have the
 * places that are left over, in order: no number means two devices.
 *
 * nvidia-smi can do without that: it passes over the numbers of devices that it may not open. To it, in the modes that
 * tell of no number of devices, the places are the machine's numbers, and those of others are forbidden. */
struct device_list {
    struct device *devices; /* by place, or ascending by index */
    unsigned count;
    unsigned places; /* how many there are to a program */
};

static inline void device_list_release(struct device_list *list)
{
    free(list->devices);
}
#define cleanup_devices cleanup_with(device_list_release)

/* Fails as the backend does where NVML can't be asked at all. */
nvmlReturn_t devices_list(const struct scene *scene, struct device_list *ret_list);

/* The device that a program means by @index. INVALID_ARGUMENT: there is none; NO_PERMISSION: it is not the
 * environment's. */
nvmlReturn_t devices_choose(const struct device_list *list, unsigned index, const struct device **ret_device);

/* The attachment to the device of @handle, or to that of the MIG instance that it stands for. NO_PERMISSION: it is not
 * the environment's; other results are the backend's. */
nvmlReturn_t devices_attachment(const struct scene *scene, nvmlDevice_t handle,
                                const struct genv_attachment **ret_attachment);

/* NVML_SUCCESS: the environment may ask about the device. */
nvmlReturn_t devices_check(const struct scene *scene, nvmlDevice_t handle);

#endif
