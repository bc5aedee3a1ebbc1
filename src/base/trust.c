/* Directories that other programs are told of by their path. */
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

bool trust_is_own(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool trust_is_everybodys(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && st.st_mode & S_IWOTH;
}

static bool is_trusted(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

/* Whether what root and the caller have in this directory stays there under its name. */
static bool keeps_names(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || !is_trusted(&st))
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

/* Opens the directory that the link @link, which is at @path, leads to. */
static int follow(int link, const char *path, int *ret_fd)
{
    cleanup_free char *folder = strdup(path);
    cleanup_close int parent = -1;
    char target[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof(target) - 1);
    char *slash = folder ? strrchr(folder, '/') : NULL;

    if (length < 0 || !folder)
        return folder ? -errno : -ENOMEM;
    target[length] = '\0';
    if (slash)
        slash[slash == folder] = '\0';
    parent = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    *ret_fd = openat(parent, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

int trust_open(const char *path, int *ret_fd, uid_t *ret_stranger)
{
    cleanup_close int entry = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
    struct stat st;
    int r = 0;

    if (entry < 0 || fstat(entry, &st) < 0)
        return -errno;
    *ret_stranger = st.st_uid;
    if (!is_trusted(&st))
        return S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode) ? -EPERM : -ENOTDIR;
    if (S_ISLNK(st.st_mode))
        r = follow(entry, path, &fd);
    else if ((fd = openat(entry, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        r = -errno;
    if (r < 0 || fstat(fd, &st) < 0)
        return r < 0 ? r : -errno;
    *ret_stranger = st.st_uid;
    if (!is_trusted(&st))
        return -EPERM;
    *ret_fd = steal_fd(&fd);
    return 0;
}
