/* The processes of the environment on a device. */
#ifndef VIEW_PROCESSES_H
#define VIEW_PROCESSES_H

#include "view/list.h"

#define PROCESS_LISTS 3 /* compute, graphics, MPS */

/* Whether the numbers that the driver gives are those of the processes that the caller sees. Drivers of before
 * 535.113.01 give the machine's numbers to who sees others, in a container. */
bool processes_are_ours(void);

/* list_give() for a list of processes of @device: NO_PERMISSION where that is not the environment's, none where they
 * can't be told from others. */
nvmlReturn_t processes_give(const struct list_source *source, nvmlDevice_t device, unsigned *count, void *entries);

/* Whether a list of the device's processes has @pid, and it is the environment's. */
bool processes_have(const struct scene *scene, nvmlDevice_t device, unsigned pid);

/* The memory that the environment's processes use on the device, or MIG instance. NOT_SUPPORTED: the driver tells of no
 * processes there. */
nvmlReturn_t processes_used_memory(const struct scene *scene, nvmlDevice_t device, unsigned long long *ret_bytes);

#endif
