/* `exec`: what enters a container has the variables of the container's environment. */
#ifndef CONTAINER_ENTER_H
#define CONTAINER_ENTER_H

#include "base/error.h"
#include "container/line.h"

/* Sets them in the process that the words, read as @line, name, if the container is one of genv's. @lower tells where
 * the container is. */
int enter_container(char **words, const struct runtime_line *line, const char *lower, struct genv_error *err);

#endif
