/* A whole command line of docker or podman, in terms of an environment's devices. Decides, and does no input or output.
 */
#ifndef SHIM_DOCKER_COMMAND_H
#define SHIM_DOCKER_COMMAND_H

#include "base/error.h"
#include "base/text.h"
#include "shim/argv.h"
#include "shim/docker_options.h"

#include <genv/genv.h>

/* What a path is to containers, besides N of a GPU's node /dev/nvidiaN. */
enum { DOCKER_NO_NODE = -1, DOCKER_ALL_NODES = -2 };

/* What has to be known besides the words. */
struct docker_scene {
    bool is_podman;
    const char *eid;             /* of the environment that the container is to belong to */
    bool genv_is_default;        /* docker's default runtime is genv's, which is to leave the container alone */
    bool nvidia_is_default;      /* … or NVIDIA's: it gives the devices that an image names, mostly all */
    const char *visible_devices; /* the caller's own NVIDIA_VISIBLE_DEVICES, or NULL */
    const char *env_file, *env_file_value; /* the last --env-file that says that variable, and what; or NULL */
    int (*node_of_path)(const char *path); /* N, or one of those above */
    const struct genv_env *env;            /* where docker_needs_devices() */
    const struct genv_snapshot *machine;   /* where docker_needs_machine() */
};

/* What is behind "run" or "create" in @words, which begin with "docker"; NULL: it is another command. */
char **docker_find_run(char **words);

/* The options of the container in @words, which begin with "docker" and are NULL-terminated: what is behind "run" or
 * "create". NULL: docker takes the words as they are, since they start no container, or one that is its runtime's
 * business: genv's own makes an environment of it. */
char **docker_find_options(char **words);

/* Whether the words, of which these @options are the last, ask for GPUs, so that scene->env has to be known; by their
 * nodes, so that scene->machine has to be as well. */
bool docker_needs_devices(char **words, char **options, const struct docker_scene *scene);
bool docker_needs_machine(char **options, const struct docker_scene *scene);

/* Adds @words to @target so that the container, whose @options are in them, belongs to the environment and has devices
 * of it alone. Errors as of docker_translate_gpus(); -EINVAL also where there is no telling whose option one is. */
int docker_translate(struct argv *target, char **words, char **options, const struct docker_scene *scene,
                     struct genv_error *err);

/* The runtime that is named last, of docker behind the command and of podman in front of it; "": none. */
const char *docker_find_runtime(char **words, char **options);
bool docker_asks_for_gpus(const struct docker_word *word, const struct docker_scene *scene);
/* Of what `--device` names. */
int docker_node_of(const struct docker_word *word, const struct docker_scene *scene);
/* The machine's device with the node /dev/nvidia@node; NULL: there is none. */
const struct genv_device *docker_device_of_node(int node, const struct docker_scene *scene);
/* Adds what NVIDIA_VISIBLE_DEVICES says of devices where no `--env` does: a file, podman's --env-host or, with NVIDIA's
 * runtime, the image, mostly "all". 1: one of them says so; 0: none does. */
int docker_add_default_visible(struct text *target, char **words, char **options, const struct docker_scene *scene,
                               struct genv_error *err);
/* Where the words begin with an option that genv does not know, its value may be the next word, or that is the image:
 * if GPUs are asked for behind it, there is no telling who is meant. -EINVAL. */
int docker_check_rest(char **words, const struct docker_scene *scene, struct genv_error *err);

/* For what else has such words. */

/* Whether @word is the option @name, with a value. */
bool docker_word_is(const struct docker_word *word, const char *name);
/* The value that `--env` of @word gives to NVIDIA_VISIBLE_DEVICES; NULL: none, or it is about something else. */
const char *docker_word_visible(const struct docker_word *word, const struct docker_scene *scene);
/* Adds that option, at @words, with devices of scene->env. */
int docker_add_visible(struct argv *target, char **words, const struct docker_word *word,
                       const struct docker_scene *scene, struct genv_error *err);
/* The same value in a line of a file of variables, "NAME=VALUE" or "NAME". */
const char *docker_line_visible(const char *line, const struct docker_scene *scene);
/* Whether the runtime called @name, or at that path, is NVIDIA's: it reads that variable, of the image too. */
bool docker_runtime_is_nvidia(const char *name);
/* Whether the GPU with the node /dev/nvidia@node is attached; -EPERM otherwise, with a sentence. */
int docker_check_node(int node, const struct docker_scene *scene, struct genv_error *err);

#endif
