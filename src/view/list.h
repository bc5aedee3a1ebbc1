/* The lists that NVML gives by the caller's room: read in full, reduced to the environment's, given by the same rules.
 */
#ifndef VIEW_LIST_H
#define VIEW_LIST_H

#include "view/backend.h"
#include "view/scene.h"

/* Calls the backend: @count is the room in @entries, and then how many there are. */
typedef nvmlReturn_t (*list_fetch)(const void *request, unsigned *count, void *entries);
typedef bool (*list_keeps)(const struct scene *scene, const void *entry);

struct list_source {
    const struct scene *scene;
    list_fetch fetch;
    const void *request; /* for @fetch */
    size_t entry_size;
    list_keeps keeps;    /* whether an entry is the environment's */
    size_t pid_offset;   /* where @keeps is NULL: the PID in an entry, by which processes are kept */
    bool may_be_counted; /* without room for any, the answer is how many there are, and success */
};

struct list {
    void *entries;
    unsigned count;
};

static inline void list_release(struct list *list)
{
    free(list->entries);
}
#define cleanup_list cleanup_with(list_release)

/* All that is the environment's. */
nvmlReturn_t list_read(const struct list_source *source, struct list *ret_list);

/* Gives that into the caller's @entries, with room for *@count. */
nvmlReturn_t list_give(const struct list_source *source, unsigned *count, void *entries);

#endif
