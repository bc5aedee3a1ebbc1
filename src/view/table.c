/* NVML's private table of functions, from which nvidia-smi takes its lists of processes. */
#include "view/devices.h"
#include "view/processes.h"

#include <string.h>

#define SLOTS_MAX 512

/* An entry of its process lists. */
struct table_process {
    unsigned pid;
    unsigned long long used_memory;
    unsigned gpu_instance, compute_instance;
    unsigned long long protected_memory;
    char name[4096];
};
_Static_assert(sizeof(struct table_process) == 4128, "layout of the table's processes");

typedef nvmlReturn_t (*table_list)(nvmlDevice_t device, unsigned *count, void *entries);

static const unsigned char process_guid[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e,
                                               0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};

enum {
    SLOT_HANDLE_BY_INDEX = 81,
    SLOT_PROCESS_UTILIZATION = 145,
    SLOT_COMPUTE = 213,
    SLOT_GRAPHICS = 214,
    SLOT_MPS = 215,
};

/* The backend's slots, and what the program gets instead. Slot 0 is the size in bytes. */
static const void *const *real_table;

nvmlReturn_t nvmlInternalGetExportTable(const void **table, const void *guid)
{
    ENTER();
    (void)process_guid, (void)real_table;
    if (table && guid && memcmp(guid, backend_view_guid, sizeof(backend_view_guid)) == 0) {
        *table = backend_view_guid;
        return NVML_SUCCESS;
    }
    return BACKEND(nvmlInternalGetExportTable)(table, guid);
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    ENTER();
    if (backend_has(ENTRY_nvmlErrorString))
        return BACKEND(nvmlErrorString)(result);
    return result == NVML_ERROR_LIBRARY_NOT_FOUND ? "NVML Shared Library couldn't be found or loaded" : "Unknown Error";
}
