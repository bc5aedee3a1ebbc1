/* bin/genv of a virtualenv: becomes the genv that is in the Python package beside it. The package's folder has the
 * number of the Python that it was installed for, which a wheel cannot know. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct program {
    const char *name;
    char **words;
    char tried[PATH_MAX]; /* what is there and cannot be started, because of @error */
    int error;
};

/* The path of this program, cut at its last slash; returns what stands behind that. */
static char *cut(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        return path + strlen(path);
    *slash = '\0';
    return slash + 1;
}

/* Becomes the program of the package in @packages, if it is there. */
static void try(struct program *program, const char *packages)
{
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof(path), "%s/genv/_root/bin/%s", packages, program->name) >= sizeof(path))
        return;
    execv(path, program->words);
    if (errno == ENOENT || errno == ENOTDIR)
        return;
    program->error = errno;
    memcpy(program->tried, path, sizeof(path));
}

/* The highest N below @limit with a folder python3.N in @directory, or -1. */
static int next_version(const char *directory, int limit)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    int version, highest = -1;

    while (dir && (entry = readdir(dir))) {
        if (sscanf(entry->d_name, "python3.%d", &version) == 1 && version < limit && version > highest)
            highest = version;
    }
    if (dir)
        closedir(dir);
    return highest;
}

static void try_versions(struct program *program, const char *directory)
{
    static const char *const folders[] = {"site-packages", "dist-packages"};
    char packages[PATH_MAX];

    for (int version = next_version(directory, INT_MAX); version >= 0; version = next_version(directory, version)) {
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
            if ((size_t)snprintf(packages, sizeof(packages), "%s/python3.%d/%s", directory, version, folders[i]) <
                sizeof(packages))
                try(program, packages);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const libraries[] = {"lib", "lib64", "local/lib"};
    struct program program = {.words = argv};
    char prefix[PATH_MAX], directory[PATH_MAX + 16];
    ssize_t length = readlink("/proc/self/exe", prefix, sizeof(prefix) - 1);

    (void)argc;
    prefix[length < 0 ? 0 : length] = '\0';
    program.name = cut(prefix);
    cut(prefix);
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        snprintf(directory, sizeof(directory), "%s/%s", prefix, libraries[i]);
        try_versions(&program, directory);
    }
    try(&program, prefix); /* pip install --target */
    if (program.error)
        fprintf(stderr, "%s: cannot start %s: %s: install genv-gpu again\n", program.name, program.tried,
                strerror(program.error));
    else
        fprintf(stderr, "%s: cannot find the package genv-gpu below %s: install it again\n", program.name, prefix);
    return 127;
}
