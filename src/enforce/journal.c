/* What enforcement found and did: one JSON object a line, in a file that is rotated by size.
 *
 * Lines are appended under flock(2). Anyone may lock a file that he can read, so that the lock is waited for only for a
 * moment: without it a line is still one write(2) with O_APPEND. */
#include "enforce/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "store/lock.h"

#define LOCK_MS  200
#define ATTEMPTS 16 /* at opening a file that others rotate */

struct journal {
    char *path;
    char name[NAME_MAX + 1], rotated[NAME_MAX + 1];
    int directory, fd; /* fd is -1 until the first line */
    bool own;          /* root's in the state directory: what others put in its place is removed */
    bool contested;    /* somebody keeps the lock: wait for him no more */
    bool stuck;        /* the file can't be rotated, which was said */
};

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    if (journal->directory >= 0)
        close(journal->directory);
    free(journal->path);
    free(journal);
}

DEFINE_CLEANUP(struct journal *, cleanup_journalp, journal_close)

/* Whom a journal may belong to. A second name may be a trap: the file is another one of the same owner. */
static int check_owner(const char *path, const struct stat *st, struct genv_error *err)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return error_set(err, EPERM, "%s belongs to somebody else: remove it, or name another file", path);
    if (st->st_nlink > 1)
        return error_set(err, EPERM, "%s has a second name: remove it, or name another file", path);
    return 0;
}

static int refuse(const char *path, int r, struct genv_error *err)
{
    if (r == -ELOOP || r == -ENOTSUP || r == -EISDIR)
        return error_set(err, EPERM, "%s is a link, or no file: remove it, or name another file", path);
    return error_set_errno(err, -r, "can't open the journal %s", path);
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

static int split_path(struct journal *journal, const char *path, struct genv_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = slash && slash > path ? (size_t)(slash - path) : 1;
    cleanup_free char *folder = strndup(slash ? path : ".", length);

    journal->path = strdup(path);
    if (!folder || !journal->path)
        return error_no_memory(err);
    if (!*name || strlen(name) + sizeof(".1") > sizeof(journal->name))
        return error_set(err, EINVAL, "'%s' names no file", path);
    copy_string(journal->name, sizeof(journal->name), name);
    snprintf(journal->rotated, sizeof(journal->rotated), "%.*s.1", NAME_MAX - 2, name);
    journal->directory = open_folder(folder);
    return journal->directory < 0 ? error_set_errno(err, -journal->directory, "can't open %s for the journal", folder)
                                  : 0;
}

static int create(struct journal *journal)
{
    cleanup_close int fd =
        openat(journal->directory, journal->name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    if (fchmod(fd, 0644) < 0) /* whatever the umask left of it */
        return -errno;
    journal->fd = steal_fd(&fd);
    return 0;
}

/* Removes what was planted in the journal's place: in a sticky directory root alone can, and only that name goes.
 * -EISDIR: it is a directory. */
static int remove_planted(const struct journal *journal)
{
    struct stat st;

    if (fstatat(journal->directory, journal->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (S_ISREG(st.st_mode) && st.st_uid == 0 && st.st_nlink == 1)
        return 0; /* another genv was quicker */
    return unlinkat(journal->directory, journal->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* Opens the file that is there, in the place of a planted one a new one. -ENOENT: there is none; @err is not set then.
 */
static int open_current(struct journal *journal, struct genv_error *err)
{
    struct genv_error reason = {0};
    int r = -EPERM;

    for (int i = 0; r == -EPERM && i < ATTEMPTS; i++) {
        r = open_existing(journal->directory, journal->name, journal->path, O_RDWR | O_APPEND, &journal->fd, &reason);
        if (r != -EPERM || !journal->own || remove_planted(journal) < 0)
            break;
        r = create(journal);
        if (r == -EEXIST)
            r = -EPERM; /* planted again */
        else if (r < 0)
            error_set_errno(&reason, -r, "can't make the journal %s", journal->path);
    }
    if (r < 0 && r != -ENOENT && err)
        *err = reason;
    return r;
}

static int open_journal(const char *path, bool own, struct journal **ret_journal, struct genv_error *err)
{
    cleanup_with(cleanup_journalp) struct journal *journal = calloc(1, sizeof(*journal));
    int r;

    if (!journal)
        return error_no_memory(err);
    journal->directory = journal->fd = -1;
    journal->own = own;
    r = split_path(journal, path, err);
    if (r < 0)
        return r;
    r = open_current(journal, err);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_journal = STEAL_POINTER(journal);
    return 0;
}

int journal_open(const char *path, struct journal **ret_journal, struct genv_error *err)
{
    return open_journal(path, false, ret_journal, err);
}

int journal_open_default(const char *path, struct journal **ret_journal, struct genv_error *err)
{
    return open_journal(path, geteuid() == 0, ret_journal, err);
}

/* Whether the file that is open is still the one of that name. */
static bool is_current(const struct journal *journal)
{
    struct stat here, there;

    return fstat(journal->fd, &here) == 0 &&
           fstatat(journal->directory, journal->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* Opens the file, or makes it, and takes the lock if that is to be had. Closing the file gives the lock back. */
static int enter(struct journal *journal, struct genv_error *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        int r = 0;

        if (journal->fd < 0)
            r = open_current(journal, err);
        if (r == -ENOENT) {
            r = create(journal);
            if (r == -EEXIST)
                continue;
            if (r < 0)
                return error_set_errno(err, -r, "can't make the journal %s", journal->path);
        }
        if (r < 0)
            return r;
        journal->contested = lock_wait(journal->fd, LOCK_EX, journal->contested ? 0 : LOCK_MS) < 0;
        if (is_current(journal))
            return 0;
        close(steal_fd(&journal->fd)); /* rotated, or removed, by another */
    }
    return error_set(err, EBUSY, "the journal %s is replaced again and again", journal->path);
}

static void leave(struct journal *journal)
{
    flock(journal->fd, LOCK_UN);
}

/* A new file for the next lines where this one is full. Without the lock another may be doing so: only if it must be.
 */
static int rotate(struct journal *journal, struct genv_error *err)
{
    off_t size = lseek(journal->fd, 0, SEEK_END);

    if (size < (off_t)JOURNAL_SIZE_MAX * (journal->contested ? 2 : 1))
        return 0;
    if (renameat(journal->directory, journal->name, journal->directory, journal->rotated) == 0) {
        journal->stuck = false;
        close(steal_fd(&journal->fd));
        return enter(journal, err);
    }
    if (journal->stuck)
        return 0;
    journal->stuck = true;
    return error_set_errno(err, errno, "can't rotate the journal %s to %s, and it grows: remove that", journal->path,
                           journal->rotated);
}

/* Ends a line that another writer, killed or out of space, left behind. */
static bool ends_in_a_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last;

    return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

static int append(const struct journal *journal, const char *line, size_t length, struct genv_error *err)
{
    off_t before = lseek(journal->fd, 0, SEEK_END);
    ssize_t n;

    do
        n = write(journal->fd, line, length);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)length)
        return 0;
    if (n < 0)
        return error_set_errno(err, errno, "can't write the journal %s", journal->path);
    if (!journal->contested && ftruncate(journal->fd, before) < 0)
        return error_set_errno(err, errno, "can't take half a line back from the journal %s", journal->path);
    return error_set(err, ENOSPC, "can't write the journal %s: the disk is full", journal->path);
}

int journal_write(struct journal *journal, json_t *entry, struct genv_error *err)
{
    cleanup_free char *json = json_dumps(entry, JSON_COMPACT), *line = NULL;
    struct genv_error rotation = {0};
    int r, rotated, length;

    if (!json)
        return error_no_memory(err);
    r = enter(journal, err);
    if (r < 0)
        return r;
    rotated = rotate(journal, &rotation);
    if (journal->fd < 0) {
        if (err)
            *err = rotation;
        return rotated;
    }
    length = asprintf(&line, "%s%s\n", ends_in_a_line(journal->fd) ? "" : "\n", json);
    if (length < 0) {
        line = NULL;
        r = error_no_memory(err);
    } else {
        r = append(journal, line, (size_t)length, err);
    }
    leave(journal);
    if (r == 0 && rotated < 0 && err)
        *err = rotation;
    return r == 0 ? rotated : r;
}

static void add_text(json_t *entry, const char *key, const char *text)
{
    cleanup_free char *printable = text && *text ? strdup(text) : NULL;

    if (!printable)
        return;
    utf8_make_printable(printable);
    json_object_set_new(entry, key, json_string(printable));
}

static void add_number(json_t *entry, const char *key, uint64_t number)
{
    json_object_set_new(entry, key, json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

static void add_violation(json_t *entry, const struct violation *violation)
{
    add_text(entry, "rule", enforce_rule_names[violation->rule]);
    if (violation->pid)
        add_number(entry, "pid", (uint64_t)violation->pid);
    if (violation->start_time)
        add_number(entry, "start_time", violation->start_time);
    add_text(entry, "command", violation->command);
    add_text(entry, "eid", violation->eid);
    if (violation->uid != (uid_t)-1)
        add_number(entry, "uid", violation->uid);
    add_text(entry, "username", violation->username);
    add_number(entry, "device", violation->index);
    add_text(entry, "uuid", violation->uuid);
    if (violation->rule != RULE_NON_ENV_PROCESSES && violation->rule != RULE_ENV_DEVICES) {
        add_number(entry, "used", violation->used);
        add_number(entry, "allowed", violation->allowed);
    }
}

json_t *journal_entry(const char *event, const char *host, const struct violation *violation, const char *error,
                      const char *message)
{
    json_t *entry = json_object();
    char now[RFC3339_SIZE];

    if (!entry)
        return NULL;
    rfc3339_format(clock_now(), now);
    add_text(entry, "time", now);
    add_text(entry, "event", event);
    add_text(entry, "host", host);
    add_violation(entry, violation);
    add_text(entry, "error", error);
    add_text(entry, "message", message);
    return entry;
}

json_t *journal_entry_from_line(const char *line, size_t length)
{
    static const char *const keys[] = {"time",    "event",   "host",  "rule",     "pid",    "start_time",
                                       "command", "eid",     "uid",   "username", "device", "uuid",
                                       "used",    "allowed", "error", "message"};
    cleanup_json json_t *json = json_parse(line, length, NULL), *entry = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(json, keys[i]);

        if (json_is_integer(value))
            json_object_set(entry, keys[i], value);
        else
            add_text(entry, keys[i], json_string_value(value));
    }
    if (!json_is_string(json_object_get(entry, "time")) || !json_is_string(json_object_get(entry, "event")))
        return NULL;
    return STEAL_POINTER(entry);
}

static void read_lines(FILE *file, void (*each)(json_t *entry, void *data), void *data)
{
    cleanup_free char *line = NULL;
    size_t size = 0;
    ssize_t length;

    while ((length = getline(&line, &size, file)) >= 0) {
        cleanup_json json_t *entry = journal_entry_from_line(line, (size_t)length);

        if (entry)
            each(entry, data);
    }
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

int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err)
{
    cleanup_fclose FILE *current = NULL, *old = NULL;
    cleanup_free char *rotated = NULL;
    int r, other;

    if (asprintf(&rotated, "%s.1", path) < 0) {
        rotated = NULL;
        return error_no_memory(err);
    }
    r = open_for_reading(path, &current, err);
    if (r < 0 && r != -ENOENT)
        return r;
    other = open_for_reading(rotated, &old, err); /* after the other: one that is rotated meanwhile is not lost */
    if (other < 0 && other != -ENOENT)
        return other;
    if (!current && !old)
        return error_set(err, ENOENT, "there is no journal %s", path);
    if (old && !is_same_file(old, current))
        read_lines(old, each, data);
    if (current)
        read_lines(current, each, data);
    return 0;
}
