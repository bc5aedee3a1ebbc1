/* What the services of a compose file ask for, in terms of an environment's devices. Decides, and does no input or
 * output. */
#ifndef SHIM_DOCKER_MODEL_H
#define SHIM_DOCKER_MODEL_H

#include <jansson.h>

#include "shim/docker_command.h"

/* Whether some service of @model, as `docker compose config --format json` tells it, asks for GPUs, so that scene->env
 * and scene->machine have to be known. */
bool docker_model_needs_devices(json_t *model, const struct docker_scene *scene);

/* Whether all of them ask for devices of scene->env alone; otherwise a negative errno, with the service and what to
 * write instead. */
int docker_check_model(json_t *model, const struct docker_scene *scene, struct genv_error *err);

#endif
