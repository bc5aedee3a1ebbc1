/* Notices at once when environments change. */
#include "enforce/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/macros.h"

#define RECORDS    "/envs"
#define ATTEMPTS   16
#define RECORDED   (IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
#define CAME_TO_BE (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONESHOT)

static int watch(int fd, const char *path, uint32_t events)
{
    return inotify_add_watch(fd, path, events | IN_ONLYDIR | IN_EXCL_UNLINK) < 0 ? -errno : 0;
}

/* Cuts @path to the folder that it is in. */
static void go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        memcpy(path, ".", sizeof(".")); /* no shorter than the name was */
    else
        slash[slash == path] = '\0';
}

/* Watches the nearest folder above @records that there is, once: what happens there is a reason to look again. -EAGAIN:
 * what it was to wait for has come to be meanwhile. */
static int arm_above(int fd, const char *records)
{
    cleanup_free char *below = strdup(records), *above = strdup(records);
    int r = -ENOENT;

    if (!below || !above)
        return -ENOMEM;
    while (r == -ENOENT && strcmp(above, "/") != 0 && strcmp(above, ".") != 0) {
        memcpy(below, above, strlen(above) + 1);
        go_up(above);
        r = watch(fd, above, CAME_TO_BE);
    }
    return r == 0 && access(below, F_OK) == 0 ? -EAGAIN : r;
}

static int arm(int fd, const char *path)
{
    cleanup_free char *records = NULL;
    int r = -EAGAIN;

    if (asprintf(&records, "%s" RECORDS, path) < 0) {
        records = NULL;
        return -ENOMEM;
    }
    for (int i = 0; r == -EAGAIN && i < ATTEMPTS; i++) {
        r = watch(fd, records, RECORDED);
        if (r == -ENOENT)
            r = arm_above(fd, records);
    }
    return r;
}

int watch_open(const char *path, int *ret_fd, struct genv_error *err)
{
    cleanup_close int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int r = fd < 0 ? -errno : arm(fd, path);

    if (r == -EMFILE || r == -ENOSPC)
        return error_set(err, -r, "cannot watch %s: the limit fs.inotify.max_user_%s is reached: raise it with sysctl",
                         path, r == -EMFILE ? "instances" : "watches");
    if (r < 0)
        return error_set_errno(err, -r, "cannot watch %s", path);
    *ret_fd = steal_fd(&fd);
    return 0;
}

void watch_drain(int fd, const char *path)
{
    char events[4096];

    while (read(fd, events, sizeof(events)) > 0)
        ;
    arm(fd, path);
}
