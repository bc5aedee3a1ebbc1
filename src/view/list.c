/* The lists that NVML gives by the caller's room. */
#include "view/list.h"

#include <string.h>

#define FIRST_CAPACITY 64
#define LARGE_CAPACITY                                                                                                 \
    8 /* of entries of 1 KiB and more: room for 64 of the largest takes longer to clear than to ask twice */
#define CAPACITY_MAX   (1u << 20)
#define SIZE_MAX_BYTES (256u << 20)

/* Reads the whole list, which may grow from one try to the next. */
static nvmlReturn_t read_all(const struct list_source *source, struct list *ret_list)
{
    unsigned capacity = source->entry_size < 1024 ? FIRST_CAPACITY : LARGE_CAPACITY;

    while (capacity <= CAPACITY_MAX && capacity * source->entry_size <= SIZE_MAX_BYTES) {
        cleanup_free void *entries = calloc(capacity, source->entry_size);
        unsigned count = capacity;
        nvmlReturn_t result;

        if (!entries)
            return NVML_ERROR_MEMORY;
        result = source->fetch(source->request, &count, entries);
        if (result == NVML_SUCCESS && count <= capacity) {
            *ret_list = (struct list){.entries = STEAL_POINTER(entries), .count = count};
            return NVML_SUCCESS;
        }
        if (result != NVML_SUCCESS && result != NVML_ERROR_INSUFFICIENT_SIZE)
            return result;
        capacity = (count < CAPACITY_MAX && count > capacity ? count : capacity) * 2;
    }
    return NVML_ERROR_MEMORY;
}

static bool keeps(const struct list_source *source, const char *entry)
{
    unsigned pid;

    if (source->keeps)
        return source->keeps(source->scene, entry);
    memcpy(&pid, entry + source->pid_offset, sizeof(pid));
    return scene_has_process(source->scene, pid);
}

nvmlReturn_t list_read(const struct list_source *source, struct list *ret_list)
{
    nvmlReturn_t result = read_all(source, ret_list);
    char *entries = ret_list->entries;
    unsigned kept = 0;

    if (result != NVML_SUCCESS)
        return result;
    for (unsigned i = 0; i < ret_list->count; i++) {
        if (keeps(source, entries + i * source->entry_size))
            memmove(entries + kept++ * source->entry_size, entries + i * source->entry_size, source->entry_size);
    }
    ret_list->count = kept;
    return NVML_SUCCESS;
}

static nvmlReturn_t copy(const struct list_source *source, const struct list *list, unsigned *count, void *entries)
{
    unsigned room = *count;

    *count = list->count;
    if (list->count == 0 || (room == 0 && source->may_be_counted))
        return NVML_SUCCESS;
    if (list->count > room)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    if (!entries)
        return NVML_ERROR_INVALID_ARGUMENT;
    memcpy(entries, list->entries, list->count * source->entry_size);
    return NVML_SUCCESS;
}

nvmlReturn_t list_give(const struct list_source *source, unsigned *count, void *entries)
{
    cleanup_list struct list list = {.entries = NULL};
    nvmlReturn_t result = count ? list_read(source, &list) : NVML_ERROR_INVALID_ARGUMENT;

    return result == NVML_SUCCESS ? copy(source, &list, count, entries) : result;
}
