/* The device nodes of an environment's devices. */
#ifndef CONTAINER_NODES_H
#define CONTAINER_NODES_H

#include <genv/genv.h>

#include "container/edit.h"

/* Finds those of what is attached to @env, and those that every program of the driver opens; none where nothing is
 * attached. -ENODEV: a device is not to be seen here. free() @ret_nodes. */
int nodes_find(struct genv *g, const struct genv_env *env, struct edit_node **ret_nodes, size_t *ret_count,
               struct genv_error *err);

/* The major numbers of NVIDIA's capabilities on this machine; none without MIG and IMEX. */
int nodes_find_capabilities(struct edit_capabilities *ret_capabilities, struct genv_error *err);

/* Refuses (-EPERM) what @config mounts of the host that is a GPU or a capability which @plan lacks, or asks NVIDIA's
 * runtime for one. Unless @guarded, by the device cgroup, also a folder with such devices in it. */
int nodes_check_mounts(const json_t *config, const struct edit_plan *plan, bool guarded, struct genv_error *err);

#endif
