/* What root says of processes that are not their environment's owner's: "vouched/NAMESPACE.PID.START.UID", an empty
 * file each in a directory where root alone can write. An environment's record can't say that, since its owner writes
 * it. ".container" behind it: that process is the first one of a container, all of whose processes, of whichever user,
 * are the environment's. */
#ifndef STORE_VOUCH_H
#define STORE_VOUCH_H

#include "base/error.h"

#include <genv/types.h>

/* For root: @process may keep an environment of @uid's alive. Removes what is said of processes that are gone.
 * @directory is the state directory, @shown its path for sentences. */
int vouch_for(int directory, const char *shown, const struct genv_process *process, uid_t uid, struct genv_error *err);
/* The same: it is the first process of a container. */
int vouch_for_container(int directory, const char *shown, const struct genv_process *process, uid_t uid,
                        struct genv_error *err);
/* Whether root has said so. */
bool is_vouched_for(int directory, const struct genv_process *process, uid_t uid);
bool is_container_vouched_for(int directory, const struct genv_process *process, uid_t uid);
/* The directory, if nobody but root can have written there; negative otherwise. */
int vouch_open(int directory);
/* The same; makes it where it is missing, or is somebody else's. */
int vouch_make(int directory);

#endif
