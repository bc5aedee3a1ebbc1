/* What genv changes in a container's config.json. Decides, and does no input or output. */
#ifndef CONTAINER_EDIT_H
#define CONTAINER_EDIT_H

#include <sys/types.h>

#include "base/node.h"
#include "container/config.h"

#define ANNOTATION_EID "dev.genv.environment"

struct edit_node {
    char uuid[GENV_UUID_SIZE]; /* of the device; "": it is the driver's own */
    char path[64];
    unsigned major, minor;
};

struct edit_mount {
    char *source, *target;
    bool is_data; /* nothing of it is run */
};

/* NVIDIA's capabilities: who may open such a node may use a MIG instance, see or change all of them, or has a channel
 * to other hosts' memory. The kernel assigns their major numbers, of which there are two. */
struct edit_capabilities {
    unsigned majors[4];
    size_t count;
};

struct edit_plan {
    const char *eid;
    const struct genv_variable *variables; /* the last one's name is NULL */
    const char *path_front;                /* folders in front of PATH; NULL: none */
    const struct edit_node *nodes;         /* the container's devices, and those that the driver needs */
    size_t node_count;
    struct edit_capabilities capabilities;
    const struct edit_mount *mounts;
    size_t mount_count;
    const char *hook;               /* the program that is told of the container's beginning and end */
    char *const *variables_of_hook; /* "NAME=VALUE", NULL-terminated */
    pid_t creator; /* the member that leaves when the container has been created, as the hook is told; 0: none does */
};

/* Changes @config. GPUs and capabilities that are not among the plan's nodes are refused (-EPERM), and taken from a
 * privileged container, which would have all of them. -EINVAL: something in it has another type than in OCI's
 * specification. */
int edit_config(json_t *config, const struct edit_plan *plan, struct genv_error *err);

/* Whether the character device of these numbers is a GPU, or a capability, that is not among the plan's nodes. */
bool edit_is_other(const struct edit_plan *plan, long long major, long long minor);
/* -EPERM: @what would give the container such a device. */
int edit_refuse_other(const struct edit_plan *plan, const char *what, struct genv_error *err);

/* Sets the variables of the plan in the list @env, that of the container or of a process that enters it. */
int edit_variables(json_t *env, const struct genv_variable *variables, const char *path_front, struct genv_error *err);

/* Whether what is mounted on /dev is the container's own tmpfs, so that nothing of an image or the host is written to.
 */
bool edit_has_own_dev(const json_t *config);

/* What is in PATH of an image that says none. */
#define EDIT_PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#endif
