/* The CDI specification that `genv cdi` writes. No input or output but for the nodes of devices. */
#ifndef CONTAINER_SPECIFICATION_H
#define CONTAINER_SPECIFICATION_H

#include <genv/genv.h>

#include "container/config.h"

/* Devices of the kind genv.dev/gpu: "all" that @machine has, and, where @env is not NULL, those attached to it as its
 * identifier, with a hook of @runtime, genv-container-runtime's path, that refuses unless they still are. @state is the
 * state directory. -EINVAL: the identifier cannot be the name of a CDI device. free() the text. */
int specification_make(struct genv *g, const struct genv_snapshot *machine, const struct genv_env *env,
                       const char *runtime, char **ret_text, struct genv_error *err);

#endif
