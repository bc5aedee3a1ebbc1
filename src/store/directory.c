/* The state directory: opened without trusting what is there, made where it is missing. */
#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/user.h"

/* Gives @aside the name @name, unless that exists by now. */
static int rename_new(int parent, const char *aside, const char *name, bool is_directory)
{
    if (renameat2(parent, aside, parent, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -errno;
    /* A file system, such as NFS, that can't do that: a directory is never renamed over a full one, nor linked a file.
     */
    if (is_directory)
        return renameat(parent, aside, parent, name) < 0 ? -errno : 0;
    if (linkat(parent, aside, parent, name, 0) < 0)
        return -errno;
    unlinkat(parent, aside, 0);
    return 0;
}

/* The same; somebody was faster: all is well too. */
static int publish(int parent, const char *aside, const char *name, bool is_directory)
{
    int r = rename_new(parent, aside, name, is_directory);

    if (r < 0)
        unlinkat(parent, aside, is_directory ? AT_REMOVEDIR : 0);
    return r == -EEXIST || r == -ENOTEMPTY ? 0 : r;
}

/* A name beside @name that nobody can foresee. */
static int make_aside_name(const char *name, char **ret_aside)
{
    const char *base = strrchr(name, '/');
    int prefix = base ? (int)(base + 1 - name) : 0;
    char aside[FILE_ASIDE_SIZE];
    int r = file_name_aside(aside);

    if (r < 0)
        return r;
    return asprintf(ret_aside, "%.*s%s", prefix, name, aside) < 0 ? -ENOMEM : 0;
}

int directory_make(int parent, const char *name, mode_t mode)
{
    cleanup_close int fd = -1;
    char path[32];
    struct stat st;

    if (mkdirat(parent, name, 0700) < 0)
        return -errno;
    fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); /* the umask may leave no right to read */
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO))) /* another one, in its place */
        return -ELOOP;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fchmod(2) takes no such descriptor */
    return chmod(path, mode) < 0 ? -errno : 0;
}

/* The same, complete before anyone sees it. */
static int make_directory(int parent, const char *name)
{
    cleanup_free char *aside = NULL;
    int r = make_aside_name(name, &aside);

    if (r < 0)
        return r;
    r = directory_make(parent, aside, 01777);
    if (r < 0) {
        unlinkat(parent, aside, AT_REMOVEDIR);
        return r;
    }
    return publish(parent, aside, name, true);
}

static int make_lock(int directory, const char *name)
{
    cleanup_free char *aside = NULL;
    cleanup_close int fd = -1;
    int r = make_aside_name(name, &aside);

    if (r < 0)
        return r;
    fd = openat(directory, aside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0666) < 0) {
        r = -errno;
        unlinkat(directory, aside, 0);
        return r;
    }
    return publish(directory, aside, name, false);
}

static int refuse(int code, const char *verb, const char *shown, struct genv_error *err)
{
    if (code == -ENOTDIR || code == -ELOOP)
        return error_set(err, ENOTDIR, "%s is not a directory, or is a symbolic link: remove it, or set GENV_TMPDIR",
                         shown);
    return error_set_errno(err, -code, "cannot %s %s", verb, shown);
}

int directory_open(int parent, const char *name, bool create, const char *shown, int *ret_fd, struct genv_error *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);

    if (fd < 0 && errno == ENOENT && create) {
        int r = make_directory(parent, name);

        if (r < 0)
            return refuse(r, "create", shown, err);
        fd = openat(parent, name, flags);
    }
    if (fd < 0)
        return refuse(-errno, "open", shown, err);
    *ret_fd = fd;
    return 0;
}

bool directory_is_roots(const char *path)
{
    cleanup_free char *part = strdup(path);
    char *slash;

    do {
        struct stat st;

        if (!part || lstat(*part ? part : "/", &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != 0 ||
            ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)))
            return false;
        slash = strrchr(part, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return true;
}

int directory_take_away(int directory, const char *name)
{
    char aside[FILE_ASIDE_SIZE];
    int r;

    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    r = file_name_aside(aside);
    if (r < 0)
        return r;
    return renameat(directory, name, directory, aside) < 0 && errno != ENOENT ? -errno : 0;
}

static int refuse_closed(int directory, const char *name, const char *shown, struct genv_error *err)
{
    char owner[GENV_USERNAME_SIZE];
    struct stat st;

    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, EACCES, "cannot open %s/%s", shown, name);
    user_name(st.st_uid, owner, sizeof(owner));
    return error_set(err, EACCES, "cannot open %s/%s: it belongs to %s and is not readable by others", shown, name,
                     owner);
}

/* Whether it is not root's, who may have reasons. */
static bool is_of_a_user(int directory, const char *name)
{
    struct stat st;

    return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != 0;
}

int directory_open_lock(int directory, const char *name, bool create, const char *shown, int *ret_fd,
                        struct genv_error *err)
{
    int r = file_open(directory, name, O_RDONLY, ret_fd, NULL);

    if ((r == -ELOOP || r == -ENOTSUP) && create && geteuid() == 0 && is_of_a_user(directory, name) &&
        directory_take_away(directory, name) == 0)
        r = -ENOENT;
    if (r == -ENOENT && create) {
        r = make_lock(directory, name);
        if (r < 0)
            return error_set_errno(err, -r, "cannot create %s/%s", shown, name);
        r = file_open(directory, name, O_RDONLY, ret_fd, NULL);
    }
    if (r == -ELOOP || r == -ENOTSUP)
        return error_set(err, -r, "%s/%s is not a regular file: ask an administrator to remove it", shown, name);
    if (r == -EACCES)
        return refuse_closed(directory, name, shown, err);
    return r < 0 ? error_set_errno(err, -r, "cannot open %s/%s", shown, name) : 0;
}
