/* The cgroups of containers, which say who is in one. */
#include "store/cgroup.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"

#define CGROUPS_MAX 65536
#define INIT_SCOPE  "/init.scope" /* where systemd goes that runs in a container */

bool cgroup_is_in(const char *cgroup, const char *first)
{
    size_t length = strlen(first), suffix = strlen(INIT_SCOPE);

    if (length > suffix && strcmp(first + length - suffix, INIT_SCOPE) == 0)
        length -= suffix;
    return strncmp(cgroup, first, length) == 0 && (!cgroup[length] || cgroup[length] == '/');
}

/* The path in a line of /proc/PID/cgroup, "7:devices:/docker/1573", if it is of the hierarchy @name and not its root.
 */
static const char *path_in(const char *line, const char *name)
{
    const char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    size_t length = path ? (size_t)(path - controllers - 1) : 0;

    if (!path || path[1] != '/' || !path[2] || path[2] == '\n' || length != strlen(name) ||
        strncmp(controllers + 1, name, length) != 0)
        return NULL;
    return path + 1;
}

char *cgroup_read(pid_t pid)
{
    static const char *const hierarchies[] = {"", "devices", "name=systemd", "pids"}; /* "": version 2 */
    cleanup_free char *text = NULL;
    char name[32], *found = NULL;

    snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
    if (file_read_at(AT_FDCWD, name, CGROUPS_MAX, &text, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
        for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
            const char *path = path_in(line, hierarchies[i]);

            if (path)
                return asprintf(&found, "%s:%.*s", hierarchies[i], (int)strcspn(path, "\n"), path) < 0 ? NULL : found;
        }
    }
    return NULL;
}
