/* Lists of devices, as users and CUDA_VISIBLE_DEVICES name them: "0,2", "GPU-…". */
#ifndef SHIM_IDS_H
#define SHIM_IDS_H

#include "base/text.h"

#include <genv/types.h>

/* Adds @list with the UUID in place of each index that is attached to @env: in the view, programs count devices from 0,
 * and only a UUID means the same device there and outside. */
void ids_add_uuids(struct text *text, const struct genv_env *env, const char *list);

#endif
