/* What containers that are started here may have. */
#include "shim/grant.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shim/docker_gpus.h"
#include "shim/shim.h"

void grant_release(struct grant *grant)
{
    genv_env_free(grant->env);
    genv_snapshot_free(grant->machine);
    *grant = (struct grant){.env = NULL};
}

int grant_read_env(struct grant *grant, struct genv_error *err)
{
    return grant->env ? 0 : shim_environment(&grant->env, err);
}

static int read_machine(struct grant *grant, struct genv_error *err)
{
    int r = grant_read_env(grant, err);

    return r < 0 || grant->machine ? r : shim_devices(&grant->machine, err);
}

int grant_check_all(struct grant *grant, struct genv_error *err)
{
    int r = read_machine(grant, err);

    for (size_t i = 0; r == 0 && i < grant->machine->device_count; i++)
        r = docker_check_device(grant->machine->devices[i].id.uuid, grant->env, err);
    return r == -EPERM ? error_prefix(err, r, "those are all GPUs") : r;
}

/* N of /dev/nvidiaN; -1: it is something else. */
static int node_minor(const char *path)
{
    static const char prefix[] = "/dev/nvidia";
    char resolved[PATH_MAX];
    const char *digits;

    if (realpath(path, resolved))
        path = resolved;
    digits = path + sizeof(prefix) - 1;
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || !*digits || digits[strspn(digits, "0123456789")])
        return -1;
    return strlen(digits) < 6 ? atoi(digits) : INT_MAX;
}

static bool is_all_of_dev(const char *path)
{
    char resolved[PATH_MAX];

    return realpath(path, resolved) && (strcmp(resolved, "/dev") == 0 || strcmp(resolved, "/") == 0);
}

bool grant_is_node(const char *path)
{
    return node_minor(path) >= 0 || is_all_of_dev(path);
}

int grant_check_node(struct grant *grant, const char *path, struct genv_error *err)
{
    int minor = node_minor(path), r;

    if (minor < 0)
        return error_set(err, EPERM, "it holds the GPUs of all: name those of this environment");
    r = read_machine(grant, err);
    for (size_t i = 0; r == 0 && i < grant->machine->device_count; i++) {
        const struct genv_device *device = &grant->machine->devices[i];
        char index[16];

        if (device->minor != minor)
            continue;
        snprintf(index, sizeof(index), "%u", device->index);
        return docker_check_device(index, grant->env, err);
    }
    return r < 0 ? r : error_set(err, EPERM, "genv cannot tell which GPU that is: use --gpus");
}
