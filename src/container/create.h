/* `create` and `run`: which devices the container gets is decided, and written to its config.json, before the lower
 * runtime reads that. */
#ifndef CONTAINER_CREATE_H
#define CONTAINER_CREATE_H

#include "base/error.h"
#include "container/line.h"

/* Does nothing for a container that does not ask for genv. Otherwise this process holds the container's environment
 * until the container's first process does; a failure leaves nothing behind. @lower is the lower runtime, which the
 * caller is to become with @words, read as @line, when 0 is returned. 1: it has run already, and exited with
 * *@ret_status. -ENOTSUP: it ran without calling genv's hook, so that the container was deleted again. */
int create_container(char **words, const struct runtime_line *line, const char *lower, int *ret_status,
                     struct genv_error *err);

#endif
