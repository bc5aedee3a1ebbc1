/* Tells a user something on his terminals. */
#ifndef ENFORCE_NOTIFY_H
#define ENFORCE_NOTIFY_H

#include "base/error.h"

/* Writes @message, a line without control characters, on the terminals where @uid is logged in (utmp) and on those of
 * the processes @pids (an environment's shells), each once; only on terminals that are his. Never waits for a terminal
 * that takes nothing. Returns how many it was written to. */
int notify_user(uid_t uid, const pid_t *pids, size_t count, const char *message);

#endif
