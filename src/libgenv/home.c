/* The saved configuration of a project: a directory .genv with a file per field, each its bare value. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/amount.h"
#include "base/file.h"
#include "base/text.h"
#include "base/user.h"
#include "libgenv/handle.h"

#define HOME_NAME      ".genv"
#define FIELD_SIZE_MAX 4096

static bool is_trusted(const struct genv *g, uid_t owner)
{
    return owner == g->uid || owner == 0;
}

/* Whether @path/.genv is a directory that may be believed: the user's own, or root's. Of a link, both ends are looked
 * at: one that a stranger put into /tmp could lead root's --save to /etc. */
static bool is_home(struct genv *g, const char *path, char **ret_home)
{
    cleanup_free char *home = NULL;
    char owner[GENV_USERNAME_SIZE];
    struct stat entry, st;

    if (asprintf(&home, "%s/" HOME_NAME, strcmp(path, "/") == 0 ? "" : path) < 0) {
        home = NULL;
        return false;
    }
    if (lstat(home, &entry) < 0 || stat(home, &st) < 0 || !S_ISDIR(st.st_mode))
        return false;
    if (!is_trusted(g, entry.st_uid) || !is_trusted(g, st.st_uid)) {
        user_name(is_trusted(g, st.st_uid) ? entry.st_uid : st.st_uid, owner, sizeof(owner));
        handle_warn(g, "passed over %s: it belongs to %s", home, owner);
        return false;
    }
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
                     "there is no " HOME_NAME " directory here, above, or in your home directory: make one with "
                     "mkdir " HOME_NAME);
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

static int parse_field(enum genv_config_field field, const char *value, struct genv_config *config,
                       struct genv_error *err)
{
    uint64_t number;
    int r;

    switch (field) {
    case GENV_CONFIG_NAME:
        r = name_validate(value, err);
        if (r == 0)
            copy_string(config->name, sizeof(config->name), value);
        return r;
    case GENV_CONFIG_GPUS:
        if (text_to_u64(value, DEVICE_COUNT_MAX, &number) < 0)
            return error_set(err, EINVAL, "'%.64s' is not a device count", value);
        config->gpus = (int)number;
        return 0;
    case GENV_CONFIG_GPU_MEMORY:
        return amount_parse(value, &config->gpu_memory, err);
    case GENV_CONFIG_ALL:
        break;
    }
    return -EINVAL;
}

static const struct {
    enum genv_config_field field;
    const char *file;
} home_files[] = {
    {GENV_CONFIG_GPU_MEMORY, "gpu-memory"},
    {GENV_CONFIG_GPUS, "gpus"},
    {GENV_CONFIG_NAME, "name"},
};

static int open_home(const char *path, int *ret_fd, struct genv_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_set_errno(err, errno, "cannot open %s", path);
    *ret_fd = fd;
    return 0;
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
    for (size_t i = 0; i < ARRAY_SIZE(home_files); i++) {
        cleanup_free char *value = NULL;

        r = read_field(home, path, home_files[i].file, &value, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = parse_field(home_files[i].field, value, &config, err);
        if (r < 0)
            return error_prefix(err, r, "%s/%s", path, home_files[i].file);
        fields |= home_files[i].field;
    }
    *ret_config = config;
    *ret_fields = fields;
    return 0;
}

/* The field's text with a final newline; false: it is not configured. */
static bool format_field(enum genv_config_field field, const struct genv_config *config,
                         char text[static GENV_NAME_MAX + 2])
{
    char amount[AMOUNT_SIZE];

    switch (field) {
    case GENV_CONFIG_NAME:
        snprintf(text, GENV_NAME_MAX + 2, "%s\n", config->name);
        return *config->name;
    case GENV_CONFIG_GPUS:
        snprintf(text, GENV_NAME_MAX + 2, "%d\n", config->gpus);
        return config->gpus >= 0;
    case GENV_CONFIG_GPU_MEMORY:
        amount_format(config->gpu_memory, amount);
        snprintf(text, GENV_NAME_MAX + 2, "%s\n", amount);
        return config->gpu_memory;
    case GENV_CONFIG_ALL:
        break;
    }
    return false;
}

GENV_PUBLIC int genv_home_save(const char *path, const struct genv_config *config, unsigned fields,
                               struct genv_error *err)
{
    cleanup_close int home = -1;
    int r = config_validate(config, fields, err);

    if (r == 0)
        r = open_home(path, &home, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(home_files); i++) {
        const char *file = home_files[i].file;
        char text[GENV_NAME_MAX + 2];

        if (!(fields & home_files[i].field))
            continue;
        if (format_field(home_files[i].field, config, text))
            r = file_replace(home, file, text, strlen(text), 0644, (uid_t)-1, true);
        else if (unlinkat(home, file, 0) < 0 && errno != ENOENT)
            r = -errno;
        if (r < 0)
            return error_set_errno(err, -r, "cannot save %s/%s", path, file);
    }
    return r;
}
