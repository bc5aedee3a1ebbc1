/* Which processes of which environment use which device, to be found without going through all. */
#ifndef POLICY_USES_H
#define POLICY_USES_H

#include <genv/types.h>

struct use {
    const struct genv_gpu_process *process;
    const struct genv_usage *usage;
};

struct uses {
    struct use *items;
    size_t count;
};

/* All that is used in @snapshot, which @ret_uses points into. -ENOMEM. */
int uses_collect(const struct genv_snapshot *snapshot, struct uses *ret_uses);
void uses_release(struct uses *uses);

/* Those of the environment @eid on the device with @uuid, in the order of the snapshot. */
const struct use *uses_of(const struct uses *uses, const char *eid, const char *uuid, size_t *ret_count);

#endif
