/* A whole command line of docker, in terms of an environment's devices. Decides, and does no input or output. */
#ifndef SHIM_DOCKER_COMMAND_H
#define SHIM_DOCKER_COMMAND_H

#include "base/error.h"
#include "shim/argv.h"

#include <genv/genv.h>

/* The options of the container in @words, which begin with "docker" and are NULL-terminated: what is behind "run" or
 * "create". NULL: docker takes the words as they are, since they start no container, or one that is its runtime's
 * business: genv's own makes an environment of it. */
char **docker_find_options(char **words);

/* Whether they ask for GPUs, so that the environment has to be known. */
bool docker_needs_devices(char **options);

/* Adds @words to @target so that the container, whose @options are in them, belongs to the environment @eid and has
 * devices of @env, which may be NULL where it asks for none. Errors as of docker_translate_gpus(); -EINVAL also where
 * there is no telling whose option one is. */
int docker_translate(struct argv *target, char **words, char **options, const char *eid, const struct genv_env *env,
                     struct genv_error *err);

#endif
