/* The simulated NVML's functions about one device. */
#include <string.h>

#include "library.h"

/* A function that gives a whole number; a negative one is what the device does not support. */
#define DEVICE_NUMBER(function, value, number)                                                                         \
    nvmlReturn_t function(nvmlDevice_t device, unsigned *value)                                                        \
    {                                                                                                                  \
        ENTER_DEVICE(device);                                                                                          \
        REQUIRE(value);                                                                                                \
        if ((number) < 0)                                                                                              \
            return NVML_ERROR_NOT_SUPPORTED;                                                                           \
        *value = (unsigned)(number);                                                                                   \
        return NVML_SUCCESS;                                                                                           \
    }

DEVICE_NUMBER(nvmlDeviceGetMinorNumber, minor, entry.device->minor)
DEVICE_NUMBER(nvmlDeviceGetPowerUsage, milliwatts, entry.device->power)
DEVICE_NUMBER(nvmlDeviceGetEnforcedPowerLimit, milliwatts, entry.device->power_limit)
DEVICE_NUMBER(nvmlDeviceGetPowerManagementLimit, milliwatts, entry.device->power_limit)
DEVICE_NUMBER(nvmlDeviceGetPersistenceMode, mode, entry.device->persistence)
DEVICE_NUMBER(nvmlDeviceIsMigDeviceHandle, is_mig, entry.mig_instance < 0 ? 0 : 1)
DEVICE_NUMBER(nvmlDeviceGetMaxMigDeviceCount, count, entry.device->mig ? 7 : 0)
DEVICE_NUMBER(nvmlDeviceGetIndex, index,
              entry.mig_instance >= 0 ? entry.mig_instance : (int)(entry.device - entry.world->devices))
DEVICE_NUMBER(nvmlDeviceGetGpuInstanceId, id, entry.mig_instance < 0 ? -1 : entry.mig_instance + 1)
DEVICE_NUMBER(nvmlDeviceGetComputeInstanceId, id, entry.mig_instance < 0 ? -1 : 0)
/* What every device of the simulation is like. */
DEVICE_NUMBER(nvmlDeviceGetBrand, brand, 0)
DEVICE_NUMBER(nvmlDeviceGetArchitecture, architecture, 9)
DEVICE_NUMBER(nvmlDeviceGetComputeMode, mode, 0)
DEVICE_NUMBER(nvmlDeviceGetDisplayMode, mode, 0)
DEVICE_NUMBER(nvmlDeviceGetDisplayActive, active, 0)
DEVICE_NUMBER(nvmlDeviceGetPerformanceState, state, 0)
DEVICE_NUMBER(nvmlDeviceGetPowerState, state, 0)
DEVICE_NUMBER(nvmlDeviceGetAccountingMode, mode, 1)
DEVICE_NUMBER(nvmlDeviceGetAccountingBufferSize, size, 4000)

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length)
{
    ENTER_DEVICE(device);
    return give_text(entry.device->name, name, length);
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned length)
{
    ENTER_DEVICE(device);
    return *entry.device->serial ? give_text(entry.device->serial, serial, length) : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length)
{
    ENTER_DEVICE(device);
    return give_text(entry.mig_instance >= 0 ? entry.device->mig_instances[entry.mig_instance] : entry.device->uuid,
                     uuid, length);
}

/* Before _v3 the structure ended ahead of busId: nothing may be written there. */
static nvmlReturn_t give_older_pci_info(const struct world_device *device, nvmlPciInfo_t *info)
{
    REQUIRE(info);
    memcpy(info, &device->pci, offsetof(nvmlPciInfo_t, busId));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t *info)
{
    ENTER_DEVICE(device);
    return give_older_pci_info(entry.device, info);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t *info)
{
    ENTER_DEVICE(device);
    return give_older_pci_info(entry.device, info);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *info)
{
    ENTER_DEVICE(device);
    REQUIRE(info);
    *info = entry.device->pci;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_v1_t *info)
{
    const nvmlPciInfo_t *pci;

    ENTER_DEVICE(device);
    REQUIRE(info);
    pci = &entry.device->pci;
    info->domain = pci->domain;
    info->bus = pci->bus;
    info->device = pci->device;
    info->pciDeviceId = pci->pciDeviceId;
    info->pciSubSystemId = pci->pciSubSystemId;
    info->baseClass = 3; /* a display controller, */
    info->subClass = 2;  /* for computing */
    memcpy(info->busId, pci->busId, sizeof(info->busId));
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    ENTER_DEVICE(device);
    REQUIRE(major && minor);
    *major = entry.device->compute_capability[0];
    *minor = entry.device->compute_capability[1];
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    ENTER_DEVICE(device);
    REQUIRE(current && pending);
    *current = *pending = (unsigned)entry.device->mig;
    return NVML_SUCCESS;
}

/* Of a device, or of one of its instances, which have equal parts. */
static nvmlMemory_v2_t memory_of(const struct entry *entry)
{
    const struct world_device *device = entry->device;
    nvmlMemory_v2_t memory = {.total = device->total_memory, .reserved = device->reserved_memory};

    memory.used = device->used_memory;
    if (entry->mig_instance >= 0) {
        memory.total /= device->mig_instance_count;
        memory.reserved = memory.used = 0;
        for (unsigned i = 0; i < device->process_count; i++) {
            if (device->processes[i].mig_instance == entry->mig_instance &&
                device->processes[i].used_memory != NVML_VALUE_NOT_AVAILABLE)
                memory.used += device->processes[i].used_memory;
        }
    }
    if (memory.total > memory.reserved + memory.used)
        memory.free = memory.total - memory.reserved - memory.used;
    return memory;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    nvmlMemory_v2_t figures;

    ENTER_DEVICE(device);
    REQUIRE(memory);
    if (entry.device->unified_memory)
        return NVML_ERROR_NOT_SUPPORTED;
    figures = memory_of(&entry);
    *memory = (nvmlMemory_t){.total = figures.total, .free = figures.free, .used = figures.used + figures.reserved};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    unsigned version;

    ENTER_DEVICE(device);
    REQUIRE(memory);
    version = memory->version;
    if (version != NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (entry.device->unified_memory)
        return NVML_ERROR_NOT_SUPPORTED;
    *memory = memory_of(&entry);
    memory->version = version;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t *memory)
{
    ENTER_DEVICE(device);
    REQUIRE(memory);
    if (entry.device->unified_memory)
        return NVML_ERROR_NOT_SUPPORTED;
    *memory = (nvmlBAR1Memory_t){.total = entry.device->total_memory, .free = entry.device->total_memory};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization)
{
    ENTER_DEVICE(device);
    REQUIRE(utilization);
    if (entry.device->utilization < 0 || entry.device->mig)
        return NVML_ERROR_NOT_SUPPORTED;
    *utilization = (nvmlUtilization_t){.gpu = (unsigned)entry.device->utilization,
                                       .memory = (unsigned)entry.device->memory_utilization};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *degrees)
{
    ENTER_DEVICE(device);
    REQUIRE(degrees && sensor == NVML_TEMPERATURE_GPU);
    if (entry.device->temperature < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    *degrees = (unsigned)entry.device->temperature;
    return NVML_SUCCESS;
}
