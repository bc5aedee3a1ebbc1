/* What containers that are started here may have. */
#include "shim/grant.h"

#include <limits.h>
#include <string.h>

#include "shim/docker_command.h"
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

int grant_read_machine(struct grant *grant, struct genv_error *err)
{
    int r = grant_read_env(grant, err);

    return r < 0 || grant->machine ? r : shim_devices(&grant->machine, err);
}

int grant_node_of_path(const char *path)
{
    static const char prefix[] = "/dev/nvidia";
    char resolved[PATH_MAX];
    const char *digits;

    if (realpath(path, resolved))
        path = resolved;
    if (strcmp(path, "/dev") == 0 || strcmp(path, "/") == 0)
        return DOCKER_ALL_NODES;
    digits = path + sizeof(prefix) - 1;
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || !*digits || digits[strspn(digits, "0123456789")])
        return DOCKER_NO_NODE;
    return strlen(digits) < 6 ? atoi(digits) : INT_MAX;
}
