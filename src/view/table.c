/* NVML's private table of functions, without which nvidia-smi does not start and from which it takes its lists of
 * processes. NVIDIA documents none of it; what is known was seen in drivers 535, 550 and 580. */
#include "view/devices.h"
#include "view/processes.h"

#include <stdint.h>
#include <string.h>

/* The table is the same in the first and the last of these but for what is added at its end. */
#define FIRST_MAJOR 535
#define LAST_MAJOR  580

#define SLOTS_MIN 231 /* those that are spoken of below, and 230 */
#define SLOTS_MAX 512

enum slot {
    SLOT_SIZE = 0,          /* of the table, in bytes; functions are in all others */
    SLOT_BUS_ID = 81,       /* of the device at an index: (index, text, size of text) */
    SLOT_UTILIZATION = 145, /* of processes; what it gives is not known */
    SLOT_COMPUTE = 213,     /* these three: (device, count, entries) */
    SLOT_MPS = 214,
    SLOT_GRAPHICS = 215,
};

/* An entry of its process lists. */
struct table_process {
    unsigned pid;
    unsigned long long used_memory;
    unsigned gpu_instance, compute_instance;
    unsigned long long protected_memory;
    char name[4096];
};
_Static_assert(sizeof(struct table_process) == 4128, "layout of the table's processes");

static const unsigned char process_guid[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e,
                                               0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};

typedef void (*table_function)(void);
typedef nvmlReturn_t (*bus_id_function)(unsigned index, char *bus_id, unsigned size);
typedef nvmlReturn_t (*list_function)(nvmlDevice_t device, unsigned *count, void *entries);

union table_slot {
    size_t size;
    table_function function;
};

/* The backend's table, and what programs get instead of it: where it is understood, and where it is not. Which of the
 * three it is stays the same for as long as a driver does, and so do their contents. */
static const union table_slot *real_table;
static union table_slot filtered_table[SLOTS_MAX], empty_table[SLOTS_MAX];

static table_function real_function(enum slot slot)
{
    const union table_slot *table = __atomic_load_n(&real_table, __ATOMIC_ACQUIRE);

    return table[slot].function;
}

static nvmlReturn_t answer_not_supported(void)
{
    return NVML_ERROR_NOT_SUPPORTED;
}

static nvmlReturn_t give_bus_id(unsigned index, char *bus_id, unsigned size)
{
    cleanup_devices struct device_list list = {.count = 0};
    const struct device *chosen;
    nvmlReturn_t result;

    ENTER();
    result = devices_list(&scene, &list);
    if (result == NVML_SUCCESS)
        result = devices_choose(&list, index, &chosen);
    if (result != NVML_SUCCESS)
        return result;
    return ((bus_id_function)real_function(SLOT_BUS_ID))(chosen->index, bus_id, size);
}

struct list_request {
    list_function function;
    nvmlDevice_t device;
};

static nvmlReturn_t fetch_processes(const void *request, unsigned *count, void *entries)
{
    const struct list_request *list = request;

    return list->function(list->device, count, entries);
}

static nvmlReturn_t give_list(enum slot slot, nvmlDevice_t device, unsigned *count, void *entries)
{
    const struct list_request request = {.function = (list_function)real_function(slot), .device = device};

    ENTER();
    return processes_give(&(struct list_source){.scene = &scene,
                                                .fetch = fetch_processes,
                                                .request = &request,
                                                .entry_size = sizeof(struct table_process),
                                                .pid_offset = offsetof(struct table_process, pid)},
                          device, count, entries);
}

static nvmlReturn_t give_compute(nvmlDevice_t device, unsigned *count, void *entries)
{
    return give_list(SLOT_COMPUTE, device, count, entries);
}

static nvmlReturn_t give_mps(nvmlDevice_t device, unsigned *count, void *entries)
{
    return give_list(SLOT_MPS, device, count, entries);
}

static nvmlReturn_t give_graphics(nvmlDevice_t device, unsigned *count, void *entries)
{
    return give_list(SLOT_GRAPHICS, device, count, entries);
}

static const table_function filters[SLOTS_MAX] = {
    [SLOT_BUS_ID] = (table_function)give_bus_id,     [SLOT_UTILIZATION] = (table_function)answer_not_supported,
    [SLOT_COMPUTE] = (table_function)give_compute,   [SLOT_MPS] = (table_function)give_mps,
    [SLOT_GRAPHICS] = (table_function)give_graphics,
};

static bool is_known(const union table_slot *table)
{
    char version[NVML_SYSTEM_STRING_SIZE];
    unsigned major;

    if (table[SLOT_SIZE].size % sizeof(*table) != 0 || table[SLOT_SIZE].size < SLOTS_MIN * sizeof(*table) ||
        table[SLOT_SIZE].size > SLOTS_MAX * sizeof(*table))
        return false;
    for (unsigned i = 1; i < SLOTS_MIN; i++) {
        if (filters[i] && !table[i].function)
            return false;
    }
    return BACKEND(nvmlSystemGetDriverVersion)(version, sizeof(version)) == NVML_SUCCESS &&
           sscanf(version, "%u.", &major) == 1 && major >= FIRST_MAJOR && major <= LAST_MAJOR;
}

/* All threads store the same. */
static void set_slot(union table_slot *slot, table_function function)
{
    __atomic_store_n(&slot->function, function, __ATOMIC_RELAXED);
}

static void set_size(union table_slot *table, size_t size)
{
    __atomic_store_n(&table[SLOT_SIZE].size, size, __ATOMIC_RELAXED);
}

static const void *filter_table(const union table_slot *table)
{
    size_t count = table[SLOT_SIZE].size / sizeof(*table);

    __atomic_store_n(&real_table, table, __ATOMIC_RELEASE);
    for (size_t i = 1; i < count; i++)
        set_slot(&filtered_table[i], filters[i] ? filters[i] : table[i].function);
    set_size(filtered_table, table[SLOT_SIZE].size);
    return filtered_table;
}

/* A table without a working function: in another place than the known ones may be one that lists everybody's processes.
 */
static const void *close_table(void)
{
    for (size_t i = 1; i < SLOTS_MAX; i++)
        set_slot(&empty_table[i], (table_function)answer_not_supported);
    set_size(empty_table, sizeof(empty_table));
    return empty_table;
}

nvmlReturn_t nvmlInternalGetExportTable(const void **table, const void *guid)
{
    const void *found = NULL;
    nvmlReturn_t result;

    ENTER();
    if (table && guid && memcmp(guid, backend_view_guid, sizeof(backend_view_guid)) == 0) {
        *table = backend_view_guid;
        return NVML_SUCCESS;
    }
    result = BACKEND(nvmlInternalGetExportTable)(table ? &found : NULL, guid);
    if (result != NVML_SUCCESS || !table)
        return result;
    if (!scene.shows_everything)
        found = guid && memcmp(guid, process_guid, sizeof(process_guid)) == 0 && found && is_known(found)
                    ? filter_table(found)
                    : close_table();
    *table = found;
    return NVML_SUCCESS;
}
