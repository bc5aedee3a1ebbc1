/* What the shims docker and podman share: containers of this environment get its GPUs, and belong to it. */
#ifndef SHIM_ENGINE_H
#define SHIM_ENGINE_H

#include <limits.h>

#include "shim/docker_command.h"
#include "shim/grant.h"
#include "shim/shim.h"

/* main() of the shim called @name. */
int engine_main(const char *name, bool is_podman, int argc, char **argv);

/* genv's OCI runtime, as far as the engine has it. */
struct engine_runtime {
    const char *name; /* by which the engine is told of it; NULL: it cannot be, or looks elsewhere for environments */
    char path[PATH_MAX]; /* room for that */
    bool in_front;       /* it is named in front of the command, as podman has it */
    bool is_roots;       /* the engine runs it as root, for whomever */
};

/* Finds out which runtime the engine of the command @words has, also by default: that is told to @scene. */
void engine_find_runtime(const struct shim *shim, char **words, struct docker_scene *scene,
                         struct engine_runtime *ret_runtime);

/* Whether the container, whose @options are in @words, is to join the environment, which is read for that. Otherwise
 * docker_translate() gives it the environment's devices, and its identifier. */
bool engine_may_join(const struct engine_runtime *runtime, char **words, char **options, struct grant *grant);

/* Adds the words by which it does to @target. Errors as of docker_translate(). */
int engine_join(const struct engine_runtime *runtime, struct argv *target, char **words, char **options,
                const struct docker_scene *scene, struct genv_error *err);

/* Adds the words @argv, of which `docker compose` begins at @compose, to @target, with devices of the environment.
 * @program is the real docker, which tells what the files ask for: what is more than the environment has is refused. */
int engine_rewrite_compose(const char *program, struct argv *target, char **argv, char **compose,
                           struct docker_scene *scene, struct grant *grant, struct genv_error *err);

#endif
