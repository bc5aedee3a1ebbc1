/* NVML's private table of functions, without which nvidia-smi does not start and from which it takes its lists of
 * processes. NVIDIA documents none of it; what is known was seen in drivers 535, 550 and 580. */
#include "view/devices.h"
#include "view/processes.h"

#include <stdint.h>
#include <string.h>

/* The table is the same in the first and the last of these but for what is added at its end. One of a later driver is
 * known by what it does. */
#define FIRST_MAJOR 535
#define LAST_MAJOR  580

#define SLOTS_MIN  231 /* those that are spoken of below, and 230 */
#define SLOTS_SEEN 270
#define SLOTS_MAX  512

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

/* What the public knows as well: these show that the slots are where they were. (57 and 58 do too, of which NVIDIA says
 * that they may go.) */
static const struct {
    unsigned slot;
    enum entry entry;
} public_slots[] = {
    {29, ENTRY_nvmlDeviceGetGpuOperationMode},
    {30, ENTRY_nvmlDeviceSetGpuOperationMode},
    {31, ENTRY_nvmlDeviceGetDisplayActive},
    {46, ENTRY_nvmlDeviceGetPowerManagementLimitConstraints},
    {47, ENTRY_nvmlDeviceGetPowerManagementDefaultLimit},
    {48, ENTRY_nvmlDeviceSetPowerManagementLimit},
    {108, ENTRY_nvmlDeviceGetEnforcedPowerLimit},
    {149, ENTRY_nvmlDeviceGetBoardPartNumber},
};

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

/* Of the driver; 0 where that can't be told. */
static unsigned major_version(void)
{
    char version[NVML_SYSTEM_STRING_SIZE];
    unsigned major;

    return BACKEND(nvmlSystemGetDriverVersion)(version, sizeof(version)) == NVML_SUCCESS &&
                   sscanf(version, "%u.", &major) == 1
               ? major
               : 0;
}

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
    const struct scene *scene;
    list_function function;
    nvmlDevice_t device;
};

static nvmlReturn_t fetch_processes(const void *request, unsigned *count, void *entries)
{
    const struct list_request *list = request;

    return list->function(list->device, count, entries);
}

/* Whether the public lists have the process as well, and the entry ends where one does. */
static bool is_confirmed(const struct list_request *list, const struct table_process *process)
{
    return scene_has_process(list->scene, process->pid) && memchr(process->name, '\0', sizeof(process->name)) != NULL &&
           processes_have(list->scene, list->device, process->pid);
}

/* The same from a driver whose entries may have become other ones. Larger ones would take more room. */
static nvmlReturn_t fetch_and_confirm(const void *request, unsigned *count, void *entries)
{
    const struct list_request *list = request;
    unsigned room = *count, confirmed = 0;
    cleanup_free struct table_process *found = calloc(2 * (size_t)room + 1, sizeof(*found));
    struct table_process *target = entries;
    nvmlReturn_t result;

    if (!found)
        return NVML_ERROR_MEMORY;
    result = list->function(list->device, count, found);
    if (result != NVML_SUCCESS || *count > room)
        return result;
    for (unsigned i = 0; i < *count; i++) {
        if (is_confirmed(list, &found[i]))
            target[confirmed++] = found[i];
    }
    *count = confirmed;
    return NVML_SUCCESS;
}

static nvmlReturn_t give_list(enum slot slot, nvmlDevice_t device, unsigned *count, void *entries)
{
    struct list_request request = {.function = (list_function)real_function(slot), .device = device};

    ENTER();
    request.scene = &scene;
    return processes_give(
        &(struct list_source){.scene = &scene,
                              .fetch = major_version() > LAST_MAJOR ? fetch_and_confirm : fetch_processes,
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

static bool has_public_slots(const union table_slot *table)
{
    for (size_t i = 0; i < ARRAY_SIZE(public_slots); i++) {
        if ((void *)table[public_slots[i].slot].function != backend_look_up(public_slots[i].entry))
            return false;
    }
    return true;
}

static bool is_known(const union table_slot *table)
{
    unsigned major = major_version();

    if (table[SLOT_SIZE].size % sizeof(*table) != 0 || table[SLOT_SIZE].size < SLOTS_MIN * sizeof(*table) ||
        table[SLOT_SIZE].size > SLOTS_MAX * sizeof(*table))
        return false;
    for (unsigned i = 1; i < SLOTS_MIN; i++) {
        if (filters[i] && !table[i].function)
            return false;
    }
    return major >= FIRST_MAJOR && (major <= LAST_MAJOR || has_public_slots(table));
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
    size_t seen = major_version() > LAST_MAJOR && count > SLOTS_SEEN ? SLOTS_SEEN : count;

    __atomic_store_n(&real_table, table, __ATOMIC_RELEASE);
    for (size_t i = 1; i < seen; i++)
        set_slot(&filtered_table[i], filters[i] ? filters[i] : table[i].function);
    for (size_t i = seen; i < count; i++) /* nobody knows what these tell of */
        set_slot(&filtered_table[i], (table_function)answer_not_supported);
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
