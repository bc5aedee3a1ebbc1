/* What the lower runtime calls when a container begins and ends. */
#ifndef CONTAINER_HOOK_H
#define CONTAINER_HOOK_H

#include "base/error.h"

/* Does what the hook @name is for, with the container's state, JSON, on @input. @eid is the container's environment;
 * @words, NULL-terminated, are the devices that it has to hold for "cdi", and for "createRuntime" the PID of the member
 * that leaves when the container has been created, if one does. */
int hook_run(const char *name, const char *eid, char **words, int input, struct genv_error *err);

#endif
