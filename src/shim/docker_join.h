/* A command line of docker or podman whose container joins the environment, started through genv's runtime. Decides,
 * and does no input or output. */
#ifndef SHIM_DOCKER_JOIN_H
#define SHIM_DOCKER_JOIN_H

#include "shim/docker_command.h"
#include "shim/docker_genv.h"

/* Whether nothing in @words, of which these @options are the last, keeps the container from joining: another runtime,
 * the user's own GENV_ACTIVATE, devices that genv's CDI specification names, or --help. */
bool docker_may_join(char **words, char **options);

/* Reads what is to be written by docker_genv_write(): variables by which the container joins scene->env, with those of
 * its devices that the words ask for, and what else is in the words. Errors as of docker_translate(). */
int docker_join_read(char **words, char **options, const struct docker_scene *scene, struct docker_genv *ret_genv,
                     struct genv_error *err);

#endif
