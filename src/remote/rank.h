/* Which of the surveyed hosts to ask first. */
#ifndef REMOTE_RANK_H
#define REMOTE_RANK_H

#include "policy/placement.h"
#include "remote/survey.h"

/* Positions in @survey of the hosts that have what @wanted asks for, best first: see placement_order(). @ret_order has
 * room for survey->count of them. -ENOMEM. */
int survey_rank(const struct survey *survey, const struct genv_config *wanted, enum placement_policy policy,
                size_t *ret_order, size_t *ret_count);

#endif
