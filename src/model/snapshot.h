/* The state of a machine, and the JSON of `genv snapshot`. */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include "base/error.h"

#define SNAPSHOT_VERSION 1

#define SNAPSHOT_STATE_COUNT 4
extern const char *const snapshot_states[SNAPSHOT_STATE_COUNT]; /* enum genv_device_state as the JSON spells it */

void snapshot_free(struct genv_snapshot *snapshot); /* NULL is fine */

/* The environment @eid, or NULL. */
const struct genv_env *snapshot_env(const struct genv_snapshot *snapshot, const char *eid);

/* JSON texts with a final newline, free() them; NULL: out of memory. The parts are arrays. */
char *snapshot_to_json(const struct genv_snapshot *snapshot);
char *snapshot_envs_to_json(const struct genv_snapshot *snapshot);
char *snapshot_devices_to_json(const struct genv_snapshot *snapshot);

/* The way back; of a later version what is known here. A device in an unknown state has failed. -EINVAL, with the
 * reason: not the text of a snapshot. */
int snapshot_from_json(const char *text, size_t length, struct genv_snapshot **ret_snapshot, struct genv_error *err);

/* The user's name: as the snapshot's host told it, or looked up here; "" where he is unknown. */
void env_username(const struct genv_env *env, char name[static GENV_USERNAME_SIZE]);
void gpu_process_username(const struct genv_gpu_process *process, char name[static GENV_USERNAME_SIZE]);

#endif
