/* NVIDIA's devices, through NVML. A device is known by its UUID; its index is only where this open found it. */
#include "driver/driver.h"

#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/text.h"
#include "driver/nvidia.h"
#include "driver/nvml_library.h"
#include "driver/nvml_processes.h"

struct nvml_handle {
    nvmlReturn_t result; /* of asking for it */
    nvmlDevice_t handle;
    char uuid[GENV_UUID_SIZE];
};

struct nvml {
    struct driver driver;
    struct nvml_library library;
    struct nvml_handle *handles; /* by index, of the last enumerate(); NULL before the first */
    unsigned count;
};

static const struct genv_sample unknown_sample = {.used_memory = GENV_UNKNOWN_U64,
                                                  .utilization = GENV_UNKNOWN_INT,
                                                  .temperature = GENV_UNKNOWN_INT,
                                                  .power_mw = GENV_UNKNOWN_INT};

static bool is_lost(nvmlReturn_t result)
{
    return result == NVML_ERROR_GPU_IS_LOST || result == NVML_ERROR_RESET_REQUIRED;
}

static enum genv_device_state state_of(nvmlReturn_t result)
{
    if (result == NVML_SUCCESS)
        return GENV_DEVICE_OK;
    if (is_lost(result))
        return GENV_DEVICE_LOST;
    return result == NVML_ERROR_NO_PERMISSION ? GENV_DEVICE_FORBIDDEN : GENV_DEVICE_FAILED;
}

static int driver_error(const struct nvml_library *library, nvmlReturn_t result, struct genv_error *err)
{
    switch (result) {
    case NVML_ERROR_DRIVER_NOT_LOADED:
    case NVML_ERROR_LIBRARY_NOT_FOUND:
        if (nvidia_is_wsl())
            return error_set(err, ENODEV, NVIDIA_WSL_ABSENT);
        return error_set(err, ENODEV,
                         "the NVIDIA driver is not loaded: load it (modprobe nvidia) or install it, or simulate "
                         "devices with GENV_DEVICES=4");
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return error_set(
            err, EIO,
            "the NVIDIA driver's library and kernel module have different versions: reload the module or reboot");
    case NVML_ERROR_NO_PERMISSION:
        return error_set(err, EACCES,
                         "no permission to use the NVIDIA driver: check the permissions of /dev/nvidiactl");
    case NVML_ERROR_MEMORY:
        return error_no_memory(err);
    default:
        return error_set(err, EIO, "the NVIDIA driver failed: %s (NVML error %d)", nvml_library_reason(library, result),
                         result);
    }
}

/* Looks all handles up anew: the order may have changed since the last time. */
static int enumerate(struct nvml *nvml, struct genv_error *err)
{
    const struct nvml_library *library = &nvml->library;
    struct nvml_handle *handles;
    unsigned count = 0;
    nvmlReturn_t result = library->device_count(&count);

    if (result != NVML_SUCCESS)
        return driver_error(library, result, err);
    handles = calloc(count ? count : 1, sizeof(*handles));
    if (!handles)
        return error_no_memory(err);
    for (unsigned i = 0; i < count; i++) {
        handles[i].result = library->handle_by_index(i, &handles[i].handle);
        if (handles[i].result == NVML_SUCCESS)
            handles[i].result = library->uuid(handles[i].handle, handles[i].uuid, sizeof(handles[i].uuid));
        handles[i].uuid[sizeof(handles[i].uuid) - 1] = '\0';
        utf8_make_printable(handles[i].uuid);
    }
    free(nvml->handles);
    nvml->handles = handles;
    nvml->count = count;
    return 0;
}

/* The handle of a device that works, or NULL. */
static const struct nvml_handle *find(struct nvml *nvml, const struct genv_device *device)
{
    if (!nvml->handles)
        enumerate(nvml, NULL);
    for (unsigned i = 0; nvml->handles && i < nvml->count; i++) {
        if (nvml->handles[i].result == NVML_SUCCESS && strcmp(nvml->handles[i].uuid, device->id.uuid) == 0)
            return &nvml->handles[i];
    }
    return NULL;
}

/* Total and used memory: _v2 leaves out what the driver keeps for itself, as nvidia-smi does. */
static nvmlReturn_t read_memory(const struct nvml_library *library, nvmlDevice_t handle, uint64_t *ret_total,
                                uint64_t *ret_used)
{
    nvmlMemory_v2_t memory_v2 = {.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)};
    nvmlMemory_t memory = {0};
    nvmlReturn_t result = NVML_CALL(library, memory_v2, handle, &memory_v2);

    if (result == NVML_SUCCESS) {
        memory = (nvmlMemory_t){.total = memory_v2.total, .used = memory_v2.used};
    } else if (!is_lost(result)) {
        result = NVML_CALL(library, memory_v1, handle, &memory);
    }
    if (result == NVML_SUCCESS) {
        *ret_total = memory.total;
        *ret_used = memory.used == NVML_VALUE_NOT_AVAILABLE ? GENV_UNKNOWN_U64 : memory.used;
    }
    return result;
}

static uint64_t machine_memory(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

/* A device that has no memory of its own uses the machine's, and so do programs without it: its processes alone say
 * how much of that it has. */
static uint64_t sum_of_processes(const struct nvml_library *library, nvmlDevice_t handle,
                                 const struct genv_device *device)
{
    cleanup_free struct driver_process *processes = NULL;
    uint64_t sum = 0;
    size_t count = 0;

    if (!nvml_tells_processes(library, handle) ||
        nvml_add_processes(library, handle, device, &processes, &count) != NVML_SUCCESS)
        return GENV_UNKNOWN_U64;
    for (size_t i = 0; i < count; i++) {
        if (processes[i].used_memory == GENV_UNKNOWN_U64)
            return GENV_UNKNOWN_U64;
        sum += processes[i].used_memory;
    }
    return sum;
}

static nvmlReturn_t read_bus_id(const struct nvml_library *library, nvmlDevice_t handle, char *bus_id, size_t size)
{
    nvmlPciInfo_t pci = {0};
    nvmlReturn_t result = NVML_CALL(library, pci_info_v3, handle, &pci);

    if (result == NVML_ERROR_FUNCTION_NOT_FOUND)
        result = NVML_CALL(library, pci_info_older, handle, &pci);
    if (result != NVML_SUCCESS)
        return result;
    pci.busId[sizeof(pci.busId) - 1] = '\0';
    utf8_make_printable(pci.busId);
    if (strchr(pci.busId, ':'))
        copy_string(bus_id, size, pci.busId);
    else /* before _v3 */
        snprintf(bus_id, size, "%08X:%02X:%02X.0", pci.domain, pci.bus, pci.device);
    return NVML_SUCCESS;
}

static void describe(const struct nvml *nvml, unsigned index, struct genv_device *device)
{
    const struct nvml_library *library = &nvml->library;
    const struct nvml_handle *handle = &nvml->handles[index];
    unsigned minor = 0, mig = 0, pending = 0;
    nvmlReturn_t bus, memory;
    uint64_t used;

    *device =
        (struct genv_device){.id.vendor = GENV_VENDOR_NVIDIA, .index = index, .minor = -1, .sample = unknown_sample};
    copy_string(device->id.uuid, sizeof(device->id.uuid), handle->uuid);
    device->state = state_of(handle->result);
    if (handle->result != NVML_SUCCESS)
        return;
    bus = read_bus_id(library, handle->handle, device->pci_bus_id, sizeof(device->pci_bus_id));
    memory = read_memory(library, handle->handle, &device->total_memory, &used);
    if (NVML_CALL(library, name, handle->handle, device->name, sizeof(device->name)) != NVML_SUCCESS ||
        !utf8_is_printable(device->name))
        copy_string(device->name, sizeof(device->name), "");
    if (NVML_CALL(library, minor_number, handle->handle, &minor) == NVML_SUCCESS)
        device->minor = (int)minor;
    if (NVML_CALL(library, mig_mode, handle->handle, &mig, &pending) == NVML_SUCCESS)
        device->mig = mig != 0;
    if (memory == NVML_ERROR_NOT_SUPPORTED && !device->mig) {
        device->unified_memory = true;
        device->total_memory = machine_memory();
    }
    if (memory == NVML_ERROR_NOT_SUPPORTED || memory == NVML_ERROR_FUNCTION_NOT_FOUND)
        memory = NVML_SUCCESS; /* that it does not tell is no failure */
    device->state = state_of(bus != NVML_SUCCESS ? bus : memory);
}

static int nvml_list(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err)
{
    struct nvml *nvml = (struct nvml *)driver;
    struct genv_device *devices;
    int r = enumerate(nvml, err);

    if (r < 0)
        return r;
    devices = calloc(nvml->count ? nvml->count : 1, sizeof(*devices));
    if (!devices)
        return error_no_memory(err);
    for (unsigned i = 0; i < nvml->count; i++)
        describe(nvml, i, &devices[i]);
    *ret_devices = devices;
    *ret_count = nvml->count;
    return 0;
}

static void nvml_sample(struct driver *driver, struct genv_device *device)
{
    struct nvml *nvml = (struct nvml *)driver;
    const struct nvml_library *library = &nvml->library;
    const struct nvml_handle *handle = find(nvml, device);
    nvmlUtilization_t utilization;
    unsigned temperature, power;
    uint64_t total;

    device->sample = unknown_sample;
    if (!handle)
        return;
    if (is_lost(read_memory(library, handle->handle, &total, &device->sample.used_memory))) {
        device->state = GENV_DEVICE_LOST;
        return;
    }
    if (device->unified_memory)
        device->sample.used_memory = sum_of_processes(library, handle->handle, device);
    if (NVML_CALL(library, utilization, handle->handle, &utilization) == NVML_SUCCESS && utilization.gpu <= 100)
        device->sample.utilization = (int)utilization.gpu;
    if (NVML_CALL(library, temperature, handle->handle, NVML_TEMPERATURE_GPU, &temperature) == NVML_SUCCESS)
        device->sample.temperature = (int)temperature;
    if (NVML_CALL(library, power, handle->handle, &power) == NVML_SUCCESS)
        device->sample.power_mw = power;
}

/* In MIG mode the whole device's list is for the privileged; everybody may read those of its instances. */
static nvmlReturn_t add_mig_processes(const struct nvml_library *library, nvmlDevice_t handle,
                                      const struct genv_device *device, struct driver_process **processes,
                                      size_t *count)
{
    size_t before = *count;
    unsigned instances = 0;
    nvmlReturn_t result = NVML_CALL(library, max_mig_devices, handle, &instances);

    for (unsigned i = 0; i < instances && result == NVML_SUCCESS; i++) {
        nvmlDevice_t instance;

        result = NVML_CALL(library, mig_handle_by_index, handle, i, &instance);
        if (result == NVML_SUCCESS)
            result = nvml_add_processes(library, instance, device, processes, count);
        else if (result == NVML_ERROR_NOT_FOUND)
            result = NVML_SUCCESS;
    }
    if (result != NVML_SUCCESS)
        *count = before;
    return result;
}

static int nvml_processes(struct driver *driver, const struct genv_device *device, struct driver_process **processes,
                          size_t *count, struct genv_error *err)
{
    struct nvml *nvml = (struct nvml *)driver;
    const struct nvml_handle *handle = find(nvml, device);
    nvmlReturn_t result;
    int code;

    if (!handle || device->state != GENV_DEVICE_OK)
        return 0;
    result = nvml_add_processes(&nvml->library, handle->handle, device, processes, count);
    if (result == NVML_ERROR_NO_PERMISSION && device->mig)
        result = add_mig_processes(&nvml->library, handle->handle, device, processes, count);
    if (result == NVML_SUCCESS)
        return 0;
    code = is_lost(result) ? ENODEV : result == NVML_ERROR_NO_PERMISSION ? EACCES : EIO;
    return error_set(err, code, "%s", nvml_library_reason(&nvml->library, result));
}

static bool nvml_knows_processes(struct driver *driver, const struct genv_device *device)
{
    struct nvml *nvml = (struct nvml *)driver;
    const struct nvml_handle *handle = find(nvml, device);

    return !handle || nvml_tells_processes(&nvml->library, handle->handle);
}

static void nvml_close(struct driver *driver)
{
    struct nvml *nvml = (struct nvml *)driver;

    nvml->library.shutdown();
    nvml_library_close(&nvml->library);
    free(nvml->handles);
    free(nvml);
}

static void read_version(struct nvml *nvml)
{
    struct nvml_library *library = &nvml->library;
    char *version = nvml->driver.version;

    if (NVML_CALL(library, driver_version, version, sizeof(nvml->driver.version)) != NVML_SUCCESS)
        copy_string(version, sizeof(nvml->driver.version), "");
    version[sizeof(nvml->driver.version) - 1] = '\0';
    utf8_make_printable(version);
    if (nvml_version_has_wrong_v3(version))
        library->compute.v3 = library->graphics.v3 = library->mps.v3 = NULL;
}

static int nvml_open(struct driver **ret_driver, struct genv_error *err)
{
    cleanup_free struct nvml *nvml = calloc(1, sizeof(*nvml));
    nvmlReturn_t result;
    int r;

    if (!nvml)
        return error_no_memory(err);
    nvml->driver.ops = &driver_nvml;
    r = nvml_library_open(&nvml->library, err);
    if (r < 0)
        return r;
    result = nvml->library.init();
    if (result != NVML_SUCCESS) {
        r = driver_error(&nvml->library, result, err);
        nvml_library_close(&nvml->library);
        return r;
    }
    read_version(nvml);
    *ret_driver = &STEAL_POINTER(nvml)->driver;
    return 0;
}

static int nvml_fingerprint(uint64_t *ret_fingerprint)
{
    if (nvidia_fingerprint(NVIDIA_KERNEL_DIRECTORY, NVIDIA_NODES, ret_fingerprint) == 0)
        return 0;
    return nvidia_is_wsl() ? nvidia_wsl_fingerprint(NVIDIA_WSL_NODE, NVIDIA_WSL_LIBRARY, ret_fingerprint) : -ENOENT;
}

const struct driver_ops driver_nvml = {
    .name = "nvml",
    .words = &nvidia_words,
    .fingerprint = nvml_fingerprint,
    .open = nvml_open,
    .list = nvml_list,
    .sample = nvml_sample,
    .add_processes = nvml_processes,
    .knows_processes = nvml_knows_processes,
    .close = nvml_close,
};
