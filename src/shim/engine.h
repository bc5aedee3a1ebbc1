/* What the shims docker and podman share: containers of this environment get its GPUs, and belong to it. */
#ifndef SHIM_ENGINE_H
#define SHIM_ENGINE_H

#include "shim/argv.h"
#include "shim/docker_options.h"
#include "shim/grant.h"
#include "shim/shim.h"

#define ENGINE_FAILED 125 /* what docker run itself exits with where it starts no container */

struct engine {
    const char *name;
    bool is_podman;
};

/* main() of the shim. */
int engine_main(const struct engine *engine, int argc, char **argv);

/* Whether @word is the option @name, with a value. */
bool engine_word_is(const struct docker_word *word, const char *name);
/* Adds the option of @word, at @words, with @value (of @length) in the place of its own. */
void engine_add_option(struct argv *target, char **words, const struct docker_word *word, const char *value,
                       size_t length);

/* The value that `--env @value` gives to NVIDIA_VISIBLE_DEVICES, or NULL: it gives none, or is about another variable.
 */
const char *engine_visible_devices(const char *value);
/* Adds `--env` of @word, at @words, which is about that variable, with the devices of this environment. */
int engine_add_visible(struct argv *target, char **words, const struct docker_word *word, struct grant *grant,
                       struct genv_error *err);

/* The runtime called @name, or at that path, is NVIDIA's: it reads NVIDIA_VISIBLE_DEVICES, of the image too. */
bool engine_runtime_is_nvidia(const char *name);

/* Adds what `run` or `create` is to be called with, from the options behind it on; in front of them the variables that
 * the container needs. @global: the engine's own options. */
int engine_rewrite_run(const struct engine *engine, struct argv *target, char **global, char **options,
                       struct grant *grant, struct genv_error *err);

/* The same for `docker compose`, whose words these are, from @compose on; @program is the real docker. What its files
 * ask for is refused where it is more than the environment has. */
int engine_rewrite_compose(const char *program, struct argv *target, char **compose, struct grant *grant,
                           struct genv_error *err);

#endif
