/* Saving a configuration: written aside, published, and taken back where it did not become certain. */
#include "libgenv/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/proc.h"

#define FORMER_SIZE_MAX (1024 * 1024)
#define OLD_S           86400
#define SWEEP_WAIT_MS   200 /* for another who sweeps, which is a moment */

/* How the names of this machine's files aside begin: a lock on a directory of NFS is seen by its own machine alone. */
#define OUR_PREFIX_SIZE (sizeof(FILE_ASIDE_PREFIX) + 8)

static void our_prefix(char prefix[static OUR_PREFIX_SIZE])
{
    char machine[MACHINE_SIZE];

    proc_machine(machine);
    snprintf(prefix, OUR_PREFIX_SIZE, FILE_ASIDE_PREFIX "%.8s", *machine ? machine : "00000000");
}

static int name_aside(char name[static FILE_ASIDE_SIZE])
{
    char prefix[OUR_PREFIX_SIZE];
    int r = file_name_aside(name);

    our_prefix(prefix);
    if (r == 0)
        memcpy(name, prefix, OUR_PREFIX_SIZE - 1); /* as many random digits follow */
    return r;
}

void home_change_release(struct home_change *change)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        struct home_field *field = &change->fields[i];

        if (*field->next)
            unlinkat(change->home, field->next, 0);
        if (*field->former)
            unlinkat(change->home, field->former, 0);
    }
    cleanup_closep(&change->home);
    *change = HOME_CHANGE_INIT;
}

/* Whether no writer is still at work on it, of whatever machine. */
static bool is_old(int home, const char *name)
{
    struct stat st;

    return fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && time(NULL) - st.st_ctim.tv_sec > OLD_S;
}

static void remove_aside(int home)
{
    int fd = openat(home, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_closedir DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    char prefix[OUR_PREFIX_SIZE];
    struct dirent *entry;

    our_prefix(prefix);
    while (directory && (entry = readdir(directory))) {
        if (strlen(entry->d_name) != FILE_ASIDE_SIZE - 1 ||
            strncmp(entry->d_name, FILE_ASIDE_PREFIX, strlen(FILE_ASIDE_PREFIX)) != 0)
            continue;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 || is_old(home, entry->d_name))
            unlinkat(home, entry->d_name, 0);
    }
}

/* Whoever has files aside holds a shared lock on the directory, for as long as they live: who gets it alone removes
 * what is there. Anybody may hold such a lock, so that it is not waited for long: without it, one who sweeps might make
 * this change fail, and nothing worse. */
static void join_writers(int home)
{
    if (flock(home, LOCK_EX | LOCK_NB) == 0)
        remove_aside(home);
    for (int i = 0; flock(home, LOCK_SH | LOCK_NB) < 0 && i < SWEEP_WAIT_MS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int write_aside(int home, const char *text, size_t length, mode_t mode, char name[static FILE_ASIDE_SIZE],
                       struct stat *ret_stat)
{
    cleanup_close int fd = -1;
    int r = name_aside(name);

    if (r == 0)
        fd = openat(home, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        *name = '\0';
        return r < 0 ? r : -errno;
    }
    r = file_write(fd, text, length);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || fstat(fd, ret_stat) < 0))
        r = -errno;
    return r;
}

static int write_next(int home, const struct config_field *field, const struct genv_config *config,
                      struct home_field *file)
{
    char value[GENV_CONFIG_TEXT_SIZE], line[GENV_CONFIG_TEXT_SIZE + 1];

    file->has_value = genv_config_format(config, field->bit, value);
    if (!file->has_value)
        return 0;
    return write_aside(home, line, (size_t)snprintf(line, sizeof(line), "%s\n", value), 0644, file->next, &file->ours);
}

int home_change_prepare(struct home_change *change, const char *path, const struct genv_config *config, unsigned fields,
                        struct genv_error *err)
{
    int r = config_validate(config, fields, err);

    if (r == 0)
        r = home_open(path, &change->home, err);
    if (r < 0)
        return r;
    change->path = path;
    change->mask = fields;
    join_writers(change->home);
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];

        r = fields & field->bit ? write_next(change->home, field, config, &change->fields[i]) : 0;
        if (r < 0)
            return error_set_errno(err, -r, "cannot save %s/%s", path, field->name);
    }
    return 0;
}

/* Keeps the file called @name under another name too: a link, or a copy where there are no links, or not to a file of
 * another user. */
static int keep_former(int home, const char *name, char former[static FILE_ASIDE_SIZE])
{
    cleanup_free char *text = NULL;
    struct stat st, copy;
    size_t length;
    int r = name_aside(former);

    if (r == 0 && linkat(home, name, home, former, 0) == 0)
        return 0;
    *former = '\0';
    if (r < 0)
        return r;
    if (fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    r = file_read_at(home, name, FORMER_SIZE_MAX, &text, &length);
    return r < 0 ? r : write_aside(home, text, length, st.st_mode & 0777, former, &copy);
}

/* Puts the new file in the place of the old one, which is kept. */
static int put(int home, const char *name, struct home_field *field)
{
    int r = 0;

    if (renameat2(home, field->next, home, name, RENAME_EXCHANGE) == 0) {
        memcpy(field->former, field->next, sizeof(field->former));
        *field->next = '\0';
        return 0;
    }
    if (errno != ENOENT) /* the file system, or kernel, can't */
        r = keep_former(home, name, field->former);
    if (r == 0 && renameat(home, field->next, home, name) < 0)
        r = -errno;
    if (r == 0)
        *field->next = '\0';
    return r;
}

static int take_away(int home, const char *name, char former[static FILE_ASIDE_SIZE])
{
    int r = name_aside(former);

    if (r == 0 && renameat(home, name, home, former) == 0)
        return 0;
    *former = '\0';
    return r < 0 || errno == ENOENT ? r : -errno;
}

static int publish_field(int home, const char *name, struct home_field *field)
{
    struct stat st;
    int r;

    if (fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return -EISDIR; /* what is in it is not ours to remove */
    r = field->has_value ? put(home, name, field) : take_away(home, name, field->former);
    field->is_published = r == 0;
    return r;
}

/* Whether @name is as publish_field() left it. */
static bool is_as_published(int home, const char *name, const struct home_field *field)
{
    const struct stat *ours = &field->ours;
    struct stat st;

    if (fstatat(home, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return !field->has_value && errno == ENOENT;
    return field->has_value && st.st_ino == ours->st_ino && st.st_dev == ours->st_dev && st.st_size == ours->st_size &&
           st.st_mtim.tv_sec == ours->st_mtim.tv_sec && st.st_mtim.tv_nsec == ours->st_mtim.tv_nsec;
}

void home_change_undo(struct home_change *change)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        struct home_field *field = &change->fields[i];
        const char *name = config_fields[i].name;

        if (!field->is_published)
            continue;
        field->is_published = false;
        if (!is_as_published(change->home, name, field))
            continue;
        if (!*field->former)
            unlinkat(change->home, name, 0);
        else
            renameat(change->home, field->former, change->home, name);
        *field->former = '\0'; /* where it failed, better left under that name than lost */
    }
}

int home_change_publish(struct home_change *change, struct genv_error *err)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];
        int r = change->mask & field->bit ? publish_field(change->home, field->name, &change->fields[i]) : 0;

        if (r < 0) {
            home_change_undo(change);
            return error_set_errno(err, -r, "cannot save %s/%s", change->path, field->name);
        }
    }
    return 0;
}

GENV_PUBLIC int genv_home_save(const char *path, const struct genv_config *config, unsigned fields,
                               struct genv_error *err)
{
    cleanup_home_change struct home_change change = HOME_CHANGE_INIT;
    int r = home_change_prepare(&change, path, config, fields, err);

    return r < 0 ? r : home_change_publish(&change, err);
}
