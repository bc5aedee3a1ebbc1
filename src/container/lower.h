/* The machine's own OCI runtime, which genv's wraps. */
#ifndef CONTAINER_LOWER_H
#define CONTAINER_LOWER_H

#include "base/error.h"

#define LOWER_CONFIGURATION "/etc/genv/runtime.conf"

/* Finds it: $GENV_RUNTIME, else what LOWER_CONFIGURATION says, else the first of nvidia-container-runtime, runc and
 * crun, in PATH; never this program itself. free() the path. -ENOENT: there is none. */
int lower_find(char **ret_path, struct genv_error *err);

/* Whether it is one of NVIDIA's, which has its own ways to give a container NVIDIA_VISIBLE_DEVICES. */
bool lower_is_nvidias(const char *path);

/* Becomes it. Returns only on failure: a negative errno. */
int lower_become(const char *path, char **words, struct genv_error *err);

#endif
