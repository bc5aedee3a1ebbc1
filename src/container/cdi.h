/* What NVIDIA's CDI specification says a container needs for a device: the driver's libraries, nodes and hooks; and
 * CDI's names of devices. */
#ifndef CONTAINER_CDI_H
#define CONTAINER_CDI_H

#include <genv/genv.h>

#include "container/edit.h"

/* Reads the specifications of the kind nvidia.com/gpu, JSON or YAML, in /var/run/cdi and /etc/cdi, into an array: the
 * first that has a device says what it needs, as in CDI's own rule, and those in a folder come by their names. Empty:
 * there are none. -EINVAL: there is one only, or more, that cannot be read; without what it says programs would not
 * find the driver. */
int cdi_read(json_t **ret_specifications, struct genv_error *err);

/* The edits for whatever device of the first of @specifications: the driver's libraries. NULL: none. Borrowed. */
const json_t *cdi_common(const json_t *specifications);

/* Makes the changes to a container's config.json that @specifications ask for the plan's nodes, known by their UUID or
 * minor number, and for any device of the first and of those that have one of the nodes. -EINVAL: it, or they, have
 * another form than specified. */
int cdi_apply(json_t *config, const json_t *specifications, const struct edit_plan *plan, struct genv_error *err);

/* Refuses (-EPERM) an annotation of @config that asks for GPUs by names of CDI, which NVIDIA's runtime follows, unless
 * they are the UUIDs of the plan's nodes. Devices of other kinds are none of genv's business. */
int cdi_check_annotations(const json_t *config, const struct edit_plan *plan, struct genv_error *err);

#endif
