/* Access locks: one environment at a time on a device that several share. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/user.h"
#include "libgenv/handle.h"
#include "store/lock.h"

/* Whoever runs under the lock finds "PID:START TIME:UUIDS" of the holder here. */
#define TOKEN_VARIABLE "GENV_LOCK"
#define TRIES          16 /* at a lock that others remove */

struct lock_file {
    int fd;
    struct fork_guard guard; /* while the library waits: what it returns is the caller's, with its forks */
};

struct genv_lock {
    struct lock_file *files;
    size_t count;
    char *token;
};

GENV_PUBLIC void genv_unlock(struct genv_lock *lock)
{
    if (!lock)
        return;
    for (size_t i = 0; i < lock->count; i++) {
        fork_close(&lock->files[i].guard);
        cleanup_closep(&lock->files[i].fd);
    }
    free(lock->files);
    free(lock->token);
    free(lock);
}
DEFINE_CLEANUP(struct genv_lock *, cleanup_lockp, genv_unlock)

GENV_PUBLIC const char *genv_lock_token(const struct genv_lock *lock)
{
    return lock->token;
}

/* The devices that a lock around this process holds already, as "GPU-…,GPU-…,"; "" where there is none, or its holder
 * is gone.
 */
static const char *read_token(void)
{
    const char *token = getenv(TOKEN_VARIABLE);
    unsigned long long start_time;
    int pid, offset = 0;

    if (!token || sscanf(token, "%d:%llu:%n", &pid, &start_time, &offset) != 2 || offset == 0)
        return "";
    return start_time && proc_is_alive(pid, start_time) ? token + offset : "";
}

/* Whether the token's devices, "GPU-…,GPU-…,", have that one. */
static bool is_held(const char *held, const char *uuid)
{
    size_t length = strlen(uuid);

    for (const char *rest = held, *end; (end = strchr(rest, ',')); rest = end + 1) {
        if ((size_t)(end - rest) == length && memcmp(rest, uuid, length) == 0)
            return true;
    }
    return false;
}

/* Whether they have one that is locked after it. */
static bool holds_later(const char *held, const char *uuid)
{
    for (const char *rest = held, *end; (end = strchr(rest, ',')); rest = end + 1) {
        if (strncmp(rest, uuid, (size_t)(end - rest)) > 0)
            return true;
    }
    return false;
}

static int make_token(const struct genv_env *env, const char *held, char **ret_token)
{
    cleanup_text struct text token = TEXT_INIT;
    struct proc_stat stat = {0};

    proc_stat_read(getpid(), &stat);
    text_addf(&token, "%d:%llu:%s", getpid(), (unsigned long long)stat.start_time, held);
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (!is_held(held, env->attachments[i].device.uuid))
            text_addf(&token, "%s,", env->attachments[i].device.uuid);
    }
    *ret_token = text_take(&token);
    return *ret_token ? 0 : -ENOMEM;
}

/* What is left of @timeout_seconds since @start_ms, for lock_wait(). */
static int64_t left_ms(double timeout_seconds, int64_t start_ms)
{
    int64_t left;

    if (timeout_seconds < 0)
        return -1;
    left = start_ms + clock_seconds_to_ms(timeout_seconds) - clock_monotonic_ms();
    return left > 0 ? left : 0;
}

/* "2", or the UUID of a device that has no index here. */
static void name_device(const struct genv_attachment *attachment, char name[static GENV_UUID_SIZE])
{
    if (attachment->index >= 0)
        snprintf(name, GENV_UUID_SIZE, "%d", attachment->index);
    else
        copy_string(name, GENV_UUID_SIZE, attachment->device.uuid);
}

static int wait_for(const struct genv *g, int fd, const char *device, int64_t timeout_ms, int late,
                    struct genv_error *err)
{
    char holder[LOCK_HOLDER_SIZE];
    int r = lock_wait_interruptibly(fd, LOCK_EX, timeout_ms, &g->interrupt);

    if (r == -EAGAIN) {
        lock_describe_holder(fd, holder);
        return error_set(err, late, "device %s is locked by %s", device, holder);
    }
    if (r == -ECANCELED)
        return error_set(err, ECANCELED, "interrupted while waiting for device %s", device);
    return r < 0 ? error_set_errno(err, -r, "cannot lock device %s", device) : 0;
}

/* A container has the locks that were mounted in it, and can make none. */
static int open_lock(struct genv *g, const char *uuid, const char *device, struct lock_file *file,
                     struct genv_error *err)
{
    const char *container = getenv("GENV_CONTAINER");
    unsigned forks;
    int r;

    do {
        forks = fork_count();
        r = store_open_device_lock(g->store, uuid, &file->fd, err);
    } while (r == 0 && !fork_guard(&file->guard, &file->fd, forks));
    if (r == -EROFS && container && strcmp(container, "1") == 0)
        return error_set(
            err, EROFS,
            "device %s cannot be locked inside this container, which has no lock of it: run 'genv lock' on "
            "its host",
            device);
    return r;
}

/* Takes one lock. Its owner, or who cleans up, may remove the file while it is waited for. */
static int take_one(struct genv *g, struct genv_lock *lock, const struct genv_attachment *attachment,
                    double timeout_seconds, int64_t start_ms, struct genv_error *err)
{
    int late = timeout_seconds > 0 ? ETIMEDOUT : EAGAIN;
    struct lock_file *file = &lock->files[lock->count];
    char device[GENV_UUID_SIZE];

    name_device(attachment, device);
    for (int i = 0; i < TRIES; i++) {
        int r = open_lock(g, attachment->device.uuid, device, file, err);

        if (r == 0)
            r = wait_for(g, file->fd, device, left_ms(timeout_seconds, start_ms), late, err);
        if (r == 0 && store_is_device_lock(g->store, attachment->device.uuid, file->fd)) {
            lock->count++;
            return 0;
        }
        fork_close(&file->guard);
        if (r < 0)
            return r;
    }
    return error_set(err, EBUSY, "another program keeps replacing the lock file of device %s: stop it, and try again",
                     device);
}

/* Everyone locks in the order of the UUIDs, which is the same wherever the devices are seen from. */
static int compare_uuids(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    return strcmp(a->device.uuid, b->device.uuid);
}

static int take_all(struct genv *g, struct genv_env *env, struct genv_lock *lock, double timeout_seconds,
                    struct genv_error *err)
{
    const char *held = read_token();
    int64_t start_ms = clock_monotonic_ms();
    int r = 0;

    lock->files = calloc(env->attachment_count + 1, sizeof(*lock->files));
    if (env->attachment_count)
        qsort(env->attachments, env->attachment_count, sizeof(*env->attachments), compare_uuids);
    if (!lock->files || make_token(env, held, &lock->token) < 0)
        return error_no_memory(err);
    for (size_t i = 0; r == 0 && i < env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->attachments[i];
        char device[GENV_UUID_SIZE];

        if (is_held(held, attachment->device.uuid))
            continue;
        name_device(attachment, device);
        if (holds_later(held, attachment->device.uuid)) /* waiting now could be a deadlock */
            return error_set(err, EDEADLK,
                             "cannot lock device %s inside another lock, which could wait forever: attach all devices "
                             "before the first 'genv lock'",
                             device);
        r = take_one(g, lock, attachment, timeout_seconds, start_ms, err);
    }
    return r;
}

GENV_PUBLIC int genv_lock_files(struct genv *g, const struct genv_env *env, char ***ret_paths, struct genv_error *err)
{
    const bool is_root = geteuid() == 0 && user_outside(0) == 0;
    cleanup_free char **paths =
        calloc(1, (env->attachment_count + 1) * sizeof(*paths) + env->attachment_count * PATH_MAX);
    char *texts = (char *)(paths + env->attachment_count + 1);

    if (!paths)
        return error_no_memory(err);
    for (size_t i = 0; i < env->attachment_count; i++) {
        cleanup_free char *path = NULL;
        bool guarded;
        int r = store_find_device_lock(g->store, env->attachments[i].device.uuid, &path, &guarded, err);

        if (r < 0)
            return r;
        paths[i] = texts + i * PATH_MAX;
        if (strlen(path) < PATH_MAX && (guarded || !is_root))
            copy_string(paths[i], PATH_MAX, path);
    }
    *ret_paths = STEAL_POINTER(paths);
    return 0;
}

GENV_PUBLIC int genv_lock(struct genv *g, const char *eid, double timeout_seconds, struct genv_lock **ret_lock,
                          struct genv_error *err)
{
    cleanup_with(cleanup_lockp) struct genv_lock *lock = calloc(1, sizeof(*lock));
    struct genv_lock *taken = lock;
    struct genv_env *env = NULL;
    int r;

    if (!lock)
        return error_no_memory(err);
    r = genv_env_get(g, eid, &env, err);
    if (r == 0)
        r = take_all(g, env, lock, timeout_seconds, err);
    genv_env_free(env);
    if (r < 0)
        return r;
    *ret_lock = STEAL_POINTER(lock); /* first: a forked child finds it closed, or finds it */
    for (size_t i = 0; i < taken->count; i++)
        fork_release(&taken->files[i].guard);
    return 0;
}
