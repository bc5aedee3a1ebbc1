/* What root says of processes that are not their environment's owner's: "vouched/NAMESPACE.PID.START.UID", an empty
 * file each in a directory where root alone can write. An environment's record can't say that, since its owner writes
 * it. */
#ifndef STORE_VOUCH_H
#define STORE_VOUCH_H

#include "base/error.h"

#include <genv/types.h>

/* For root: @process may keep an environment of @uid's alive. Removes what is said of processes that are gone.
 * @directory is the state directory, @shown its path for sentences. */
int vouch_for(int directory, const char *shown, const struct genv_process *process, uid_t uid, struct genv_error *err);
/* Whether root has said so. */
bool is_vouched_for(int directory, const struct genv_process *process, uid_t uid);

#endif
