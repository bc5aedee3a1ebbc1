/* The looking thread. */
#include "monitor/observer.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"

#define STOP_SECONDS 2
/* Clients' timers are not exact: one that asks a little early would be told what it knows already. */
#define EARLY 0.95

struct observer {
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

static void wait_until(struct observer *observer, double time)
{
    struct timespec until = {.tv_sec = (time_t)time};

    until.tv_nsec = (long)((time - (double)until.tv_sec) * 1e9);
    pthread_cond_timedwait(&observer->changed, &observer->mutex, &until);
}

/* When the next look is due; some time in the past for the first one. */
static double due(const struct observer *observer)
{
    const double step = (double)HISTORY_SECONDS / HISTORY_POINTS;
    double wait = observer->interval_seconds;

    if (observer->number == 0 && !observer->err.code)
        return 0;
    if (observer->asked && !observer->source->remote)
        wait *= EARLY;
    else if (!observer->source->remote && wait < step)
        wait = step;
    return observer->started + wait;
}

/* Takes the new look in; the one before it is left in @observation, for the caller to release. */
static void learn(struct observer *observer, int result, struct observation *observation, const struct genv_error *err)
{
    struct observation before = observer->observation;

    observer->observation = *observation;
    *observation = before;
    observer->err = *err;
    if (result < 0)
        return;
    observer->number++;
    observer->err.code = 0;
    /* Without memory, what is learned is less than there was to learn, and the look is as good as ever. */
    (void)idle_learn(&observer->idle, &observer->observation);
    (void)history_learn(observer->history, &observer->observation);
}

/* Called with the mutex held, which is let go meanwhile. */
static void look(struct observer *observer)
{
    struct observation observation = {.host_count = 0};
    struct genv_error err = {0};
    int r;

    observer->looking = true;
    observer->asked = false;
    observer->started = clock_monotonic_seconds();
    pthread_mutex_unlock(&observer->mutex);
    r = observer->source->observe(observer->source, &observation, &err);
    pthread_mutex_lock(&observer->mutex);
    learn(observer, r, &observation, &err);
    observer->looking = false;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->mutex);
    observation_release(&observation);
    malloc_trim(0);
    pthread_mutex_lock(&observer->mutex);
}

static void *keep_looking(void *data)
{
    struct observer *observer = data;

    pthread_mutex_lock(&observer->mutex);
    while (!observer->stopping) {
        if (clock_monotonic_seconds() >= due(observer))
            look(observer);
        else
            wait_until(observer, due(observer));
    }
    pthread_mutex_unlock(&observer->mutex);
    return NULL;
}

static bool is_stale(const struct observer *observer, double time)
{
    double most = 3 * observer->interval_seconds;

    return observer->looking &&
           time - observer->started > (most > OBSERVER_STALE_SECONDS ? most : OBSERVER_STALE_SECONDS);
}

static int refuse(const struct observer *observer, double time, struct genv_error *err)
{
    if (is_stale(observer, time))
        return error_set(err, EAGAIN, "the snapshot that started %.0f seconds ago is not complete: the driver may hang",
                         time - observer->started);
    if (observer->err.code)
        return error_set(err, EAGAIN, "%s", observer->err.message);
    return error_set(err, EAGAIN, "the first snapshot is not complete yet: try again");
}

int observer_begin(struct observer *observer, struct observed *ret_observed, struct genv_error *err)
{
    double time = clock_monotonic_seconds();
    int r = 0;

    pthread_mutex_lock(&observer->mutex);
    if (!observer->looking && !observer->asked && time >= observer->started + observer->interval_seconds * EARLY) {
        observer->asked = true;
        pthread_cond_broadcast(&observer->changed);
    }
    while (!observer->source->remote && !observer->stopping && (observer->asked || observer->looking) &&
           clock_monotonic_seconds() < (observer->asked ? time : observer->started) + OBSERVER_WAIT_MS / 1e3)
        wait_until(observer, (observer->asked ? time : observer->started) + OBSERVER_WAIT_MS / 1e3);
    if (observer->number == 0 || observer->err.code || is_stale(observer, time)) {
        r = refuse(observer, time, err);
        pthread_mutex_unlock(&observer->mutex);
        return r;
    }
    *ret_observed = (struct observed){&observer->observation, &observer->idle, observer->history, observer->number};
    return 0;
}

void observer_end(struct observer *observer)
{
    pthread_mutex_unlock(&observer->mutex);
}

static void observer_free(struct observer *observer)
{
    observation_release(&observer->observation);
    idle_release(&observer->idle);
    history_free(observer->history);
    pthread_cond_destroy(&observer->changed);
    pthread_mutex_destroy(&observer->mutex);
    free(observer);
}

int observer_start(struct source *source, double interval_seconds, struct observer **ret_observer,
                   struct genv_error *err)
{
    struct observer *observer = calloc(1, sizeof(*observer));
    struct history *history = history_new();
    pthread_condattr_t attributes;
    int error;

    if (!observer || !history) {
        free(observer);
        history_free(history);
        return error_no_memory(err);
    }
    observer->source = source;
    observer->interval_seconds = interval_seconds;
    observer->history = history;
    pthread_mutex_init(&observer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&observer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = pthread_create(&observer->thread, NULL, keep_looking, observer);
    if (error) {
        observer_free(observer);
        return error_set_errno(err, error, "cannot start a thread");
    }
    *ret_observer = observer;
    return 0;
}

bool observer_stop(struct observer *observer)
{
    struct timespec until;

    pthread_mutex_lock(&observer->mutex);
    observer->stopping = true;
    pthread_cond_broadcast(&observer->changed);
    pthread_mutex_unlock(&observer->mutex);
    if (observer->source->cancel)
        observer->source->cancel(observer->source);
    until = clock_now();
    until.tv_sec += STOP_SECONDS;
    if (pthread_timedjoin_np(observer->thread, NULL, &until) != 0)
        return false;
    observer_free(observer);
    return true;
}
