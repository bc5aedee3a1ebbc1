/* The state of a machine, and the JSON of `genv snapshot`. */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include "base/error.h"

#define SNAPSHOT_VERSION 1

#define SNAPSHOT_STATE_COUNT 4
extern const char *const snapshot_states[SNAPSHOT_STATE_COUNT]; /* enum genv_device_state as the JSON spells it */

#endif
