/* What the lower runtime calls when a container begins and ends. */
#ifndef CONTAINER_HOOK_H
#define CONTAINER_HOOK_H

#include "base/error.h"

/* Does what the hook @name is for, with the container's state, JSON, on @input. @eid is the container's environment;
 * @uuids, NULL-terminated, are devices that it has to hold. */
int hook_run(const char *name, const char *eid, char **uuids, int input, struct genv_error *err);

#endif
