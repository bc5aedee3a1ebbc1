/* Which of many hosts fits a request best. */
#ifndef POLICY_PLACEMENT_H
#define POLICY_PLACEMENT_H

#include <genv/types.h>

enum placement_policy {
    PLACEMENT_PACK,   /* the host with the least left over */
    PLACEMENT_SPREAD, /* the host with the most left over */
};

/* Fills @ret_order, which has room for @count positions in @snapshots, with the hosts that have @gpus devices available
 * with room for @capacity (0: whole devices), best first: those that need no device which strangers use, then as
 * @policy says, then in their order. A NULL snapshot is a host that did not answer. -ENOMEM. */
int placement_order(const struct genv_snapshot *const *snapshots, size_t count, size_t gpus, uint64_t capacity,
                    enum placement_policy policy, size_t *ret_order, size_t *ret_count);

#endif
