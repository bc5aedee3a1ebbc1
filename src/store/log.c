/* Events, one JSON object a line, in a file that is rotated by size.
 *
 * Lines are appended under flock(2). Anyone may lock a file that he can read, so that the lock is waited for only for a
 * moment: without it a line is still one write(2) with O_APPEND. */
#include "store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "store/directory.h"
#include "store/lock.h"

#define LOCK_MS  200
#define ATTEMPTS 16 /* at opening a file that others rotate */

struct log {
    char *path;
    char name[NAME_MAX + 1], rotated[NAME_MAX + 1];
    int directory, fd; /* fd is -1 until the first line */
    bool own;          /* root's in the state directory: what others put in its place is removed */
    bool contested;    /* somebody keeps the lock: wait for him no more */
    bool stuck;        /* the file cannot be rotated, which was said */
};

void log_close(struct log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (log->directory >= 0)
        close(log->directory);
    free(log->path);
    free(log);
}

DEFINE_CLEANUP(struct log *, cleanup_logp, log_close)

/* Whom a log may belong to. A second name may be a trap: the file is another one of the same owner. */
static int check_owner(const char *path, const struct stat *st, struct genv_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(err, EPERM, "%s belongs to another user: remove it, or use another file", path);
    if (st->st_nlink > 1)
        return error_set(err, EPERM, "%s has more than one hard link: remove it, or use another file", path);
    return 0;
}

static int refuse(const char *path, int r, struct genv_error *err)
{
    if (r == -ELOOP || r == -ENOTSUP || r == -EISDIR)
        return error_set(err, EPERM, "%s is not a regular file: remove it, or use another file", path);
    return error_set_errno(err, -r, "cannot open the log %s", path);
}

/* -ENOENT: there is none; @err is not set then. */
static int open_existing(int directory, const char *name, const char *path, int flags, int *ret_fd,
                         struct genv_error *err)
{
    cleanup_close int fd = -1;
    struct stat st;
    int r = file_open(directory, name, flags, &fd, &st);

    if (r == -ENOENT)
        return r;
    if (r < 0)
        return refuse(path, r, err);
    r = check_owner(path, &st, err);
    if (r == 0)
        *ret_fd = steal_fd(&fd);
    return r;
}

/* Follows a link that root or the caller has made, and nobody else's. */
static int open_folder(const char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int fd = open(path, flags | O_NOFOLLOW);
    struct stat st;

    if (fd >= 0 || (errno != ELOOP && errno != ENOTDIR))
        return fd < 0 ? -errno : fd;
    if (lstat(path, &st) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode) && st.st_uid != 0 && st.st_uid != geteuid())
        return -ELOOP;
    fd = open(path, flags);
    return fd < 0 ? -errno : fd;
}

static int split_path(struct log *log, const char *path, struct genv_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = slash && slash > path ? (size_t)(slash - path) : 1;
    cleanup_free char *folder = strndup(slash ? path : ".", length);

    log->path = strdup(path);
    if (!folder || !log->path)
        return error_no_memory(err);
    if (!*name || strlen(name) + sizeof(".1") > sizeof(log->name))
        return error_set(err, EINVAL, "'%s' is not a valid file name for a log", path);
    copy_string(log->name, sizeof(log->name), name);
    snprintf(log->rotated, sizeof(log->rotated), "%.*s.1", NAME_MAX - 2, name);
    log->directory = open_folder(folder);
    return log->directory < 0 ? error_set_errno(err, -log->directory, "cannot open the log's directory %s", folder) : 0;
}

static int create(struct log *log)
{
    cleanup_close int fd =
        openat(log->directory, log->name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0644) < 0) /* whatever the umask left of it */
        return -errno;
    log->fd = steal_fd(&fd);
    return 0;
}

/* Whether what bears the name may be the log's own. */
static bool may_be_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) && st->st_nlink == 1;
}

/* Removes what was planted under @name. */
static int remove_planted(const struct log *log, const char *name)
{
    struct stat st;

    if (fstatat(log->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return may_be_ours(&st) ? 0 : directory_take_away(log->directory, name); /* ours: another genv was quicker */
}

/* Opens the file that is there, in the place of a planted one a new one. -ENOENT: there is none; @err is not set then.
 */
static int open_current(struct log *log, struct genv_error *err)
{
    struct genv_error reason = {0};
    int r = -EPERM;

    for (int i = 0; r == -EPERM && i < ATTEMPTS; i++) {
        r = open_existing(log->directory, log->name, log->path, O_RDWR | O_APPEND, &log->fd, &reason);
        if (r != -EPERM || !log->own || remove_planted(log, log->name) < 0)
            break;
        r = create(log);
        if (r == -EEXIST)
            r = -EPERM; /* planted again */
        else if (r < 0)
            error_set_errno(&reason, -r, "cannot create the log %s", log->path);
    }
    if (r < 0 && r != -ENOENT && err)
        *err = reason;
    return r;
}

static int open_log(const char *path, bool own, struct log **ret_log, struct genv_error *err)
{
    cleanup_with(cleanup_logp) struct log *log = calloc(1, sizeof(*log));
    int r;

    if (!log)
        return error_no_memory(err);
    log->directory = log->fd = -1;
    log->own = own;
    r = split_path(log, path, err);
    if (r < 0)
        return r;
    r = open_current(log, err);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_log = STEAL_POINTER(log);
    return 0;
}

int log_open(const char *path, struct log **ret_log, struct genv_error *err)
{
    return open_log(path, false, ret_log, err);
}

int log_open_own(const char *path, struct log **ret_log, struct genv_error *err)
{
    return open_log(path, geteuid() == 0, ret_log, err);
}

/* Whether the file that is open is still the one of that name. */
static bool is_current(const struct log *log)
{
    struct stat here, there;

    return fstat(log->fd, &here) == 0 && fstatat(log->directory, log->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* Opens the file, or makes it, and takes the lock if that is to be had. Closing the file gives the lock back. */
static int enter(struct log *log, struct genv_error *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        int r = 0;

        if (log->fd < 0)
            r = open_current(log, err);
        if (r == -ENOENT) {
            r = create(log);
            if (r == -EEXIST)
                continue;
            if (r < 0)
                return error_set_errno(err, -r, "cannot create the log %s", log->path);
        }
        if (r < 0)
            return r;
        log->contested = lock_wait(log->fd, LOCK_EX, log->contested ? 0 : LOCK_MS) < 0;
        if (is_current(log))
            return 0;
        close(steal_fd(&log->fd)); /* rotated, or removed, by another */
    }
    return error_set(err, EBUSY, "another program keeps replacing the log %s: stop it, or use another file", log->path);
}

static void leave(struct log *log)
{
    flock(log->fd, LOCK_UN);
}

/* Gives the full file its other name, whatever somebody put there first. */
static int move_away(const struct log *log)
{
    int r = -EISDIR;

    for (int i = 0; r == -EISDIR && i < ATTEMPTS; i++) {
        r = renameat(log->directory, log->name, log->directory, log->rotated) < 0 ? -errno : 0;
        if (r == -EISDIR && (!log->own || remove_planted(log, log->rotated) < 0))
            break;
    }
    return r;
}

/* A new file for the next lines where this one is full. Without the lock another may be doing so: only if it must be.
 */
static int rotate(struct log *log, struct genv_error *err)
{
    off_t size = lseek(log->fd, 0, SEEK_END);
    int r;

    if (size < (off_t)LOG_SIZE_MAX * (log->contested ? 2 : 1))
        return 0;
    r = move_away(log);
    if (r == 0) {
        log->stuck = false;
        close(steal_fd(&log->fd));
        return enter(log, err);
    }
    if (log->stuck)
        return 0;
    log->stuck = true;
    return error_set_errno(err, -r, "cannot rotate the log %s, which keeps growing until %s is removed", log->path,
                           log->rotated);
}

/* Ends a line that another writer, killed or out of space, left behind. */
static bool ends_in_a_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last;

    return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static int append(const struct log *log, const char *line, size_t length, struct genv_error *err)
{
    off_t before = lseek(log->fd, 0, SEEK_END);
    ssize_t n;

    do
        n = write(log->fd, line, length);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)length)
        return 0;
    if (n < 0)
        return error_set_errno(err, errno, "cannot write to the log %s", log->path);
    if (!log->contested && ftruncate(log->fd, before) < 0)
        return error_set_errno(err, errno, "cannot remove an incomplete line from the log %s", log->path);
    return error_set(err, ENOSPC, "cannot write to the log %s: the disk is full", log->path);
}

int log_write(struct log *log, const json_t *entry, struct genv_error *err)
{
    cleanup_free char *json = json_dumps(entry, JSON_COMPACT), *line = NULL;
    struct genv_error rotation = {0};
    int r, rotated, length;

    if (!json)
        return error_no_memory(err);
    if (strlen(json) >= LOG_LINE_SIZE)
        return error_set(err, EFBIG, "cannot write to the log %s: the entry is too long", log->path);
    r = enter(log, err);
    if (r < 0)
        return r;
    rotated = rotate(log, &rotation);
    if (log->fd < 0) {
        if (err)
            *err = rotation;
        return rotated;
    }
    length = asprintf(&line, "%s%s\n", ends_in_a_line(log->fd) ? "" : "\n", json);
    if (length < 0) {
        line = NULL;
        r = error_no_memory(err);
    } else {
        r = append(log, line, (size_t)length, err);
    }
    leave(log);
    if (r == 0 && rotated < 0 && err)
        *err = rotation;
    return r == 0 ? rotated : r;
}

/* A line that is too long is not ours, and nothing of it is kept. */
static void read_lines(FILE *file, char *line, void (*each)(const char *line, size_t length, void *data), void *data)
{
    size_t length = 0;
    int c;

    do {
        c = getc_unlocked(file);
        if (c != '\n' && c != EOF) {
            if (length < LOG_LINE_SIZE)
                line[length++] = (char)c;
            continue;
        }
        if (length && length < LOG_LINE_SIZE) {
            line[length] = '\0';
            each(line, length, data);
        }
        length = 0;
    } while (c != EOF);
}

/* Whether @path is there and can't be the log's: whoever planted it keeps nobody from reading the rest. */
static bool was_planted(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && !may_be_ours(&st);
}

/* -ENOENT: there is none, and *ret_file stays NULL. */
static int open_for_reading(const char *path, FILE **ret_file, struct genv_error *err)
{
    cleanup_close int fd = -1;
    int r = open_existing(AT_FDCWD, path, path, O_RDONLY, &fd, err);

    if (r < 0)
        return r;
    *ret_file = fdopen(fd, "r");
    if (!*ret_file)
        return error_no_memory(err);
    steal_fd(&fd);
    return 0;
}

static bool is_same_file(FILE *a, FILE *b)
{
    struct stat first, second;

    return a && b && fstat(fileno(a), &first) == 0 && fstat(fileno(b), &second) == 0 && first.st_ino == second.st_ino &&
           first.st_dev == second.st_dev;
}

int log_read(const char *path, void (*each)(const char *line, size_t length, void *data), void *data,
             struct genv_error *err)
{
    cleanup_fclose FILE *current = NULL, *old = NULL;
    cleanup_free char *line = malloc(LOG_LINE_SIZE), *rotated = NULL;
    int r, other;

    if (asprintf(&rotated, "%s.1", path) < 0)
        rotated = NULL;
    if (!line || !rotated)
        return error_no_memory(err);
    r = open_for_reading(path, &current, err);
    if (r < 0 && r != -ENOENT)
        return r;
    other = open_for_reading(rotated, &old, err); /* after the other: one that is rotated meanwhile is not lost */
    if (other < 0 && other != -ENOENT && !was_planted(rotated))
        return other;
    if (!current && !old)
        return error_set(err, ENOENT, "there is no log %s", path);
    if (old && !is_same_file(old, current))
        read_lines(old, line, each, data);
    if (current)
        read_lines(current, line, each, data);
    return 0;
}
