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

/* Whether `--device @value` names GPUs of NVIDIA's by CDI, as nvidia.com/gpu=0. */
bool docker_names_gpus(const char *value);

/* The same for such a name: adds to @target one or several, separated by commas. Errors as above. */
int docker_translate_device(const char *value, const struct genv_env *env, struct text *target, struct genv_error *err);

#endif
