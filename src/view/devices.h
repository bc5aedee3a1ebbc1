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

struct device_list {
    struct device *devices; /* ascending by index */
    unsigned count;
};

static inline void device_list_release(struct device_list *list)
{
    free(list->devices);
}
#define cleanup_devices cleanup_with(device_list_release)

/* Fails as the backend does where NVML can't be asked at all. */
nvmlReturn_t devices_list(const struct scene *scene, struct device_list *ret_list);

/* Chooses the device that a program means by @index. Programs number devices from 0 to their count; who knows the
 * machine's numbers (nvidia-smi shows them, CUDA_VISIBLE_DEVICES has them) may use one of those, where it is none of
 * the former. NULL: there is none. */
const struct device *devices_choose(const struct device_list *list, unsigned index);

/* The attachment to the device of @handle, or to that of the MIG instance that it stands for. NO_PERMISSION: it is not
 * the environment's; other results are the backend's. */
nvmlReturn_t devices_attachment(const struct scene *scene, nvmlDevice_t handle,
                                const struct genv_attachment **ret_attachment);

/* NVML_SUCCESS: the environment may ask about the device. */
nvmlReturn_t devices_check(const struct scene *scene, nvmlDevice_t handle);

#endif
