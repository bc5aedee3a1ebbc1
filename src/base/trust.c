/* Directories that other programs are told of by their path. */
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool trust_is_own(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Whether what root and the caller have in this directory stays there under its name. */
static bool keeps_names(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()))
        return false;
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_mode & S_ISVTX;
}

int trust_resolve(const char *path, char **ret_path)
{
    cleanup_free char *resolved = realpath(path, NULL);

    if (!resolved)
        return -errno;
    /* From the root down: what has been looked at holds what comes next in its place. */
    if (!keeps_names("/"))
        return -EPERM;
    for (char *slash = strchr(resolved + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        bool keeps;

        *slash = '\0';
        keeps = keeps_names(resolved);
        *slash = '/';
        if (!keeps)
            return -EPERM;
    }
    if (!keeps_names(resolved))
        return -EPERM;
    *ret_path = STEAL_POINTER(resolved);
    return 0;
}

int trust_open_private(const char *parent, const char *name, int *ret_fd)
{
    cleanup_close int directory = open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -1;
    struct stat st;

    if (directory < 0 || (mkdirat(directory, name, 0700) < 0 && errno != EEXIST))
        return -errno;
    fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    /* One that others could write to may hold what they have put there. */
    if (!trust_is_own(&st))
        return -EPERM;
    if (st.st_mode & (S_IRWXG | S_IRWXO) && fchmod(fd, 0700) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}
