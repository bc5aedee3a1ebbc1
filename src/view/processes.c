/* NVML's lists of the processes that use a device: the environment's alone are given. */
#include "view/processes.h"

#include <stdint.h>
#include <string.h>

#include "view/devices.h"

#define INITIAL_PID_NAMESPACE 0xeffffffcu /* the inode that the kernel gives the machine's own */

bool processes_are_ours(void)
{
    char version[NVML_SYSTEM_STRING_SIZE];
    unsigned major, minor = 0;

    if (scene_pid_namespace() == INITIAL_PID_NAMESPACE)
        return true;
    if (BACKEND(nvmlSystemGetDriverVersion)(version, sizeof(version)) != NVML_SUCCESS ||
        sscanf(version, "%u.%u", &major, &minor) < 1)
        return false;
    return major > 535 || (major == 535 && minor >= 113);
}

/* The drivers from 535.43 to before 535.86 give wrong data through _v3, which has the layout of _v2. */
static bool has_wrong_v3(void)
{
    char version[NVML_SYSTEM_STRING_SIZE];
    unsigned major, minor;

    return BACKEND(nvmlSystemGetDriverVersion)(version, sizeof(version)) == NVML_SUCCESS &&
           sscanf(version, "%u.%u", &major, &minor) == 2 && major == 535 && minor >= 43 && minor < 86;
}

typedef nvmlReturn_t (*process_function)(nvmlDevice_t device, unsigned *count, void *processes);

struct process_request {
    process_function function;
    nvmlDevice_t device;
};

static nvmlReturn_t fetch_processes(const void *request, unsigned *count, void *entries)
{
    const struct process_request *processes = request;

    return processes->function(processes->device, count, entries);
}

/* Lists have three versions, of which the entries of the first are the beginning of those of the others. */
static struct list_source process_source(const struct scene *scene, const struct process_request *request, int version)
{
    return (struct list_source){.scene = scene,
                                .fetch = fetch_processes,
                                .request = request,
                                .entry_size =
                                    version == 1 ? sizeof(nvmlProcessInfo_v1_t) : sizeof(nvmlProcessInfo_v2_t),
                                .pid_offset = offsetof(nvmlProcessInfo_v1_t, pid)};
}

nvmlReturn_t processes_give(const struct list_source *source, nvmlDevice_t device, unsigned *count, void *entries)
{
    nvmlReturn_t result = devices_check(source->scene, device);

    if (result != NVML_SUCCESS)
        return result;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (processes_are_ours())
        return list_give(source, count, entries);
    *count = 0;
    return NVML_SUCCESS;
}

static nvmlReturn_t give_processes(const struct scene *scene, enum entry entry, nvmlDevice_t device, int version,
                                   unsigned *count, void *processes)
{
    const struct process_request request = {.function = (process_function)backend_look_up(entry), .device = device};
    const struct list_source source = process_source(scene, &request, version);

    if (scene->shows_everything || !backend_has(entry))
        return request.function(device, count, processes);
    return processes_give(&source, device, count, processes);
}

#define DEFINE_PROCESS_LISTS(name)                                                                                     \
    nvmlReturn_t name(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *processes)                           \
    {                                                                                                                  \
        ENTER();                                                                                                       \
        return give_processes(&scene, ENTRY_##name, device, 1, count, processes);                                      \
    }                                                                                                                  \
                                                                                                                       \
    nvmlReturn_t name##_v2(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *processes)                      \
    {                                                                                                                  \
        ENTER();                                                                                                       \
        return give_processes(&scene, ENTRY_##name##_v2, device, 2, count, processes);                                 \
    }                                                                                                                  \
                                                                                                                       \
    nvmlReturn_t name##_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *processes)                      \
    {                                                                                                                  \
        ENTER();                                                                                                       \
        bool use_v2 = !scene.shows_everything && has_wrong_v3() && backend_has(ENTRY_##name##_v2);                     \
                                                                                                                       \
        return give_processes(&scene, use_v2 ? ENTRY_##name##_v2 : ENTRY_##name##_v3, device, 3, count, processes);    \
    }

DEFINE_PROCESS_LISTS(nvmlDeviceGetComputeRunningProcesses)
DEFINE_PROCESS_LISTS(nvmlDeviceGetGraphicsRunningProcesses)
DEFINE_PROCESS_LISTS(nvmlDeviceGetMPSComputeRunningProcesses)

/* A list's entries of the newest version that the backend has, which need not be the one that a program asks for. */
static const enum entry process_entries[PROCESS_LISTS][3] = {
    {ENTRY_nvmlDeviceGetComputeRunningProcesses, ENTRY_nvmlDeviceGetComputeRunningProcesses_v2,
     ENTRY_nvmlDeviceGetComputeRunningProcesses_v3},
    {ENTRY_nvmlDeviceGetGraphicsRunningProcesses, ENTRY_nvmlDeviceGetGraphicsRunningProcesses_v2,
     ENTRY_nvmlDeviceGetGraphicsRunningProcesses_v3},
    {ENTRY_nvmlDeviceGetMPSComputeRunningProcesses, ENTRY_nvmlDeviceGetMPSComputeRunningProcesses_v2,
     ENTRY_nvmlDeviceGetMPSComputeRunningProcesses_v3},
};

/* Reads a list, by its newest version up to @version. NOT_SUPPORTED: the backend lacks it, or has none here. */
static nvmlReturn_t read_processes(const struct scene *scene, const enum entry entries[3], int version,
                                   nvmlDevice_t device, nvmlProcessInfo_v2_t **ret_processes, unsigned *ret_count)
{
    cleanup_list struct list list = {.entries = NULL};
    struct process_request request = {.device = device};
    struct list_source source;
    nvmlReturn_t result;

    *ret_count = 0;
    while (version > 0 && !backend_has(entries[version - 1]))
        version--;
    if (version == 0)
        return NVML_ERROR_NOT_SUPPORTED;
    request.function = (process_function)backend_look_up(entries[version - 1]);
    source = process_source(scene, &request, version);
    result = list_read(&source, &list);
    if (result != NVML_SUCCESS)
        return result;
    *ret_processes = calloc(list.count + 1, sizeof(**ret_processes));
    if (!*ret_processes)
        return NVML_ERROR_MEMORY;
    for (unsigned i = 0; i < list.count; i++)
        memcpy(&(*ret_processes)[i], (char *)list.entries + i * source.entry_size, source.entry_size);
    *ret_count = list.count;
    return NVML_SUCCESS;
}

static bool is_same(const nvmlProcessInfo_v2_t *one, const nvmlProcessInfo_v2_t *other)
{
    return one->pid == other->pid && one->gpuInstanceId == other->gpuInstanceId &&
           one->computeInstanceId == other->computeInstanceId;
}

/* A process that computes and draws is in two lists, with all of its memory in each. */
static unsigned long long sum_memory(nvmlProcessInfo_v2_t *const lists[], const unsigned counts[])
{
    unsigned long long sum = 0;

    for (unsigned list = 0; list < PROCESS_LISTS; list++) {
        for (unsigned i = 0; i < counts[list]; i++) {
            const nvmlProcessInfo_v2_t *process = &lists[list][i];
            bool is_counted = process->usedGpuMemory == NVML_VALUE_NOT_AVAILABLE;

            for (unsigned earlier = 0; earlier < list; earlier++) {
                for (unsigned j = 0; j < counts[earlier] && !is_counted; j++)
                    is_counted = is_same(process, &lists[earlier][j]);
            }
            sum += is_counted ? 0 : process->usedGpuMemory;
        }
    }
    return sum;
}

/* All lists of the environment's processes on the device; free() each. NOT_SUPPORTED: there is none of them. */
static nvmlReturn_t read_lists(const struct scene *scene, nvmlDevice_t device, nvmlProcessInfo_v2_t *ret_lists[],
                               unsigned ret_counts[])
{
    int version = has_wrong_v3() ? 2 : 3;
    unsigned missing = 0;

    if (!processes_are_ours())
        return NVML_SUCCESS;
    for (unsigned i = 0; i < PROCESS_LISTS; i++) {
        nvmlReturn_t result = read_processes(scene, process_entries[i], version, device, &ret_lists[i], &ret_counts[i]);

        if (result == NVML_ERROR_NOT_SUPPORTED)
            missing++;
        else if (result != NVML_SUCCESS)
            return result;
    }
    return missing == PROCESS_LISTS ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

bool processes_have(const struct scene *scene, nvmlDevice_t device, unsigned pid)
{
    nvmlProcessInfo_v2_t *lists[PROCESS_LISTS] = {NULL};
    unsigned counts[PROCESS_LISTS] = {0};
    bool found = false;

    read_lists(scene, device, lists, counts);
    for (unsigned i = 0; i < PROCESS_LISTS; i++) {
        for (unsigned j = 0; j < counts[i]; j++)
            found |= lists[i][j].pid == pid;
        free(lists[i]);
    }
    return found;
}

nvmlReturn_t processes_used_memory(const struct scene *scene, nvmlDevice_t device, unsigned long long *ret_bytes)
{
    nvmlProcessInfo_v2_t *lists[PROCESS_LISTS] = {NULL};
    unsigned counts[PROCESS_LISTS] = {0};
    nvmlReturn_t result = read_lists(scene, device, lists, counts);

    *ret_bytes = sum_memory(lists, counts);
    for (unsigned i = 0; i < PROCESS_LISTS; i++)
        free(lists[i]);
    return result;
}
