/* Tells users what will happen to what breaks a rule, before it does. */
#ifndef ENFORCE_WARNING_H
#define ENFORCE_WARNING_H

#include "policy/violation.h"

#include <jansson.h>

#define WARNINGS_MAX 8 /* to one user at once: of more nobody reads any */

/* The first of @list about each user of each host, as many as one is told of. -ENOMEM. */
int warnings_choose(const struct violation_list *list, struct violation_list *ret_chosen);

/* Writes about those on the terminals of their users, and calls @tell with an entry of the journal about each that
 * somebody was told of. What does not know how much of its grace is left (left_ms) has @grace_seconds. -ENOMEM. */
int warnings_send(const struct violation_list *list, const struct genv_snapshot *snapshot, double grace_seconds,
                  void (*tell)(json_t *entry, void *data), void *data, struct genv_error *err);

#endif
