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
#include "libgenv/home.h"

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

int home_open(const char *path, int *ret_fd, struct genv_error *err)
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
    int r = home_open(path, &home, err);

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

int home_read_switch(const char *path, const char *name, struct genv_error *err)
{
    cleanup_free char *value = NULL;
    cleanup_close int home = -1;
    int r = home_open(path, &home, err);

    if (r < 0)
        return r;
    r = read_field(home, path, name, &value, err);
    if (r <= 0)
        return r == 0 ? -ENOENT : r;
    if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
        return strcmp(value, "yes") == 0;
    return error_set(err, EINVAL, "%s/%s: expected yes or no, not '%.64s'", path, name, value);
}
