/* Reading NVML's process lists through whichever version of them the library has. */
#include "driver/nvml_processes.h"

#include <limits.h>

#include "base/text.h"

#define FIRST_CAPACITY 64
#define CAPACITY_MAX   (1u << 20)

/* A growing list of what is found; @first is where this device's begin. */
struct collection {
    struct driver_process **processes;
    size_t first, count;
    const struct genv_device *device;
};

bool nvml_version_has_wrong_v3(const char *driver_version)
{
    unsigned major, minor;

    return sscanf(driver_version, "%u.%u", &major, &minor) == 2 && major == 535 && minor >= 43 && minor < 86;
}

static nvmlReturn_t call(const struct nvml_process_functions *functions, int version, nvmlDevice_t handle,
                         unsigned *count, void *entries)
{
    switch (version) {
    case 3:
        return functions->v3 ? functions->v3(handle, count, entries) : NVML_ERROR_FUNCTION_NOT_FOUND;
    case 2:
        return functions->v2 ? functions->v2(handle, count, entries) : NVML_ERROR_FUNCTION_NOT_FOUND;
    default:
        return functions->v1 ? functions->v1(handle, count, entries) : NVML_ERROR_FUNCTION_NOT_FOUND;
    }
}

static size_t entry_size(int version)
{
    return version == 1 ? sizeof(nvmlProcessInfo_v1_t) : sizeof(nvmlProcessInfo_v2_t);
}

/* Reads a whole list; @ret_entries are entry_size() apart and free()d by the caller. */
static nvmlReturn_t read_list(const struct nvml_process_functions *functions, int version, nvmlDevice_t handle,
                              void **ret_entries, unsigned *ret_count)
{
    unsigned capacity = FIRST_CAPACITY;

    while (capacity <= CAPACITY_MAX) {
        cleanup_free void *entries = calloc(capacity, entry_size(version));
        unsigned count = capacity;
        nvmlReturn_t result;

        if (!entries)
            return NVML_ERROR_MEMORY;
        result = call(functions, version, handle, &count, entries);
        if (result == NVML_SUCCESS && count <= capacity) {
            *ret_entries = STEAL_POINTER(entries);
            *ret_count = count;
            return NVML_SUCCESS;
        }
        if (result != NVML_SUCCESS && result != NVML_ERROR_INSUFFICIENT_SIZE)
            return result;
        /* More may have started by the time of the next try. */
        capacity = (count < CAPACITY_MAX && count > capacity ? count : capacity) * 2;
    }
    return NVML_ERROR_INSUFFICIENT_SIZE;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    if (one == GENV_UNKNOWN_U64)
        return other;
    return other == GENV_UNKNOWN_U64 || one > other ? one : other;
}

static nvmlReturn_t collect_process(struct collection *collection, unsigned pid, unsigned long long memory)
{
    struct driver_process *processes = *collection->processes, *process;
    uint64_t used_memory = memory == NVML_VALUE_NOT_AVAILABLE ? GENV_UNKNOWN_U64 : memory;

    if (pid == 0 || pid > INT_MAX)
        return NVML_SUCCESS; /* names no process here */
    for (size_t i = collection->first; i < collection->count; i++) {
        if (processes[i].pid == (pid_t)pid) {
            processes[i].used_memory = larger(processes[i].used_memory, used_memory);
            return NVML_SUCCESS;
        }
    }
    processes = reallocarray(processes, collection->count + 1, sizeof(*processes));
    if (!processes)
        return NVML_ERROR_MEMORY;
    *collection->processes = processes;
    process = &processes[collection->count++];
    *process =
        (struct driver_process){.pid = (pid_t)pid, .index = collection->device->index, .used_memory = used_memory};
    copy_string(process->uuid, sizeof(process->uuid), collection->device->id.uuid);
    return NVML_SUCCESS;
}

static nvmlReturn_t collect_list(struct collection *collection, const struct nvml_process_functions *functions,
                                 nvmlDevice_t handle)
{
    cleanup_free void *entries = NULL;
    nvmlReturn_t result = NVML_ERROR_FUNCTION_NOT_FOUND;
    unsigned count = 0;
    int version;

    for (version = 3; version >= 1; version--) {
        result = read_list(functions, version, handle, &entries, &count);
        if (result != NVML_ERROR_FUNCTION_NOT_FOUND)
            break;
    }
    if (result == NVML_ERROR_FUNCTION_NOT_FOUND || result == NVML_ERROR_NOT_SUPPORTED)
        return NVML_SUCCESS;
    for (unsigned i = 0; i < count && result == NVML_SUCCESS; i++) {
        /* The older layout is the beginning of the newer one. */
        const nvmlProcessInfo_v1_t *info = (const void *)((char *)entries + i * entry_size(version));

        result = collect_process(collection, info->pid, info->usedGpuMemory);
    }
    return result;
}

bool nvml_tells_processes(const struct nvml_library *library, nvmlDevice_t handle)
{
    for (int version = 3; version >= 1; version--) {
        unsigned count = 0;
        nvmlReturn_t result = call(&library->compute, version, handle, &count, NULL);

        if (result != NVML_ERROR_FUNCTION_NOT_FOUND)
            return result != NVML_ERROR_NOT_SUPPORTED;
    }
    return false;
}

nvmlReturn_t nvml_add_processes(const struct nvml_library *library, nvmlDevice_t handle,
                                const struct genv_device *device, struct driver_process **processes, size_t *count)
{
    struct collection collection = {.processes = processes, .first = *count, .count = *count, .device = device};
    const struct nvml_process_functions *lists[] = {&library->compute, &library->graphics, &library->mps};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        nvmlReturn_t result = collect_list(&collection, lists[i], handle);

        if (result != NVML_SUCCESS)
            return result;
    }
    *count = collection.count;
    return NVML_SUCCESS;
}
