/* The simulated NVML's functions about the processes on a device. */
#include <string.h>
#include <time.h>

#include "library.h"

/* An entry as the widest of the lists has it; older ones are its beginning. */
typedef nvmlProcessDetail_v1_t widest;

/* Whether the handle's list of @type has the process. */
static bool has(const struct entry *entry, const struct world_process *process, unsigned type)
{
    return process->type == type && (entry->mig_instance < 0 || process->mig_instance == entry->mig_instance);
}

static unsigned count_processes(const struct entry *entry, unsigned type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < entry->device->process_count; i++)
        count += has(entry, &entry->device->processes[i], type);
    return count;
}

/* Whether as many as @needed fit into @count, which then says how many there are. */
static nvmlReturn_t check_room(unsigned *count, unsigned needed, const void *entries)
{
    unsigned room = *count;

    *count = needed;
    if (needed > room)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    return needed && !entries ? NVML_ERROR_INVALID_ARGUMENT : NVML_SUCCESS;
}

/* The same for sessions, whose number may be asked for without room for any. */
static nvmlReturn_t check_session_room(unsigned *count, unsigned needed, const void *sessions, bool *ret_is_question)
{
    *ret_is_question = *count == 0;
    if (*ret_is_question) {
        *count = needed;
        return NVML_SUCCESS;
    }
    return check_room(count, needed, sessions);
}

nvmlReturn_t give_list(const struct entry *entry, unsigned type, unsigned *count, void *entries, size_t size)
{
    char *next = entries;
    nvmlReturn_t result;

    REQUIRE(count);
    result = check_room(count, count_processes(entry, type), entries);
    for (unsigned i = 0; result == NVML_SUCCESS && i < entry->device->process_count; i++) {
        const struct world_process *process = &entry->device->processes[i];
        unsigned instance = process->mig_instance < 0 ? NVML_NO_INSTANCE : (unsigned)process->mig_instance + 1;
        widest full = {.pid = process->pid,
                       .usedGpuMemory = process->used_memory,
                       .gpuInstanceId = instance,
                       .computeInstanceId = process->mig_instance < 0 ? NVML_NO_INSTANCE : 0};

        if (!has(entry, process, type))
            continue;
        memcpy(next, &full, size < sizeof(full) ? size : sizeof(full));
        next += size;
    }
    return result;
}

/* The drivers from 535.43 to before 535.86 had a wider entry in mind than their callers. Here the PIDs go wrong, and
 * nothing is written outside of the callers' memory. */
static nvmlReturn_t give_newest_list(const struct entry *entry, unsigned type, unsigned *count,
                                     nvmlProcessInfo_v2_t *entries)
{
    nvmlReturn_t result = give_list(entry, type, count, entries, sizeof(*entries));
    unsigned major = 0, minor = 0;

    sscanf(entry->world->driver_version, "%u.%u", &major, &minor);
    if (result != NVML_SUCCESS || major != 535 || minor < 43 || minor >= 86)
        return result;
    for (unsigned i = 1; i < *count; i++)
        entries[i] = (nvmlProcessInfo_v2_t){.usedGpuMemory = entries[i].pid};
    return result;
}

#define PROCESS_LISTS(name, type)                                                                                      \
    nvmlReturn_t name(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v1_t *processes)                           \
    {                                                                                                                  \
        ENTER_DEVICE(device);                                                                                          \
        return give_list(&entry, type, count, processes, sizeof(*processes));                                          \
    }                                                                                                                  \
    nvmlReturn_t name##_v2(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *processes)                      \
    {                                                                                                                  \
        ENTER_DEVICE(device);                                                                                          \
        return give_list(&entry, type, count, processes, sizeof(*processes));                                          \
    }                                                                                                                  \
    nvmlReturn_t name##_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_v2_t *processes)                      \
    {                                                                                                                  \
        ENTER_DEVICE(device);                                                                                          \
        return give_newest_list(&entry, type, count, processes);                                                       \
    }

PROCESS_LISTS(nvmlDeviceGetComputeRunningProcesses, NVML_PROCESS_COMPUTE)
PROCESS_LISTS(nvmlDeviceGetGraphicsRunningProcesses, NVML_PROCESS_GRAPHICS)
PROCESS_LISTS(nvmlDeviceGetMPSComputeRunningProcesses, NVML_PROCESS_MPS)

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_t *list)
{
    ENTER_DEVICE(device);
    REQUIRE(list && list->mode <= NVML_PROCESS_MPS);
    if (list->version != NVML_STRUCT_VERSION(nvmlProcessDetailList_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return give_list(&entry, list->mode, &list->numProcArrayEntries, list->procArray, sizeof(widest));
}

static unsigned long long now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned *count, unsigned long long last_seen)
{
    nvmlReturn_t result;

    (void)last_seen; /* there is always something new */
    ENTER_DEVICE(device);
    REQUIRE(count);
    if (!entry.device->process_count)
        return NVML_ERROR_NOT_FOUND;
    result = check_room(count, entry.device->process_count, samples);
    for (unsigned i = 0; result == NVML_SUCCESS && i < entry.device->process_count; i++)
        samples[i] = (nvmlProcessUtilizationSample_t){.pid = entry.device->processes[i].pid,
                                                      .timeStamp = now_us(),
                                                      .smUtil = entry.device->processes[i].utilization};
    return result;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_t *info)
{
    nvmlReturn_t result;

    ENTER_DEVICE(device);
    REQUIRE(info);
    if (info->version != NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (!entry.device->process_count)
        return NVML_ERROR_NOT_FOUND;
    result = check_room(&info->processSamplesCount, entry.device->process_count, info->procUtilArray);
    for (unsigned i = 0; result == NVML_SUCCESS && i < entry.device->process_count; i++)
        info->procUtilArray[i] = (nvmlProcessUtilizationInfo_v1_t){.pid = entry.device->processes[i].pid,
                                                                   .timeStamp = now_us(),
                                                                   .smUtil = entry.device->processes[i].utilization};
    return result;
}

nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned *count, unsigned *pids)
{
    nvmlReturn_t result;

    ENTER_DEVICE(device);
    REQUIRE(count);
    result = check_room(count, entry.device->process_count, pids);
    for (unsigned i = 0; result == NVML_SUCCESS && i < entry.device->process_count; i++)
        pids[i] = entry.device->processes[i].pid;
    return result;
}

nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t device, unsigned pid, nvmlAccountingStats_t *stats)
{
    ENTER_DEVICE(device);
    REQUIRE(stats);
    for (unsigned i = 0; i < entry.device->process_count; i++) {
        const struct world_process *process = &entry.device->processes[i];

        if (process->pid == pid) {
            *stats = (nvmlAccountingStats_t){
                .gpuUtilization = process->utilization, .maxMemoryUsage = process->used_memory, .isRunning = 1};
            return NVML_SUCCESS;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t device, unsigned *count, nvmlEncoderSessionInfo_t *sessions)
{
    unsigned needed = 0, given = 0;
    nvmlReturn_t result;
    bool is_question;

    ENTER_DEVICE(device);
    REQUIRE(count);
    for (unsigned i = 0; i < entry.device->process_count; i++)
        needed += entry.device->processes[i].encoder;
    result = check_session_room(count, needed, sessions, &is_question);
    for (unsigned i = 0; !is_question && result == NVML_SUCCESS && i < entry.device->process_count; i++) {
        const struct world_process *process = &entry.device->processes[i];

        if (process->encoder)
            sessions[given++] = (nvmlEncoderSessionInfo_t){.sessionId = i + 1, .pid = process->pid};
    }
    return result;
}

nvmlReturn_t nvmlDeviceGetFBCSessions(nvmlDevice_t device, unsigned *count, nvmlFBCSessionInfo_t *sessions)
{
    unsigned needed = 0, given = 0;
    nvmlReturn_t result;
    bool is_question;

    ENTER_DEVICE(device);
    REQUIRE(count);
    for (unsigned i = 0; i < entry.device->process_count; i++)
        needed += entry.device->processes[i].capture;
    result = check_session_room(count, needed, sessions, &is_question);
    for (unsigned i = 0; !is_question && result == NVML_SUCCESS && i < entry.device->process_count; i++) {
        const struct world_process *process = &entry.device->processes[i];

        if (process->capture)
            sessions[given++] = (nvmlFBCSessionInfo_t){.sessionId = i + 1, .pid = process->pid};
    }
    return result;
}

/* There are no virtual machines. */
nvmlReturn_t nvmlDeviceGetVgpuProcessUtilization(nvmlDevice_t device, unsigned long long last_seen, unsigned *count,
                                                 void *samples);
nvmlReturn_t nvmlDeviceGetVgpuProcessUtilization(nvmlDevice_t device, unsigned long long last_seen, unsigned *count,
                                                 void *samples)
{
    (void)last_seen;
    (void)samples;
    ENTER_DEVICE(device);
    REQUIRE(count);
    *count = 0;
    return NVML_SUCCESS;
}
