/* What the shims docker and podman share: containers of this environment get its GPUs, and belong to it. */
#ifndef SHIM_ENGINE_H
#define SHIM_ENGINE_H

#include "shim/docker_command.h"
#include "shim/grant.h"

/* main() of the shim called @name. */
int engine_main(const char *name, bool is_podman, int argc, char **argv);

/* Adds the words @argv, of which `docker compose` begins at @compose, to @target, with devices of the environment.
 * @program is the real docker, which tells what the files ask for: what is more than the environment has is refused. */
int engine_rewrite_compose(const char *program, struct argv *target, char **argv, char **compose,
                           struct docker_scene *scene, struct grant *grant, struct genv_error *err);

#endif
