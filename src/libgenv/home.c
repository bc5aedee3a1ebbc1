/* The saved configuration of a project: a directory .genv with a file per field, each its bare value. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/trust.h"
#include "base/user.h"
#include "libgenv/handle.h"
#include "model/config.h"

#define HOME_NAME      ".genv"
#define FIELD_SIZE_MAX 4096

/* Whether @path/.genv is a directory that may be believed: the user's own, or root's. Of a link, both ends are looked
 * at: one that a stranger put into /tmp could lead root's --save to /etc. */
static bool is_home(struct genv *g, const char *path, char **ret_home)
{
    cleanup_free char *home = NULL;
    cleanup_close int fd = -1;
    char owner[GENV_USERNAME_SIZE];
    uid_t stranger;
    int r;

    if (asprintf(&home, "%s/" HOME_NAME, strcmp(path, "/") == 0 ? "" : path) < 0) {
        home = NULL;
        return false;
    }
    r = trust_open(home, &fd, &stranger);
    if (r == -EPERM) {
        user_name(stranger, owner, sizeof(owner));
        handle_warn(g, "ignoring %s: it belongs to %s", home, owner);
    }
    /* That one's own may not be read is said when it is. */
    if (r < 0 && (r != -EACCES || faccessat(AT_FDCWD, home, F_OK, AT_SYMLINK_NOFOLLOW) < 0))
        return false;
    *ret_home = STEAL_POINTER(home);
    return true;
}

GENV_PUBLIC int genv_home_find(struct genv *g, char **ret_path, struct genv_error *err)
{
    cleanup_free char *directory = getcwd(NULL, 0);
    const char *user_home = getenv("HOME");
    char *slash;

    while (directory && *directory == '/') {
        if (is_home(g, directory, ret_path))
            return 0;
        if (strcmp(directory, "/") == 0)
            break;
        slash = strrchr(directory, '/');
        slash[slash == directory] = '\0';
    }
    if (user_home && *user_home && is_home(g, user_home, ret_path))
        return 0;
    return error_set(err, ENOENT,
                     "there is no " HOME_NAME
                     " directory here, in a parent, or in your home directory: create one with 'mkdir " HOME_NAME "'");
}

/* Reads the field's first line. Returns whether there is such a field. */
static int read_field(int home, const char *path, const char *name, char **ret_value, struct genv_error *err)
{
    int r = file_read_at(home, name, FIELD_SIZE_MAX, ret_value, NULL);

    if (r == -ENOENT)
        return 0;
    if (r == -ELOOP || r == -ENOTSUP)
        return error_set(err, -r, "%s/%s is not a regular file", path, name);
    if (r < 0)
        return error_set_errno(err, -r, "cannot read %s/%s", path, name);
    (*ret_value)[strcspn(*ret_value, "\r\n")] = '\0';
    return 1;
}

/* As genv_home_find() looked at it; it may be another by now. */
static int open_home(const char *path, int *ret_fd, struct genv_error *err)
{
    char owner[GENV_USERNAME_SIZE];
    uid_t stranger;
    int r = trust_open(path, ret_fd, &stranger);

    if (r == -EPERM) {
        user_name(stranger, owner, sizeof(owner));
        return error_set(err, EPERM, "%s belongs to %s: save your configuration in a directory of your own", path,
                         owner);
    }
    return r < 0 ? error_set_errno(err, -r, "cannot open %s", path) : 0;
}

GENV_PUBLIC int genv_home_load(const char *path, struct genv_config *ret_config, unsigned *ret_fields,
                               struct genv_error *err)
{
    struct genv_config config = GENV_CONFIG_INIT;
    cleanup_close int home = -1;
    unsigned fields = 0;
    int r = open_home(path, &home, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];
        cleanup_free char *value = NULL;

        r = read_field(home, path, field->name, &value, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = genv_config_parse(&config, field->bit, utf8_skip_mark(value), err);
        if (r < 0)
            return error_prefix(err, r, "%s/%s", path, field->name);
        fields |= field->bit;
    }
    *ret_config = config;
    *ret_fields = fields;
    return 0;
}

/* Saving: a change that can be taken back until it is certain. */

/* One field's files in the .genv directory, "" where there is none. */
struct change_field {
    char next[FILE_ASIDE_SIZE];   /* what it is to be, until that is published */
    char former[FILE_ASIDE_SIZE]; /* what it was, as long as that may come back */
    bool is_changed;
};

struct change {
    const char *path; /* the caller's */
    int home;
    unsigned mask;
    struct change_field fields[CONFIG_FIELD_COUNT];
};

#define CHANGE_INIT                                                                                                    \
    (struct change)                                                                                                    \
    {                                                                                                                  \
        .home = -1                                                                                                     \
    }

/* Leaves what is published, and removes the rest. */
static void change_release(struct change *change)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        struct change_field *field = &change->fields[i];

        if (*field->next)
            unlinkat(change->home, field->next, 0);
        if (*field->former)
            unlinkat(change->home, field->former, 0);
    }
    cleanup_closep(&change->home);
    *change = CHANGE_INIT;
}

#define cleanup_change cleanup_with(change_release)

static int write_next(const struct change *change, const struct config_field *field, const struct genv_config *config,
                      char name[static FILE_ASIDE_SIZE])
{
    char value[GENV_CONFIG_TEXT_SIZE], line[GENV_CONFIG_TEXT_SIZE + 1];
    struct stat st;
    int r;

    if (fstatat(change->home, field->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return -EISDIR; /* what is in it is not ours to remove */
    if (!genv_config_format(config, field->bit, value))
        return 0;
    r = file_name_aside(name);
    if (r == 0)
        r = file_replace(change->home, name, line, (size_t)snprintf(line, sizeof(line), "%s\n", value), 0644, (uid_t)-1,
                         true);
    if (r < 0)
        *name = '\0';
    return r;
}

/* Writes the fields of @fields aside; a reader finds what they found before. */
static int change_prepare(const char *path, const struct genv_config *config, unsigned fields,
                          struct change *ret_change, struct genv_error *err)
{
    cleanup_change struct change change = CHANGE_INIT;
    int r = config_validate(config, fields, err);

    if (r == 0)
        r = open_home(path, &change.home, err);
    for (size_t i = 0; r == 0 && i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];

        if (!(fields & field->bit))
            continue;
        r = write_next(&change, field, config, change.fields[i].next);
        if (r < 0)
            return error_set_errno(err, -r, "cannot save %s/%s", path, field->name);
    }
    if (r < 0)
        return r;
    change.path = path;
    change.mask = fields;
    *ret_change = change;
    change = CHANGE_INIT;
    return 0;
}

/* Keeps the file called @name, whatever is in it, under another name: by a link, so that a reader always finds one, or
 * where there are no links, or the file is another user's, by renaming it. */
static int keep_former(int home, const char *name, char former[static FILE_ASIDE_SIZE])
{
    int r = file_name_aside(former);

    if (r == 0 &&
        (linkat(home, name, home, former, 0) == 0 || (errno != ENOENT && renameat(home, name, home, former) == 0)))
        return 0;
    *former = '\0';
    return r < 0 || errno == ENOENT ? r : -errno;
}

static int publish_field(int home, const char *name, struct change_field *field)
{
    int r = keep_former(home, name, field->former);

    if (r < 0)
        return r;
    field->is_changed = true;
    if (*field->next)
        r = renameat(home, field->next, home, name) < 0 ? -errno : 0;
    else if (unlinkat(home, name, 0) < 0 && errno != ENOENT)
        r = -errno;
    if (r == 0)
        *field->next = '\0';
    return r;
}

/* Brings back what was there, whatever that was. */
static void change_undo(struct change *change)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        struct change_field *field = &change->fields[i];
        const char *name = config_fields[i].name;

        if (!field->is_changed)
            continue;
        if (!*field->former)
            unlinkat(change->home, name, 0);
        else if (renameat(change->home, field->former, change->home, name) < 0)
            *field->former = '\0'; /* better left under that name than lost */
        field->is_changed = false;
    }
}

/* Makes it what a reader finds: all of it, or on failure nothing. */
static int change_publish(struct change *change, struct genv_error *err)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        const struct config_field *field = &config_fields[i];
        int r = change->mask & field->bit ? publish_field(change->home, field->name, &change->fields[i]) : 0;

        if (r < 0) {
            change_undo(change);
            return error_set_errno(err, -r, "cannot save %s/%s", change->path, field->name);
        }
    }
    return 0;
}

GENV_PUBLIC int genv_home_save(const char *path, const struct genv_config *config, unsigned fields,
                               struct genv_error *err)
{
    cleanup_change struct change change = CHANGE_INIT;
    int r = change_prepare(path, config, fields, &change, err);

    return r < 0 ? r : change_publish(&change, err);
}

/* First the files, which can be brought back: room for a capacity may be gone by then. And not under the lock, since a
 * home directory's server may be slow. */
GENV_PUBLIC int genv_configure_and_save(struct genv *g, const char *eid, const struct genv_config *config,
                                        unsigned fields, const char *home, struct genv_env **ret_env,
                                        struct genv_error *err)
{
    cleanup_change struct change change = CHANGE_INIT;
    int r = change_prepare(home, config, fields, &change, err);

    if (r == 0)
        r = change_publish(&change, err);
    if (r < 0)
        return r;
    r = genv_configure(g, eid, config, fields, ret_env, err);
    if (r < 0)
        change_undo(&change);
    return r;
}
