/* The looking thread. */
#include "monitor/watch.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"

#define STOP_SECONDS 2
/* Clients' timers are not exact: one that asks a little early would be told what it knows already. */
#define EARLY 0.95

struct watch {
    struct source *source;
    double interval_seconds;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all that follows */
    pthread_cond_t changed;
    bool stopping;
    bool asked;
    bool looking;
    double started; /* the latest look, by the monotonic clock; 0: none */
    uint64_t number;
    struct observation observation;
    struct genv_error err; /* why there is none */
    struct idle idle;
    struct history *history;
};

static void wait_until(struct watch *watch, double time)
{
    struct timespec until = {.tv_sec = (time_t)time};

    until.tv_nsec = (long)((time - (double)until.tv_sec) * 1e9);
    pthread_cond_timedwait(&watch->changed, &watch->mutex, &until);
}

/* When the next look is due; some time in the past for the first one. */
static double due(const struct watch *watch)
{
    const double step = (double)HISTORY_SECONDS / HISTORY_POINTS;
    double wait = watch->interval_seconds;

    if (watch->number == 0 && !watch->err.code)
        return 0;
    if (watch->asked && !watch->source->remote)
        wait *= EARLY;
    else if (!watch->source->remote && wait < step)
        wait = step;
    return watch->started + wait;
}

/* Takes the new look in; the one before it is left in @observation, for the caller to release. */
static void learn(struct watch *watch, int result, struct observation *observation, const struct genv_error *err)
{
    struct observation before = watch->observation;

    watch->observation = *observation;
    *observation = before;
    watch->err = *err;
    if (result < 0)
        return;
    watch->number++;
    watch->err.code = 0;
    /* Without memory, what is learned is less than there was to learn, and the look is as good as ever. */
    (void)idle_learn(&watch->idle, &watch->observation);
    (void)history_learn(watch->history, &watch->observation);
}

/* Called with the mutex held, which is let go meanwhile. */
static void look(struct watch *watch)
{
    struct observation observation = {.host_count = 0};
    struct genv_error err = {0};
    int r;

    watch->looking = true;
    watch->asked = false;
    watch->started = clock_monotonic_seconds();
    pthread_mutex_unlock(&watch->mutex);
    r = watch->source->observe(watch->source, &observation, &err);
    pthread_mutex_lock(&watch->mutex);
    learn(watch, r, &observation, &err);
    watch->looking = false;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
    observation_release(&observation);
    malloc_trim(0);
    pthread_mutex_lock(&watch->mutex);
}

static void *keep_looking(void *data)
{
    struct watch *watch = data;

    pthread_mutex_lock(&watch->mutex);
    while (!watch->stopping) {
        if (clock_monotonic_seconds() >= due(watch))
            look(watch);
        else
            wait_until(watch, due(watch));
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

static bool is_stale(const struct watch *watch, double time)
{
    double most = 3 * watch->interval_seconds;

    return watch->looking && time - watch->started > (most > WATCH_STALE_SECONDS ? most : WATCH_STALE_SECONDS);
}

static int refuse(const struct watch *watch, double time, struct genv_error *err)
{
    if (is_stale(watch, time))
        return error_set(err, EAGAIN, "the look that began %.0f seconds ago has not ended: the driver may hang",
                         time - watch->started);
    if (watch->err.code)
        return error_set(err, EAGAIN, "%s", watch->err.message);
    return error_set(err, EAGAIN, "the first look has not ended yet: ask again");
}

int watch_begin(struct watch *watch, struct watched *ret_watched, struct genv_error *err)
{
    double time = clock_monotonic_seconds();
    int r = 0;

    pthread_mutex_lock(&watch->mutex);
    if (!watch->looking && !watch->asked && time >= watch->started + watch->interval_seconds * EARLY) {
        watch->asked = true;
        pthread_cond_broadcast(&watch->changed);
    }
    while (!watch->source->remote && !watch->stopping && (watch->asked || watch->looking) &&
           clock_monotonic_seconds() < (watch->asked ? time : watch->started) + WATCH_WAIT_MS / 1e3)
        wait_until(watch, (watch->asked ? time : watch->started) + WATCH_WAIT_MS / 1e3);
    if (watch->number == 0 || watch->err.code || is_stale(watch, time)) {
        r = refuse(watch, time, err);
        pthread_mutex_unlock(&watch->mutex);
        return r;
    }
    *ret_watched = (struct watched){&watch->observation, &watch->idle, watch->history, watch->number};
    return 0;
}

void watch_end(struct watch *watch)
{
    pthread_mutex_unlock(&watch->mutex);
}

static void watch_free(struct watch *watch)
{
    observation_release(&watch->observation);
    idle_release(&watch->idle);
    history_free(watch->history);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

int watch_start(struct source *source, double interval_seconds, struct watch **ret_watch, struct genv_error *err)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    struct history *history = history_new();
    pthread_condattr_t attributes;
    int error;

    if (!watch || !history) {
        free(watch);
        history_free(history);
        return error_no_memory(err);
    }
    watch->source = source;
    watch->interval_seconds = interval_seconds;
    watch->history = history;
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = pthread_create(&watch->thread, NULL, keep_looking, watch);
    if (error) {
        watch_free(watch);
        return error_set_errno(err, error, "can't start a thread");
    }
    *ret_watch = watch;
    return 0;
}

bool watch_stop(struct watch *watch)
{
    struct timespec until;

    pthread_mutex_lock(&watch->mutex);
    watch->stopping = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_SECONDS;
    if (pthread_timedjoin_np(watch->thread, NULL, &until) != 0)
        return false;
    watch_free(watch);
    return true;
}
