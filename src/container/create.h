/* `create` and `run`: which devices the container gets is decided, and written to its config.json, before the lower
 * runtime reads that. */
#ifndef CONTAINER_CREATE_H
#define CONTAINER_CREATE_H

#include "base/error.h"
#include "container/line.h"

/* Does nothing for a container that does not ask for genv. Otherwise this process holds the container's environment
 * until the container's first process does; a failure leaves nothing behind. @is_nvidias: the lower runtime, which
 * gives the container what NVIDIA's driver needs. */
int create_container(const struct runtime_line *line, bool is_nvidias, struct genv_error *err);

#endif
