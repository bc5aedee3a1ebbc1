/* The simulated NVML's functions about the machine, and those that find devices. */
#include <string.h>
#include <strings.h>

#include "base/proc.h"
#include "base/text.h"
#include "library.h"

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    ENTER();
    return give_text(entry.world->driver_version, version, length);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length)
{
    ENTER();
    return give_text(entry.world->nvml_version, version, length);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    ENTER();
    REQUIRE(version);
    *version = entry.world->cuda_version;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    ENTER();
    REQUIRE(version);
    *version = entry.world->cuda_version;
    return NVML_SUCCESS;
}

static const struct world_process *find_process(const struct world *world, unsigned pid)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        for (unsigned j = 0; j < world->devices[i].process_count; j++) {
            if (world->devices[i].processes[j].pid == pid)
                return &world->devices[i].processes[j];
        }
    }
    return NULL;
}

bool give_process_name(const struct world *world, unsigned pid, char *name, size_t size)
{
    const struct world_process *process = find_process(world, pid);

    *name = 0;
    if (process && process->name)
        copy_string(name, size, process->name);
    else if (process)
        proc_command((pid_t)pid, name, size);
    return *name;
}

nvmlReturn_t nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length)
{
    ENTER();
    REQUIRE(name && length);
    return give_process_name(entry.world, pid, name, length) ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlUnitGetCount(unsigned *count)
{
    ENTER();
    REQUIRE(count);
    *count = 0;
    return NVML_SUCCESS;
}

static nvmlReturn_t count_excluded(const struct world *world, unsigned *count)
{
    REQUIRE(count);
    *count = (unsigned)json_array_size(world->excluded);
    return NVML_SUCCESS;
}

static nvmlReturn_t give_excluded(const struct world *world, unsigned index, nvmlExcludedDeviceInfo_t *info)
{
    const char *uuid = json_string_value(json_array_get(world->excluded, index));

    REQUIRE(uuid && info);
    *info = (nvmlExcludedDeviceInfo_t){.uuid = ""};
    return give_text(uuid, info->uuid, sizeof(info->uuid));
}

nvmlReturn_t nvmlGetExcludedDeviceCount(unsigned *count)
{
    ENTER();
    return count_excluded(entry.world, count);
}

nvmlReturn_t nvmlGetExcludedDeviceInfoByIndex(unsigned index, nvmlExcludedDeviceInfo_t *info)
{
    ENTER();
    return give_excluded(entry.world, index, info);
}

/* Their former names. */
nvmlReturn_t nvmlGetBlacklistDeviceCount(unsigned *count)
{
    ENTER();
    return count_excluded(entry.world, count);
}

nvmlReturn_t nvmlGetBlacklistDeviceInfoByIndex(unsigned index, nvmlExcludedDeviceInfo_t *info)
{
    ENTER();
    return give_excluded(entry.world, index, info);
}

nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
    ENTER();
    REQUIRE(count);
    *count = entry.world->device_count;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER();
    REQUIRE(count);
    *count = entry.world->device_count;
    return NVML_SUCCESS;
}

/* @device NULL: there is none of that kind. */
static nvmlReturn_t give_device(const struct world_device *device, const char *function, nvmlDevice_t *handle)
{
    nvmlReturn_t result;

    if (!device)
        return NVML_ERROR_NOT_FOUND;
    result = device->handle != NVML_SUCCESS ? device->handle : world_result(device->results, function);
    return result != NVML_SUCCESS ? result : give_handle(device->uuid, handle);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(device && index < entry.world->device_count);
    return give_device(&entry.world->devices[index], __func__, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(device && index < entry.world->device_count);
    return give_device(&entry.world->devices[index], __func__, device);
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(serial && device);
    for (unsigned i = 0; i < entry.world->device_count; i++) {
        if (*serial && strcmp(entry.world->devices[i].serial, serial) == 0)
            return give_device(&entry.world->devices[i], __func__, device);
    }
    return NVML_ERROR_NOT_FOUND;
}

static nvmlReturn_t give_device_by_uuid(const struct world *world, const char *uuid, const char *function,
                                        nvmlDevice_t *handle)
{
    for (unsigned i = 0; i < world->device_count; i++) {
        const struct world_device *device = &world->devices[i];

        if (strcasecmp(device->uuid, uuid) == 0)
            return give_device(device, function, handle);
        for (unsigned j = 0; j < device->mig_instance_count; j++) {
            if (strcasecmp(device->mig_instances[j], uuid) == 0)
                return give_handle(device->mig_instances[j], handle);
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(uuid && device);
    return give_device_by_uuid(entry.world, uuid, __func__, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUIDV(const nvmlUUID_t *uuid, nvmlDevice_t *device)
{
    char text[41];

    ENTER();
    REQUIRE(uuid && device);
    if (uuid->version != NVML_STRUCT_VERSION(nvmlUUID_t, 1))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (uuid->type == NVML_UUID_TYPE_ASCII) {
        copy_string(text, sizeof(text), uuid->value.str);
    } else {
        const unsigned char *b = uuid->value.bytes;

        REQUIRE(uuid->type == NVML_UUID_TYPE_BINARY);
        snprintf(text, sizeof(text), "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    }
    return give_device_by_uuid(entry.world, text, __func__, device);
}

static nvmlReturn_t give_device_by_bus_id(const struct world *world, const char *bus_id, const char *function,
                                          nvmlDevice_t *handle)
{
    unsigned domain, bus, device, number;

    /* The function, and the domain, may be left out. */
    if (sscanf(bus_id, "%x:%x:%x.%x", &domain, &bus, &device, &number) < 3) {
        domain = 0;
        if (sscanf(bus_id, "%x:%x.%x", &bus, &device, &number) < 2)
            return NVML_ERROR_INVALID_ARGUMENT;
    }
    for (unsigned i = 0; i < world->device_count; i++) {
        const nvmlPciInfo_t *pci = &world->devices[i].pci;

        if (pci->domain == domain && pci->bus == bus && pci->device == device)
            return give_device(&world->devices[i], function, handle);
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *bus_id, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(bus_id && device);
    return give_device_by_bus_id(entry.world, bus_id, __func__, device);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
    ENTER();
    REQUIRE(bus_id && device);
    return give_device_by_bus_id(entry.world, bus_id, __func__, device);
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig_device)
{
    ENTER_DEVICE(device);
    REQUIRE(mig_device && entry.mig_instance < 0);
    if (!entry.device->mig || index >= entry.device->mig_instance_count)
        return NVML_ERROR_NOT_FOUND;
    return give_handle(entry.device->mig_instances[index], mig_device);
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig_device, nvmlDevice_t *device)
{
    ENTER_DEVICE(mig_device);
    REQUIRE(device && entry.mig_instance >= 0);
    return give_handle(entry.device->uuid, device);
}

/* Everything hangs on one CPU and one bridge. */
static nvmlReturn_t give_devices(const struct world *world, const struct world_device *except, unsigned *count,
                                 nvmlDevice_t *devices)
{
    unsigned room = *count, found = 0;

    for (unsigned i = 0; i < world->device_count; i++) {
        if (&world->devices[i] == except || world->devices[i].handle != NVML_SUCCESS)
            continue;
        if (devices && found < room && give_handle(world->devices[i].uuid, &devices[found]) != NVML_SUCCESS)
            return NVML_ERROR_MEMORY;
        found++;
    }
    *count = found;
    return devices && found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetTopologyGpuSet(unsigned cpu, unsigned *count, nvmlDevice_t *devices)
{
    (void)cpu;
    ENTER();
    REQUIRE(count);
    return give_devices(entry.world, NULL, count, devices);
}

nvmlReturn_t nvmlDeviceGetTopologyNearestGpus(nvmlDevice_t device, unsigned level, unsigned *count,
                                              nvmlDevice_t *devices)
{
    ENTER_DEVICE(device);
    REQUIRE(count);
    if (level != NVML_TOPOLOGY_SYSTEM) {
        *count = 0;
        return NVML_SUCCESS;
    }
    return give_devices(entry.world, entry.device, count, devices);
}

nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t one, nvmlDevice_t other, unsigned *level)
{
    ENTER_DEVICE(one);
    REQUIRE(level);
    *level = one == other ? NVML_TOPOLOGY_INTERNAL : NVML_TOPOLOGY_SYSTEM;
    return NVML_SUCCESS;
}
