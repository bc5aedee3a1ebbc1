/* What one machine has found on another: how it is sent, acted on there after a look of its own, and answered. */
#ifndef ENFORCE_ERRAND_H
#define ENFORCE_ERRAND_H

#include "enforce/act.h"

#include <jansson.h>

struct errand_options {
    bool warn; /* only tell the users, what will be in @grace_seconds */
    bool dry_run;
    double grace_seconds;
    double kill_after_seconds;
    void (*tell)(json_t *entry, void *data); /* each entry, as it happens, for the answer */
    void *data;
};

/* Acts here on the violations @words, NULL-terminated, as another host sends them. -EINVAL: one is none; -EPROTO: a
 * genv that is too old has sent them. Nothing was done then. */
int errand_do(struct genv *g, char **words, const struct errand_options *options, struct genv_error *err);

/* The entry in a line of the answer, with @host as its host. A new reference; NULL: the line is not an entry. */
json_t *errand_read(const char *line, size_t length, const char *host);
/* What became of what the entry, which may be NULL, is about; ACT_OUTCOME_COUNT: nothing that is known here.
 * *ret_violation is untouched where it does not say what that is. */
enum act_outcome errand_outcome(const json_t *entry, struct violation *ret_violation);

#endif
