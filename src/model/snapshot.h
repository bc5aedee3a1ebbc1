/* The state of a machine, and the JSON of `genv snapshot`. */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include <genv/types.h>

void snapshot_free(struct genv_snapshot *snapshot); /* NULL is fine */

/* JSON texts with a final newline, free() them; NULL: out of memory. The parts are arrays. */
char *snapshot_to_json(const struct genv_snapshot *snapshot);
char *snapshot_envs_to_json(const struct genv_snapshot *snapshot);
char *snapshot_devices_to_json(const struct genv_snapshot *snapshot);

#endif
