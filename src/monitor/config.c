/* Writes the configuration files. */
#include "monitor/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/trust.h"
#include "base/user.h"
#include "store/directory.h"

#define DIRECTORY_MODE 0755

struct places {
    char target[300];
    char interval[32];
    char directory[PATH_MAX];
    char *quoted_directory; /* without the quotes */
};

/* "localhost:8000" for a server that listens on all addresses. */
static void add_target(char *target, size_t size, const char *address, unsigned port)
{
    bool any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0, six = strchr(address, ':');

    if (any)
        snprintf(target, size, "localhost:%u", port);
    else
        snprintf(target, size, six ? "[%.250s]:%u" : "%.250s:%u", address, port);
}

static int quote(const char *string, char **ret_quoted)
{
    cleanup_json json_t *json = json_string(string);
    char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

    if (!quoted)
        return -ENOMEM;
    quoted[strlen(quoted) - 1] = '\0';
    memmove(quoted, quoted + 1, strlen(quoted));
    *ret_quoted = quoted;
    return 0;
}

static int fill_places(const struct config_options *options, int directory, struct places *places,
                       struct genv_error *err)
{
    char link[32];
    ssize_t length;
    long milliseconds;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", directory);
    length = readlink(link, places->directory, sizeof(places->directory) - 1);
    if (length < 0)
        return error_set_errno(err, errno, "cannot find the path of the configuration directory");
    places->directory[length] = '\0';
    if (!utf8_is_printable(places->directory))
        return error_set(err, EINVAL, "%s: the path is not plain text, so the configuration cannot refer to it",
                         places->directory);
    add_target(places->target, sizeof(places->target), options->address, options->port);
    milliseconds = (long)(options->interval_seconds * 1000 + 0.5);
    if (milliseconds % 1000)
        snprintf(places->interval, sizeof(places->interval), "%ldms", milliseconds);
    else
        snprintf(places->interval, sizeof(places->interval), "%lds", milliseconds / 1000);
    return quote(places->directory, &places->quoted_directory) < 0 ? error_no_memory(err) : 0;
}

static const char *place(const struct places *places, const char *file, const char *name, size_t length)
{
    const char *end = strrchr(file, '.');

    if (length == strlen("TARGET") && memcmp(name, "TARGET", length) == 0)
        return places->target;
    if (length == strlen("INTERVAL") && memcmp(name, "INTERVAL", length) == 0)
        return places->interval;
    return end && strcmp(end, ".yaml") == 0 ? places->quoted_directory : places->directory;
}

static void fill(struct text *text, const struct config_file *file, const struct places *places)
{
    const char *at = file->text;

    for (;;) {
        size_t plain = strcspn(at, "@"), name;

        text_add_bytes(text, at, plain);
        if (!at[plain])
            return;
        at += plain + 1;
        name = strcspn(at, "@");
        text_add(text, place(places, file->path, at, name));
        at += name + 1;
    }
}

/* Opens, or makes, one directory. */
static int enter(int parent, const char *name, int *ret_fd)
{
    int fd;

    if (mkdirat(parent, name, DIRECTORY_MODE) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int write_file(int directory, const struct config_file *file, const struct places *places,
                      struct genv_error *err)
{
    cleanup_text struct text text = TEXT_INIT;
    cleanup_close int parent = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    const char *name = file->path;
    int r = parent < 0 ? -errno : 0;

    for (const char *slash = strchr(name, '/'); r == 0 && slash; slash = strchr(name, '/')) {
        char folder[64];
        int child = -1;

        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
        r = enter(parent, folder, &child);
        if (r == 0) {
            close(parent);
            parent = child;
        }
        name = slash + 1;
    }
    fill(&text, file, places);
    if (r == 0 && text.failed)
        return error_no_memory(err);
    if (r == 0)
        r = file_replace(parent, name, text.data, text.length, 0644, (uid_t)-1, false);
    return r < 0 ? error_set_errno(err, -r, "cannot write %s/%s", places->directory, file->path) : 0;
}

/* Like mkdir -p. */
static int open_given(const char *path, int *ret_fd, struct genv_error *err)
{
    cleanup_free char *copy = strdup(path);
    int fd;

    if (!copy)
        return error_no_memory(err);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(copy, DIRECTORY_MODE);
        *slash = '/';
    }
    if (mkdir(copy, DIRECTORY_MODE) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot create the directory %s", path);
    fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open the directory %s", path);
    *ret_fd = fd;
    return 0;
}

/* In a directory that everyone may write to, somebody else may have been first; and Prometheus and Grafana are told of
 * the paths, so that nobody may put others in their place later. */
static int open_default(int *ret_fd, struct genv_error *err)
{
    const char *set = getenv("GENV_TMPDIR"), *path = set && *set ? set : STATE_DIRECTORY_DEFAULT;
    cleanup_close int state = -1, fd = -1;
    cleanup_free char *resolved = NULL;
    char owner[GENV_USERNAME_SIZE];
    struct stat stat;
    int r = directory_open(AT_FDCWD, path, true, path, &state, err);

    if (r < 0)
        return r;
    if (trust_resolve(path, &resolved) < 0)
        return error_set(
            err, EPERM,
            "others can replace %s/metrics: use another directory with --config-dir, or have root create %s", path,
            path);
    r = enter(state, "metrics", &fd);
    if (r < 0)
        return error_set_errno(err, -r, "cannot create the directory %s/metrics", path);
    if (fstat(fd, &stat) < 0)
        return error_set_errno(err, errno, "cannot check %s/metrics", path);
    user_name(stat.st_uid, owner, sizeof(owner));
    if (stat.st_uid != geteuid())
        return error_set(err, EPERM, "%s/metrics belongs to %s: use another directory with --config-dir", path, owner);
    if (!trust_is_own(&stat))
        return error_set(err, EPERM, "others can write %s/metrics: run 'chmod go-w' on it", path);
    *ret_fd = steal_fd(&fd);
    return 0;
}

int config_write(const struct config_options *options, struct genv_error *err)
{
    struct places places = {.target = ""};
    cleanup_close int directory = -1;
    int r = options->directory ? open_given(options->directory, &directory, err) : open_default(&directory, err);

    if (r == 0)
        r = fill_places(options, directory, &places, err);
    for (const struct config_file *file = config_files; r == 0 && file->path; file++)
        r = write_file(directory, file, &places, err);
    free(places.quoted_directory);
    return r;
}
