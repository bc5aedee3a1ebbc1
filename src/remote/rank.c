/* Which of the surveyed hosts to ask first. */
#include "remote/rank.h"

#include <errno.h>

int survey_rank(const struct survey *survey, const struct genv_config *wanted, enum placement_policy policy,
                size_t *ret_order, size_t *ret_count)
{
    cleanup_free const struct genv_snapshot **snapshots = calloc(survey->count + 1, sizeof(struct genv_snapshot *));
    size_t gpus = wanted->gpus > 0 ? (size_t)wanted->gpus : 0;

    if (!snapshots)
        return -ENOMEM;
    for (size_t i = 0; i < survey->count; i++)
        snapshots[i] = survey->answers[i].snapshot;
    return placement_order(snapshots, survey->count, gpus, wanted->gpu_memory, policy, ret_order, ret_count);
}
