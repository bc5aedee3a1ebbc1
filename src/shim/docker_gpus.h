/* What docker is asked for in GPUs, in terms of an environment's devices. Decides, and does no input or output. */
#ifndef SHIM_DOCKER_GPUS_H
#define SHIM_DOCKER_GPUS_H

#include "base/error.h"
#include "base/text.h"

#include <genv/genv.h>

/* Adds to @target what docker is to be given for `--gpus @value`: "all" and numbers become the devices of @env, the
 * lowest indices first; devices stay as they are if all of them are attached. -EBUSY: it asks for more than is
 * attached; -EPERM: for what is not attached; -EINVAL: for what genv can't translate. */
int docker_translate_gpus(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err);

/* The same without docker's form: adds the devices alone, "0,GPU-…", or nothing where it asks for none, and takes what
 * it says of capabilities, "compute,utility", data NULL where it says nothing. text_release() that. */
int docker_list_gpus(const char *value, const struct genv_env *env, struct text *target, struct text *ret_capabilities,
                     struct genv_error *err);

/* Adds the UUIDs of those devices of @env that are in @list, by index or UUID, separated by commas and each once.
 * Returns how many. */
size_t docker_add_uuids(const char *list, const struct genv_env *env, struct text *target);

/* The same as docker_translate_gpus() for "all", or devices separated by commas, as podman's --gpus has them; the
 * sentence does not say where. */
int docker_translate_list(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err);

/* The same for a variable NVIDIA_VISIBLE_DEVICES, which NVIDIA's runtime reads: "all", devices separated by commas, or
 * "", "none" and "void", which ask for no device and stay. */
int docker_translate_visible(const char *value, const struct genv_env *env, struct text *target,
                             struct genv_error *err);

/* Whether device @name, by index or UUID, is attached: -EPERM, -EBUSY (none is) or -EINVAL (no such name), with a
 * sentence. */
int docker_check_device(const char *name, const struct genv_env *env, struct genv_error *err);

/* Whether `--device @value` names GPUs of NVIDIA's by CDI, as nvidia.com/gpu=0. */
bool docker_names_gpus(const char *value);

/* The same for such a name: adds to @target one or several, separated by commas. Errors as above. */
int docker_translate_device(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err);

#endif
