/* The private table of functions that nvidia-smi asks for and can't do without; README.md lists what is known of it.
 * NVIDIA documents none of it: what stands here was seen at the interface of nvidia-smi 535 and 550. */
#include <stdint.h>
#include <string.h>

#include "library.h"

#define SLOT_COUNT 272 /* more than any known table has */
/* Levels here are 0 PIX, 1 PXB, 2 PHB, 3 NODE, 4 SYS, and from 5 on NVLinks. Everything is as flat as in system.c. */
#define PRIVATE_TOPOLOGY_SYSTEM 4
#define HANDLER(fn)             ((void (*)(void))(fn))

/* Of unsupported.c. */
nvmlReturn_t nvmlDeviceGetGpuOperationMode(void);
nvmlReturn_t nvmlDeviceSetGpuOperationMode(void);
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(void);
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(void);
nvmlReturn_t nvmlDeviceSetPowerManagementLimit(void);
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(void);
nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(void);
nvmlReturn_t nvmlDeviceGetBoardPartNumber(void);

/* The first 16 bytes of what nvidia-smi passes; no other table is known. */
static const unsigned char table_guid[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e,
                                             0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};

struct private_process {
    nvmlProcessDetail_v1_t detail;
    char name[4096];
};

_Static_assert(sizeof(struct private_process) == PRIVATE_ENTRY_SIZE, "layout of the private table's processes");

static union {
    uintptr_t size; /* of the table, in bytes: slot 0 */
    void (*handler)(void);
} table[SLOT_COUNT];

static nvmlReturn_t private_common_ancestor(const char *bus_id, const char *other_bus_id, unsigned *level)
{
    ENTER();
    REQUIRE(bus_id && other_bus_id && level);
    *level = PRIVATE_TOPOLOGY_SYSTEM;
    return NVML_SUCCESS;
}

static nvmlReturn_t private_is_monitorable(nvmlDevice_t device, unsigned *is_monitorable)
{
    ENTER_DEVICE(device);
    REQUIRE(is_monitorable);
    *is_monitorable = 1;
    return NVML_SUCCESS;
}

/* Writes no more than the text and its end: the drivers 535, 550 and 580 leave the rest as it is. */
static nvmlReturn_t private_bus_id(unsigned index, char *bus_id, unsigned size)
{
    nvmlPciInfo_t pci = {.domain = 0};
    nvmlDevice_t device;
    nvmlReturn_t result = nvmlDeviceGetHandleByIndex_v2(index, &device);

    REQUIRE(bus_id);
    if (result == NVML_SUCCESS)
        result = nvmlDeviceGetPciInfo_v3(device, &pci);
    if (result != NVML_SUCCESS)
        return result;
    return (unsigned)snprintf(bus_id, size, "%04X:%02X:%02X.0", pci.domain, pci.bus, pci.device) < size
               ? NVML_SUCCESS
               : NVML_ERROR_INSUFFICIENT_SIZE;
}

/* Entries are as far apart as the file says: wider ones have something unknown at their end. */
static nvmlReturn_t give_private_list(const struct entry *entry, unsigned type, unsigned *count, void *processes)
{
    size_t size = (size_t)entry->world->private_entry_size;
    nvmlReturn_t result = give_list(entry, type, count, processes, size);

    for (unsigned i = 0; result == NVML_SUCCESS && i < *count; i++) {
        struct private_process *process = (struct private_process *)((char *)processes + i * size);

        give_process_name(entry->world, process->detail.pid, process->name, sizeof(process->name));
    }
    return result;
}

#define PRIVATE_LIST(function, type)                                                                                   \
    static nvmlReturn_t function(nvmlDevice_t device, unsigned *count, void *processes)                                \
    {                                                                                                                  \
        ENTER_DEVICE(device);                                                                                          \
        return give_private_list(&entry, type, count, processes);                                                      \
    }

PRIVATE_LIST(private_compute_processes, NVML_PROCESS_COMPUTE)
PRIVATE_LIST(private_graphics_processes, NVML_PROCESS_GRAPHICS)
PRIVATE_LIST(private_mps_processes, NVML_PROCESS_MPS)

/* All other slots. Nothing is known of their arguments, so none is touched. */
static nvmlReturn_t unanswered(unsigned slot)
{
    if (getenv("GENV_SIMULATOR_TRACE"))
        fprintf(stderr, "simulator: slot %u of the private table\n", slot);
    return NVML_ERROR_NOT_SUPPORTED;
}

/* A function for each, since a slot is not told its number. */
#define EACH_OF_16(row)                                                                                                \
    EACH(row##0)                                                                                                       \
    EACH(row##1)                                                                                                       \
    EACH(row##2)                                                                                                       \
    EACH(row##3)                                                                                                       \
    EACH(row##4)                                                                                                       \
    EACH(row##5)                                                                                                       \
    EACH(row##6)                                                                                                       \
    EACH(row##7) EACH(row##8) EACH(row##9) EACH(row##a) EACH(row##b) EACH(row##c) EACH(row##d) EACH(row##e) EACH(row##f)
#define EACH_SLOT                                                                                                      \
    EACH_OF_16(0x0)                                                                                                    \
    EACH_OF_16(0x1)                                                                                                    \
    EACH_OF_16(0x2)                                                                                                    \
    EACH_OF_16(0x3)                                                                                                    \
    EACH_OF_16(0x4)                                                                                                    \
    EACH_OF_16(0x5)                                                                                                    \
    EACH_OF_16(0x6)                                                                                                    \
    EACH_OF_16(0x7)                                                                                                    \
    EACH_OF_16(0x8)                                                                                                    \
    EACH_OF_16(0x9)                                                                                                    \
    EACH_OF_16(0xa) EACH_OF_16(0xb) EACH_OF_16(0xc) EACH_OF_16(0xd) EACH_OF_16(0xe) EACH_OF_16(0xf) EACH_OF_16(0x10)

#define EACH(slot)                                                                                                     \
    static nvmlReturn_t slot_##slot(void)                                                                              \
    {                                                                                                                  \
        return unanswered(slot);                                                                                       \
    }
EACH_SLOT
#undef EACH

static void (*const handlers[SLOT_COUNT])(void) = {
    [23] = HANDLER(private_common_ancestor),
    [72] = HANDLER(private_is_monitorable),
    [81] = HANDLER(private_bus_id),
    [213] = HANDLER(private_compute_processes),
    [214] = HANDLER(private_mps_processes),
    [215] = HANDLER(private_graphics_processes),
    /* public functions that are in the table as well */
    [29] = HANDLER(nvmlDeviceGetGpuOperationMode),
    [30] = HANDLER(nvmlDeviceSetGpuOperationMode),
    [31] = HANDLER(nvmlDeviceGetDisplayActive),
    [46] = HANDLER(nvmlDeviceGetPowerManagementLimitConstraints),
    [47] = HANDLER(nvmlDeviceGetPowerManagementDefaultLimit),
    [48] = HANDLER(nvmlDeviceSetPowerManagementLimit),
    [57] = HANDLER(nvmlDeviceGetCurrentClocksThrottleReasons),
    [58] = HANDLER(nvmlDeviceGetSupportedClocksThrottleReasons),
    [108] = HANDLER(nvmlDeviceGetEnforcedPowerLimit),
    [149] = HANDLER(nvmlDeviceGetBoardPartNumber),
};

static void (*const unanswered_slots[SLOT_COUNT])(void) = {
#define EACH(slot) HANDLER(slot_##slot),
    EACH_SLOT
#undef EACH
};

static uintptr_t table_size(const struct world *world)
{
    unsigned major = 0;

    if (world->private_table_size >= 0)
        return (uintptr_t)world->private_table_size;
    sscanf(world->driver_version, "%u", &major);
    if (major < 550)
        return 1960;
    if (major < 580)
        return major < 555 ? 2008 : 2040;
    return 2160;
}

nvmlReturn_t nvmlInternalGetExportTable(const void **ret_table, const void *guid)
{
    ENTER();
    REQUIRE(ret_table && guid);
    if (memcmp(guid, table_guid, sizeof(table_guid)) != 0)
        return NVML_ERROR_NOT_FOUND;
    table[0].size = table_size(entry.world);
    for (unsigned i = 1, from = entry.world->private_table_moved ? 2 : 1; i < SLOT_COUNT; i++, from++)
        table[i].handler = from < SLOT_COUNT && handlers[from] ? handlers[from] : unanswered_slots[i];
    *ret_table = table;
    return NVML_SUCCESS;
}
