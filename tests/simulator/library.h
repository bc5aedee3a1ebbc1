/* What every entry point of the simulated NVML begins with. */
#ifndef SIMULATOR_LIBRARY_H
#define SIMULATOR_LIBRARY_H

#include "base/macros.h"
#include "world.h"

/* Held from the beginning of an entry point to its end: the world is locked, and as the file has it now. */
struct entry {
    nvmlReturn_t result; /* other than NVML_SUCCESS: return it */
    const struct world *world;
    const struct world_device *device; /* of the entry point's handle */
    int mig_instance;                  /* the handle is one of an instance; else -1 */
};

struct entry entry_begin(const char *function);
struct entry entry_begin_device(const char *function, nvmlDevice_t device);
void entry_end(const struct entry *entry);

/* The rest of the function runs only if NVML is initialised, the handle is good and the file asks for no failure. */
#define ENTER()                                                                                                        \
    cleanup_with(entry_end) struct entry entry = entry_begin(__func__);                                                \
    if (entry.result != NVML_SUCCESS)                                                                                  \
    return entry.result

#define ENTER_DEVICE(device)                                                                                           \
    cleanup_with(entry_end) struct entry entry = entry_begin_device(__func__, device);                                 \
    if (entry.result != NVML_SUCCESS)                                                                                  \
    return entry.result

#define REQUIRE(condition)                                                                                             \
    if (!(condition))                                                                                                  \
    return NVML_ERROR_INVALID_ARGUMENT

/* Copies @source if it fits. */
nvmlReturn_t give_text(const char *source, char *target, unsigned size);

/* Says in @count how many of the handle's processes are of @type, and if there is room for them in @entries, fills one
 * of @size bytes for each: as much of a nvmlProcessDetail_v1_t as it has, and nothing behind. */
nvmlReturn_t give_list(const struct entry *entry, unsigned type, unsigned *count, void *entries, size_t size);

/* The name that the file gives the process, or the kernel; cut, as the real one does. False: it has none, or none uses
 * a device, and @name is empty. */
bool give_process_name(const struct world *world, unsigned pid, char *name, size_t size);

/* The handle of the device, or MIG instance, of that UUID: the same one for as long as the library is loaded, in
 * whatever order the devices are meanwhile. */
nvmlReturn_t give_handle(const char *uuid, nvmlDevice_t *handle);

#endif
