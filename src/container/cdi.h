/* What NVIDIA's CDI specification says a container needs for a device: the driver's libraries, nodes and hooks; and
 * CDI's names of devices. */
#ifndef CONTAINER_CDI_H
#define CONTAINER_CDI_H

#include <genv/genv.h>

#include "container/edit.h"

/* Reads the specification of the kind nvidia.com/gpu, JSON, in /etc/cdi or /var/run/cdi. *@ret_specification NULL:
 * there is none, or it is not valid. -ENOTSUP: there is one in YAML alone, which genv does not read; without what it
 * says programs would not find the driver. */
int cdi_read(json_t **ret_specification, struct genv_error *err);

/* The edits of @specification for all of its devices, and for the one with that UUID and minor number. NULL: none.
 * Borrowed. */
const json_t *cdi_common(const json_t *specification);
const json_t *cdi_find(const json_t *specification, const char *uuid, int minor);

/* Makes the changes of @edits to a container's config.json. -EINVAL: it, or they, have another form than specified. */
int cdi_apply(json_t *config, const json_t *edits, struct genv_error *err);

/* Refuses (-EPERM) an annotation of @config that asks for GPUs by names of CDI, which NVIDIA's runtime follows, unless
 * they are the UUIDs of the plan's nodes. Devices of other kinds are none of genv's business. */
int cdi_check_annotations(const json_t *config, const struct edit_plan *plan, struct genv_error *err);

#endif
