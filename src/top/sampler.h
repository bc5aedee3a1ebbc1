/* Snapshots, taken by a process of its own: a driver that hangs, or a library that crashes, is that one's trouble. */
#ifndef TOP_SAMPLER_H
#define TOP_SAMPLER_H

#include "base/error.h"

#include <genv/genv.h>

struct sampler;

/* Starts no process yet. The first look waits @patience_s for the driver, later ones as long as libgenv does. */
int sampler_open(int patience_s, struct sampler **ret_sampler, struct genv_error *err);
/* Kills the process; does not wait for one that can't be killed. NULL is fine. */
void sampler_close(struct sampler *sampler);

/* Asks for a snapshot, unless one is being taken; starts the process where there is none. */
int sampler_ask(struct sampler *sampler, struct genv_error *err);
/* Whether a snapshot is being taken. */
bool sampler_is_busy(const struct sampler *sampler);
/* Readable when there is something for sampler_read(); -1: nothing was asked for. */
int sampler_fd(const struct sampler *sampler);

/* Reads what has come, without waiting. -EAGAIN: not all of it yet. Anything else ends what was asked for: 0 with the
 * snapshot and the first warning (SAMPLER_WARNING_SIZE bytes; "": none), or why there is none. @ret_blind: the driver
 * did not tell, the warning says why, and the snapshot has the environments, and devices as far as they are known.
 * Where it does not answer, that is so until there have been figures. */
#define SAMPLER_WARNING_SIZE 1024
int sampler_read(struct sampler *sampler, struct genv_snapshot **ret_snapshot, bool *ret_blind, char *ret_warning,
                 struct genv_error *err);

#endif
