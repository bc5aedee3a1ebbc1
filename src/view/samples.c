/* NVML's other functions that tell of processes: details, utilisation, accounting, sessions, names. */
#include "view/devices.h"
#include "view/processes.h"

/* The arguments of these functions. */
struct sample_request {
    nvmlDevice_t device;
    unsigned mode;
    unsigned long long last_seen;
};

/* Utilisation without any sample is no success. */
static nvmlReturn_t give_samples(const struct list_source *source, nvmlDevice_t device, unsigned *count, void *entries)
{
    nvmlReturn_t result = processes_give(source, device, count, entries);

    return result == NVML_SUCCESS && *count == 0 ? NVML_ERROR_NOT_FOUND : result;
}

static nvmlReturn_t fetch_details(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *details = request;
    nvmlProcessDetailList_t list = {.version = NVML_STRUCT_VERSION(nvmlProcessDetailList_t, 1),
                                    .mode = details->mode,
                                    .numProcArrayEntries = *count,
                                    .procArray = entries};
    nvmlReturn_t result = BACKEND(nvmlDeviceGetRunningProcessDetailList)(details->device, &list);

    *count = list.numProcArrayEntries;
    return result;
}

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_t *list)
{
    ENTER();
    if (scene.shows_everything || !list || !backend_has(ENTRY_nvmlDeviceGetRunningProcessDetailList))
        return BACKEND(nvmlDeviceGetRunningProcessDetailList)(device, list);
    if (list->version != NVML_STRUCT_VERSION(nvmlProcessDetailList_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return processes_give(
        &(struct list_source){.scene = &scene,
                              .fetch = fetch_details,
                              .request = &(struct sample_request){.device = device, .mode = list->mode},
                              .entry_size = sizeof(nvmlProcessDetail_v1_t),
                              .pid_offset = offsetof(nvmlProcessDetail_v1_t, pid)},
        device, &list->numProcArrayEntries, list->procArray);
}

static nvmlReturn_t fetch_utilization(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *sample = request;

    return BACKEND(nvmlDeviceGetProcessUtilization)(sample->device, entries, count, sample->last_seen);
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned *count, unsigned long long last_seen)
{
    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetProcessUtilization)(device, samples, count, last_seen);
    return give_samples(
        &(struct list_source){.scene = &scene,
                              .fetch = fetch_utilization,
                              .request = &(struct sample_request){.device = device, .last_seen = last_seen},
                              .entry_size = sizeof(*samples),
                              .pid_offset = offsetof(nvmlProcessUtilizationSample_t, pid)},
        device, count, samples);
}

static nvmlReturn_t fetch_utilization_info(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *sample = request;
    nvmlProcessesUtilizationInfo_t info = {.version = NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_t, 1),
                                           .processSamplesCount = *count,
                                           .lastSeenTimeStamp = sample->last_seen,
                                           .procUtilArray = entries};
    nvmlReturn_t result = BACKEND(nvmlDeviceGetProcessesUtilizationInfo)(sample->device, &info);

    *count = info.processSamplesCount;
    return result;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_t *info)
{
    ENTER();
    if (scene.shows_everything || !info || !backend_has(ENTRY_nvmlDeviceGetProcessesUtilizationInfo))
        return BACKEND(nvmlDeviceGetProcessesUtilizationInfo)(device, info);
    if (info->version != NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return give_samples(&(struct list_source){.scene = &scene,
                                              .fetch = fetch_utilization_info,
                                              .request = &(struct sample_request){.device = device,
                                                                                  .last_seen = info->lastSeenTimeStamp},
                                              .entry_size = sizeof(nvmlProcessUtilizationInfo_v1_t),
                                              .pid_offset = offsetof(nvmlProcessUtilizationInfo_v1_t, pid)},
                        device, &info->processSamplesCount, info->procUtilArray);
}

static nvmlReturn_t fetch_accounting_pids(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *sample = request;

    return BACKEND(nvmlDeviceGetAccountingPids)(sample->device, count, entries);
}

/* Processes that have ended can't be judged any more: they are not shown. */
nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned *count, unsigned *pids)
{
    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetAccountingPids)(device, count, pids);
    return processes_give(&(struct list_source){.scene = &scene,
                                                .fetch = fetch_accounting_pids,
                                                .request = &(struct sample_request){.device = device},
                                                .entry_size = sizeof(*pids)},
                          device, count, pids);
}

static bool shows_process(const struct scene *scene, unsigned pid)
{
    return scene->shows_everything || (scene_has_process(scene, pid) && processes_are_ours());
}

nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t device, unsigned pid, nvmlAccountingStats_t *stats)
{
    nvmlReturn_t result;

    ENTER();
    if (!backend_has(ENTRY_nvmlDeviceGetAccountingStats))
        return BACKEND(nvmlDeviceGetAccountingStats)(device, pid, stats);
    result = devices_check(&scene, device);
    if (result != NVML_SUCCESS)
        return result;
    return shows_process(&scene, pid) ? BACKEND(nvmlDeviceGetAccountingStats)(device, pid, stats)
                                      : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length)
{
    ENTER();
    if (!backend_has(ENTRY_nvmlSystemGetProcessName) || shows_process(&scene, pid))
        return BACKEND(nvmlSystemGetProcessName)(pid, name, length);
    return NVML_ERROR_NOT_FOUND;
}

static nvmlReturn_t fetch_encoder_sessions(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *sample = request;

    return BACKEND(nvmlDeviceGetEncoderSessions)(sample->device, count, entries);
}

nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t device, unsigned *count, nvmlEncoderSessionInfo_t *sessions)
{
    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetEncoderSessions)(device, count, sessions);
    return processes_give(&(struct list_source){.scene = &scene,
                                                .fetch = fetch_encoder_sessions,
                                                .request = &(struct sample_request){.device = device},
                                                .entry_size = sizeof(*sessions),
                                                .pid_offset = offsetof(nvmlEncoderSessionInfo_t, pid),
                                                .may_be_counted = true},
                          device, count, sessions);
}

static nvmlReturn_t fetch_capture_sessions(const void *request, unsigned *count, void *entries)
{
    const struct sample_request *sample = request;

    return BACKEND(nvmlDeviceGetFBCSessions)(sample->device, count, entries);
}

nvmlReturn_t nvmlDeviceGetFBCSessions(nvmlDevice_t device, unsigned *count, nvmlFBCSessionInfo_t *sessions)
{
    ENTER();
    if (scene.shows_everything)
        return BACKEND(nvmlDeviceGetFBCSessions)(device, count, sessions);
    return processes_give(&(struct list_source){.scene = &scene,
                                                .fetch = fetch_capture_sessions,
                                                .request = &(struct sample_request){.device = device},
                                                .entry_size = sizeof(*sessions),
                                                .pid_offset = offsetof(nvmlFBCSessionInfo_t, pid),
                                                .may_be_counted = true},
                          device, count, sessions);
}
