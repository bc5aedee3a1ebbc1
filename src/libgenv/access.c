/* Access locks: one environment at a time on a device that several share. */
#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/text.h"
#include "libgenv/handle.h"
#include "store/lock.h"

/* Whoever runs under the lock finds "PID:START TIME:INDICES" of the holder here. */
#define TOKEN_VARIABLE "GENV_LOCK"

struct genv_lock {
    int *fds;
    size_t count;
    char *token;
};

GENV_PUBLIC void genv_unlock(struct genv_lock *lock)
{
    if (!lock)
        return;
    for (size_t i = 0; i < lock->count; i++)
        close(lock->fds[i]);
    free(lock->fds);
    free(lock->token);
    free(lock);
}
DEFINE_CLEANUP(struct genv_lock *, cleanup_lockp, genv_unlock)

GENV_PUBLIC const char *genv_lock_token(const struct genv_lock *lock)
{
    return lock->token;
}

/* The devices that a lock around this process holds already, as "0,2,"; "" where there is none, or its holder is gone.
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

static bool is_held(const char *held, int index)
{
    for (const char *rest = held; *rest;) {
        char *end;
        long held_index = strtol(rest, &end, 10);

        if (end == rest)
            return false;
        if (held_index == index)
            return true;
        rest = *end ? end + 1 : end;
    }
    return false;
}

static bool holds_above(const char *held, int index)
{
    for (const char *rest = held; *rest;) {
        char *end;

        if (strtol(rest, &end, 10) > index)
            return true;
        if (end == rest || !*end)
            return false;
        rest = end + 1;
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
        if (env->attachments[i].index >= 0 && !is_held(held, env->attachments[i].index))
            text_addf(&token, "%d,", env->attachments[i].index);
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

static int take_one(struct genv *g, struct genv_lock *lock, int index, int64_t timeout_ms, int late,
                    struct genv_error *err)
{
    int fd, r = store_open_device_lock(g->store, (unsigned)index, &fd, err);
    char holder[LOCK_HOLDER_SIZE];

    if (r < 0)
        return r;
    lock->fds[lock->count++] = fd;
    r = lock_wait(fd, LOCK_EX, timeout_ms);
    if (r == -EAGAIN) {
        lock_describe_holder(fd, holder);
        return error_set(err, late, "device %d is locked by %s", index, holder);
    }
    return r < 0 ? error_set_errno(err, -r, "cannot lock device %d", index) : 0;
}

static int take_all(struct genv *g, const struct genv_env *env, struct genv_lock *lock, double timeout_seconds,
                    struct genv_error *err)
{
    const char *held = read_token();
    int64_t start_ms = clock_monotonic_ms();
    int r = 0;

    lock->fds = calloc(env->attachment_count + 1, sizeof(*lock->fds));
    if (!lock->fds || make_token(env, held, &lock->token) < 0)
        return error_no_memory(err);
    for (size_t i = 0; r == 0 && i < env->attachment_count; i++) {
        int index = env->attachments[i].index;

        if (index < 0 || is_held(held, index))
            continue;
        if (holds_above(held, index)) /* waiting now could be a deadlock: everyone locks in ascending order */
            return error_set(err, EDEADLK, "cannot lock device %d inside a lock of a higher one: lock them together",
                             index);
        r = take_one(g, lock, index, left_ms(timeout_seconds, start_ms), timeout_seconds > 0 ? ETIMEDOUT : EAGAIN, err);
    }
    return r;
}

GENV_PUBLIC int genv_lock(struct genv *g, const char *eid, double timeout_seconds, struct genv_lock **ret_lock,
                          struct genv_error *err)
{
    cleanup_with(cleanup_lockp) struct genv_lock *lock = calloc(1, sizeof(*lock));
    struct genv_env *env = NULL;
    int r;

    if (!lock)
        return error_no_memory(err);
    r = genv_env_get(g, eid, &env, err);
    if (r == 0)
        r = take_all(g, env, lock, timeout_seconds, err);
    genv_env_free(env);
    if (r == 0)
        *ret_lock = STEAL_POINTER(lock);
    return r;
}
