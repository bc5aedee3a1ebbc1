/* Where this genv is installed. */
#include "cli/installation.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "base/text.h"
#include "base/trust.h"

/* What the kernel puts behind the path of a binary that was replaced while it runs: an upgrade. */
static const char deleted[] = " (deleted)";

static void strip_deleted(char *path)
{
    size_t length = strlen(path), suffix = sizeof(deleted) - 1;

    if (length > suffix && strcmp(path + length - suffix, deleted) == 0)
        path[length - suffix] = '\0';
}

/* Whether PATH has a podman. Its shim is of use there alone: where there is none, programs that take podman or docker,
 * whichever they find, would find it. */
static bool has_podman(void)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, "podman")) {
        if (access(path.file, X_OK) == 0)
            return true;
    }
    return false;
}

int installation_find(struct installation *ret_installation, struct genv_error *err)
{
    struct installation *in = ret_installation;
    ssize_t length = readlink("/proc/self/exe", in->genv, sizeof(in->genv) - 1);

    if (length < 0)
        return error_set_errno(err, errno, "cannot find out where genv is installed: /proc/self/exe");
    in->genv[length] = '\0';
    strip_deleted(in->genv);
    memcpy(in->root, in->genv, sizeof(in->root));
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(in->root, '/');

        if (slash)
            *slash = '\0';
    }
    snprintf(in->shims, sizeof(in->shims), "%s/shims%s", in->root, has_podman() ? "-podman" : "");
    snprintf(in->view, sizeof(in->view), "%s/view", in->root);
    snprintf(in->completions, sizeof(in->completions), "%s/completions", in->root);
    if (in->root[0] == '\0')
        copy_string(in->root, sizeof(in->root), "/");
    if (trust_is_everybodys(in->root))
        return error_set(err, EPERM,
                         "genv is installed in %s, where anyone can write: install it in a directory of its own",
                         in->root);
    return 0;
}
