/* Which processes of which environment use which device, to be found without going through all. */
#include "policy/uses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_place(const struct use *use, const char *eid, const char *uuid)
{
    int order = strcmp(use->process->eid, eid);

    return order ? order : strcmp(use->usage->uuid, uuid);
}

static int compare_uses(const void *left, const void *right)
{
    const struct use *a = left, *b = right;
    int order = compare_place(a, b->process->eid, b->usage->uuid);

    if (order)
        return order;
    if (a->process != b->process) /* elements of one array, as the usages of a process are */
        return a->process < b->process ? -1 : 1;
    return a->usage < b->usage ? -1 : a->usage > b->usage;
}

/* Sorts them, and leaves of what a process uses of one device the first alone, as process_usage() does. */
static void arrange(struct uses *uses)
{
    size_t kept = 0;

    if (uses->count)
        qsort(uses->items, uses->count, sizeof(*uses->items), compare_uses);
    for (size_t i = 0; i < uses->count; i++) {
        const struct use *use = &uses->items[i], *last = kept ? &uses->items[kept - 1] : NULL;

        if (!last || use->process != last->process || strcmp(use->usage->uuid, last->usage->uuid) != 0)
            uses->items[kept++] = *use;
    }
    uses->count = kept;
}

int uses_collect(const struct genv_snapshot *snapshot, struct uses *ret_uses)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->process_count; i++)
        count += snapshot->processes[i].usage_count;
    *ret_uses = (struct uses){.items = calloc(count + 1, sizeof(*ret_uses->items))};
    if (!ret_uses->items)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        for (size_t k = 0; k < process->usage_count; k++) {
            if (*process->usages[k].uuid)
                ret_uses->items[ret_uses->count++] = (struct use){process, &process->usages[k]};
        }
    }
    arrange(ret_uses);
    return 0;
}

void uses_release(struct uses *uses)
{
    free(uses->items);
    *uses = (struct uses){0};
}

const struct use *uses_of(const struct uses *uses, const char *eid, const char *uuid, size_t *ret_count)
{
    size_t first = 0, end = uses->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (compare_place(&uses->items[middle], eid, uuid) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    while (end < uses->count && compare_place(&uses->items[end], eid, uuid) == 0)
        end++;
    *ret_count = end - first;
    return &uses->items[first];
}
