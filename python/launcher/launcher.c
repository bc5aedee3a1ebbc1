/* bin/genv of a virtualenv: becomes the genv that is in the Python package beside it. The package's folder has the
 * number of the Python that it was installed for, which a wheel cannot know. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const places[] = {
    "/lib/python3*/site-packages",
    "/lib64/python3*/site-packages",
    "/lib/python3*/dist-packages",
    "/local/lib/python3*/dist-packages",
};

/* The path of this program, cut at its last slash; returns what stands behind that. */
static const char *cut(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        return "";
    *slash = '\0';
    return slash + 1;
}

int main(int argc, char **argv)
{
    char prefix[PATH_MAX], pattern[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);
    glob_t found = {0};
    const char *name;

    (void)argc;
    prefix[length < 0 ? 0 : length] = '\0';
    name = cut(prefix);
    cut(prefix);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(pattern, sizeof(pattern), "%s%s/genv/_root/bin/%s", prefix, places[i], name);
        glob(pattern, i ? GLOB_APPEND : 0, NULL, &found);
    }
    for (size_t i = found.gl_pathc; i > 0; i--) /* of several Pythons, a later one */
        execv(found.gl_pathv[i - 1], argv);
    fprintf(stderr, "%s: cannot find the package genv-gpu in %s%s: install it again\n", name, prefix, places[0]);
    return 127;
}
