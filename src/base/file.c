/* Files that somebody else may have planted: opened without following links, without waiting, and only so large. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>

#ifndef SYS_openat2
#define SYS_openat2 437 /* as the next; headers before Linux 5.6 lack it */
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436 /* on every architecture; headers before Linux 5.9 lack it */
#endif

int file_open_resolved(int directory, const char *name, int flags, unsigned resolve)
{
    /* struct open_how; headers before Linux 5.6 lack it */
    const struct {
        uint64_t flags, mode, resolve;
    } how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = resolve};

    return (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));
}

static int take_regular(int opened, int *ret_fd, struct stat *ret_stat)
{
    cleanup_close int fd = opened;
    struct stat st;

    if (fd < 0)
        return errno == ENXIO ? -ENOTSUP : -errno; /* a socket, or a device that nobody drives */
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    if (ret_stat)
        *ret_stat = st;
    *ret_fd = steal_fd(&fd);
    return 0;
}

#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

int file_open(int directory, const char *name, int flags, int *ret_fd, struct stat *ret_stat)
{
    return take_regular(openat(directory, name, flags | OPEN_FLAGS), ret_fd, ret_stat);
}

int file_open_here(int directory, const char *name, int flags, int *ret_fd, struct stat *ret_stat)
{
    int fd = file_open_resolved(directory, name, flags | OPEN_FLAGS, FILE_RESOLVE_NO_XDEV);

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return file_open(directory, name, flags, ret_fd, ret_stat);
    return take_regular(fd, ret_fd, ret_stat);
}

int file_stat_here(int directory, const char *name, struct stat *ret_stat)
{
    struct statx st;

    if (statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0)
        return -errno;
    *ret_stat = (struct stat){
        .st_mode = st.stx_mode,
        .st_uid = st.stx_uid,
        .st_nlink = st.stx_nlink,
        .st_size = (off_t)st.stx_size,
        .st_mtim = {.tv_sec = st.stx_mtime.tv_sec, .tv_nsec = st.stx_mtime.tv_nsec},
    };
    return st.stx_attributes & STATX_ATTR_MOUNT_ROOT ? -EXDEV : 0; /* kernels before 5.8 do not say */
}

int file_read(int fd, size_t max, char **ret_text, size_t *ret_length)
{
    size_t capacity = 2048, length = 0;
    cleanup_free char *text = malloc(capacity + 1);

    if (!text)
        return -ENOMEM;
    for (;;) {
        ssize_t n = read(fd, text + length, capacity - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
        if (length > max)
            return -EFBIG;
        if (length == capacity) {
            char *larger = realloc(text, capacity * 2 + 1);

            if (!larger)
                return -ENOMEM;
            text = larger;
            capacity *= 2;
        }
    }
    text[length] = '\0';
    *ret_text = STEAL_POINTER(text);
    if (ret_length)
        *ret_length = length;
    return 0;
}

int file_read_at(int directory, const char *name, size_t max, char **ret_text, size_t *ret_length)
{
    cleanup_close int fd = -1;
    int r = file_open(directory, name, O_RDONLY, &fd, NULL);

    return r < 0 ? r : file_read(fd, max, ret_text, ret_length);
}

int file_write(int fd, const void *bytes, size_t length)
{
    const char *rest = bytes;

    while (length) {
        ssize_t n = write(fd, rest, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        rest += n;
        length -= (size_t)n;
    }
    return 0;
}

static int write_aside(int fd, const char *text, size_t length, mode_t mode, uid_t uid, bool durable)
{
    int r = file_write(fd, text, length);

    if (r < 0)
        return r;
    if (uid != (uid_t)-1 && fchown(fd, uid, (gid_t)-1) < 0)
        return -errno;
    if (fchmod(fd, mode) < 0) /* whatever the umask left of it */
        return -errno;
    return durable && fsync(fd) < 0 ? -errno : 0;
}

/* rename(2) over an existing file makes ext4 write the new one out first, 20 times the cost of the rest: exchange the
 * two, and remove the old one under its new name. */
static int rename_over(int directory, const char *aside, const char *name)
{
    if (renameat2(directory, aside, directory, name, RENAME_EXCHANGE) == 0) {
        if (unlinkat(directory, aside, 0) == 0 || errno != EISDIR)
            return 0;
        renameat2(directory, aside, directory, name, RENAME_EXCHANGE); /* rename(2) replaces no directory either */
        return -EISDIR;
    }
    if (errno != ENOENT && errno != EINVAL && errno != ENOSYS) /* no old one, or the file system, or kernel, can't */
        return -errno;
    return renameat(directory, aside, directory, name) < 0 ? -errno : 0;
}

int file_name_aside(char name[static FILE_ASIDE_SIZE])
{
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -EIO;
    snprintf(name, FILE_ASIDE_SIZE, FILE_ASIDE_PREFIX "%016llx", (unsigned long long)number);
    return 0;
}

int file_replace(int directory, const char *name, const char *text, size_t length, mode_t mode, uid_t uid, bool durable)
{
    cleanup_close int fd = -1;
    char aside[FILE_ASIDE_SIZE];
    int r = file_name_aside(aside);

    if (r < 0)
        return r;
    fd = openat(directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_aside(fd, text, length, mode, uid, durable);
    if (r == 0)
        r = rename_over(directory, aside, name);
    if (r < 0)
        unlinkat(directory, aside, 0);
    return r;
}

/* Unlike opendir(3), allocates nothing: another thread may have held malloc()'s lock when this process was forked. */
static void close_listed(int first)
{
    int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    alignas(struct dirent64) char entries[1024];
    long length;

    while (list >= 0 && (length = syscall(SYS_getdents64, list, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < length;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
            int fd = (int)strtol(entry->d_name, NULL, 10);

            if (entry->d_name[0] != '.' && fd >= first && fd != list)
                close(fd);
            at += entry->d_reclen;
        }
    }
    if (list >= 0)
        close(list);
}

void file_close_from(int first)
{
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) < 0)
        close_listed(first);
}
