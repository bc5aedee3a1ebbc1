/* Lists of devices, as users and CUDA_VISIBLE_DEVICES name them: "0,2", "GPU-…". */
#ifndef SHIM_IDS_H
#define SHIM_IDS_H

#include "base/text.h"

#include <genv/types.h>

/* Adds @list, without blanks, with the UUID in place of each index that is attached to @env, and @nobody, unless that
 * is NULL, in place of one that is not and that a program on the view would take for a place. */
void ids_add_uuids(struct text *text, const struct genv_env *env, const char *list, const char *nobody);

/* Whether no index of @list that is attached to @env is as high as programs on the view count devices. */
bool ids_are_places(const struct genv_env *env, const char *list);

#endif
