/* Which of many hosts fits a request best. */
#include "policy/placement.h"

#include <errno.h>
#include <stdbool.h>

#include "base/macros.h"
#include "policy/select.h"

struct place {
    size_t position;
    size_t left; /* devices available beyond those asked for */
    bool quiet;  /* so many are available that no stranger uses */
};

/* Fills in what is left of @snapshot. False: it has not enough. */
static bool examine(const struct genv_snapshot *snapshot, size_t gpus, uint64_t capacity, struct place *place)
{
    size_t quiet, available = snapshot ? select_available(snapshot, capacity, &quiet) : 0;

    if (!snapshot || available < gpus)
        return false;
    place->left = available - gpus;
    place->quiet = quiet >= gpus;
    return true;
}

/* Whether @a is to be asked before @b, which stands before it in the list. */
static bool is_better(const struct place *a, const struct place *b, enum placement_policy policy)
{
    if (a->quiet != b->quiet)
        return a->quiet;
    return policy == PLACEMENT_PACK ? a->left < b->left : a->left > b->left;
}

int placement_order(const struct genv_snapshot *const *snapshots, size_t count, size_t gpus, uint64_t capacity,
                    enum placement_policy policy, size_t *ret_order, size_t *ret_count)
{
    cleanup_free struct place *places = calloc(count + 1, sizeof(*places));
    size_t kept = 0;

    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct place place = {.position = i};
        size_t at = kept;

        if (!examine(snapshots[i], gpus, capacity, &place))
            continue;
        for (; at > 0 && is_better(&place, &places[at - 1], policy); at--)
            places[at] = places[at - 1];
        places[at] = place;
        kept++;
    }
    for (size_t i = 0; i < kept; i++)
        ret_order[i] = places[i].position;
    *ret_count = kept;
    return 0;
}
