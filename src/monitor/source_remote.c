/* Observations of many machines, over ssh.
 *
 * All hosts are asked at once, and once half of them have answered the others get a second. Those that are late then
 * are asked again in a thread of their own, with the whole time limit; what they answer is part of the next
 * observation. So a slow host is a little behind, and a dead one delays nobody. */
#include "monitor/source_remote.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "remote/ask.h"
#include "remote/smi.h"
#include "remote/survey.h"

#define WITHOUT_GENV_S 600 /* until a host that had none is asked for it again */

/* What is known of a host. */
struct station {
    struct host host; /* borrowed texts */
    struct host smi;  /* the same, with nvidia-smi in place of genv */
    bool has_genv;
    struct timespec without_since;
};

/* One asking: some of the stations. */
struct lane {
    struct station **stations;
    struct question *questions;
    struct genv_snapshot **snapshots;
    size_t count, answered;
};

struct remote {
    struct source source;
    struct host_list hosts;
    double timeout_seconds;
    struct station *stations;
    struct lane look, late;
    pthread_t thread;
    bool running; /* the thread exists; @done: it has finished */
    bool done;
    pthread_mutex_t mutex; /* of @done */
};

static int take(size_t index, const struct text *output, void *data, struct genv_error *err)
{
    struct lane *lane = data;

    lane->answered++;
    if (lane->stations[index]->has_genv)
        return survey_parse(output, &lane->snapshots[index], err);
    return smi_parse(output->data ? output->data : "", &lane->snapshots[index], err);
}

static bool suffices(size_t index, void *data)
{
    const struct lane *lane = data;

    (void)index;
    return lane->answered * 2 >= lane->count;
}

static int lane_init(struct lane *lane, size_t count)
{
    lane->stations = calloc(count + 1, sizeof(struct station *));
    lane->questions = calloc(count + 1, sizeof(*lane->questions));
    lane->snapshots = calloc(count + 1, sizeof(struct genv_snapshot *));
    return lane->stations && lane->questions && lane->snapshots ? 0 : -ENOMEM;
}

static void lane_clear(struct lane *lane)
{
    for (size_t i = 0; lane->snapshots && i < lane->count; i++) {
        genv_snapshot_free(lane->snapshots[i]);
        lane->snapshots[i] = NULL;
    }
    lane->count = lane->answered = 0;
}

static void lane_release(struct lane *lane)
{
    lane_clear(lane);
    free(lane->stations);
    free(lane->questions);
    free(lane->snapshots);
}

static void lane_add(struct lane *lane, struct station *station)
{
    static const char *const words[] = {"snapshot", NULL};

    lane->stations[lane->count] = station;
    lane->questions[lane->count++] = (struct question){
        .host = station->has_genv ? &station->host : &station->smi,
        .words = station->has_genv ? words : smi_words + 1,
    };
}

static int lane_ask(struct lane *lane, double timeout_seconds, bool hurry, struct genv_error *err)
{
    const struct ask_options how = {
        .timeout_seconds = timeout_seconds,
        .take = take,
        .suffices = hurry ? suffices : NULL,
        .data = lane,
    };
    int signal = 0;

    return lane->count ? ask_hosts(lane->questions, lane->count, &how, &signal, err) : 0;
}

/* Whether the answer says that there is no genv, or none that this one understands. */
static bool lacks_genv(const struct genv_error *err)
{
    return err->code == ENOENT || err->code == ENOEXEC || err->code == EPROTO;
}

/* Asks the nvidia-smi of those that turned out to have no genv. */
static int ask_without_genv(struct remote *remote, struct genv_error *err)
{
    struct lane *look = &remote->look, again = {0};
    int r = lane_init(&again, look->count);

    for (size_t i = 0; r == 0 && i < look->count; i++) {
        if (!look->stations[i]->has_genv || !lacks_genv(&look->questions[i].err))
            continue;
        look->stations[i]->has_genv = false;
        look->stations[i]->without_since = clock_now();
        lane_add(&again, look->stations[i]);
    }
    if (r == 0)
        r = lane_ask(&again, remote->timeout_seconds, true, err);
    for (size_t i = 0, k = 0; r == 0 && k < again.count; i++) {
        if (look->stations[i] != again.stations[k])
            continue;
        look->snapshots[i] = again.snapshots[k];
        again.snapshots[k] = NULL;
        if (look->snapshots[i])
            look->questions[i].err = (struct genv_error){0};
        k++;
    }
    lane_release(&again);
    return r == -ENOMEM ? error_no_memory(err) : r;
}

static void *wait_for_late(void *data)
{
    struct remote *remote = data;

    lane_ask(&remote->late, remote->timeout_seconds, false, NULL);
    pthread_mutex_lock(&remote->mutex);
    remote->done = true;
    pthread_mutex_unlock(&remote->mutex);
    return NULL;
}

static bool is_done(struct remote *remote)
{
    bool done;

    pthread_mutex_lock(&remote->mutex);
    done = remote->done;
    pthread_mutex_unlock(&remote->mutex);
    return done;
}

/* What has come of those that were late: the position in that lane, or -1. */
static ssize_t find_late(const struct remote *remote, const struct station *station)
{
    for (size_t i = 0; i < remote->late.count; i++) {
        if (remote->late.stations[i] == station)
            return (ssize_t)i;
    }
    return -1;
}

/* Asks those that did not answer in time once more, unless that is under way. */
static void start_late(struct remote *remote)
{
    if (remote->running)
        return;
    lane_clear(&remote->late);
    for (size_t i = 0; i < remote->look.count; i++) {
        if (remote->look.questions[i].err.code == ECANCELED)
            lane_add(&remote->late, remote->look.stations[i]);
    }
    remote->done = false;
    remote->running = remote->late.count && pthread_create(&remote->thread, NULL, wait_for_late, remote) == 0;
}

static void describe(struct observed_host *host, const struct station *station, struct genv_snapshot *snapshot,
                     const struct genv_error *err)
{
    copy_string(host->name, sizeof(host->name), station->host.name);
    host->snapshot = snapshot;
    host->up = snapshot != NULL;
    host->has_genv = station->has_genv;
    copy_string(host->reason, sizeof(host->reason), snapshot ? "" : err->message);
}

/* Gives each host what it answered now, or else when it was waited for. */
static void collect(struct remote *remote, struct observed_host *hosts)
{
    for (size_t i = 0; i < remote->hosts.count; i++) {
        struct station *station = &remote->stations[i];
        ssize_t late = find_late(remote, station);
        size_t k = 0;

        while (k < remote->look.count && remote->look.stations[k] != station)
            k++;
        if (k < remote->look.count && (remote->look.snapshots[k] || late < 0)) {
            describe(&hosts[i], station, remote->look.snapshots[k], &remote->look.questions[k].err);
            remote->look.snapshots[k] = NULL;
        } else if (late >= 0 && is_done(remote)) {
            describe(&hosts[i], station, remote->late.snapshots[late], &remote->late.questions[late].err);
            remote->late.snapshots[late] = NULL;
        } else {
            describe(&hosts[i], station, NULL, &(struct genv_error){.message = "no response yet"});
        }
    }
}

static int look(struct remote *remote, struct genv_error *err)
{
    time_t now = clock_now().tv_sec;
    int r;

    lane_clear(&remote->look);
    for (size_t i = 0; i < remote->hosts.count; i++) {
        struct station *station = &remote->stations[i];

        if (remote->running && find_late(remote, station) >= 0 && !is_done(remote))
            continue; /* it is being waited for */
        if (!station->has_genv && now - station->without_since.tv_sec >= WITHOUT_GENV_S)
            station->has_genv = true;
        lane_add(&remote->look, station);
    }
    r = lane_ask(&remote->look, remote->timeout_seconds, true, err);
    return r < 0 ? r : ask_without_genv(remote, err);
}

static int observe(struct source *source, struct observation *ret_observation, struct genv_error *err)
{
    struct remote *remote = (struct remote *)source;
    struct observed_host *hosts = calloc(remote->hosts.count + 1, sizeof(*hosts));
    double begin = clock_monotonic_seconds();
    int r;

    if (!hosts)
        return error_no_memory(err);
    r = look(remote, err);
    if (r < 0) {
        free(hosts);
        return r;
    }
    collect(remote, hosts);
    if (remote->running && is_done(remote)) {
        pthread_join(remote->thread, NULL);
        remote->running = false;
    }
    start_late(remote);
    *ret_observation = (struct observation){
        .time = clock_now(),
        .duration_seconds = clock_monotonic_seconds() - begin,
        .hosts = hosts,
        .host_count = remote->hosts.count,
    };
    return 0;
}

static void close_remote(struct source *source)
{
    struct remote *remote = (struct remote *)source;

    if (remote->running && !is_done(remote))
        return; /* a host is being waited for: the process ends before it answers, and ssh with it */
    if (remote->running)
        pthread_join(remote->thread, NULL);
    lane_release(&remote->look);
    lane_release(&remote->late);
    host_list_release(&remote->hosts);
    pthread_mutex_destroy(&remote->mutex);
    free(remote->stations);
    free(remote);
}

int source_open_remote(struct host_list *hosts, double timeout_seconds, struct source **ret_source,
                       struct genv_error *err)
{
    struct remote *remote = calloc(1, sizeof(*remote));

    if (!remote)
        return error_no_memory(err);
    remote->source = (struct source){.remote = true, .observe = observe, .close = close_remote};
    remote->timeout_seconds = timeout_seconds;
    remote->stations = calloc(hosts->count + 1, sizeof(*remote->stations));
    pthread_mutex_init(&remote->mutex, NULL);
    if (!remote->stations || lane_init(&remote->look, hosts->count) < 0 || lane_init(&remote->late, hosts->count) < 0) {
        close_remote(&remote->source);
        return error_no_memory(err);
    }
    for (size_t i = 0; i < hosts->count; i++) {
        remote->stations[i] = (struct station){.host = hosts->hosts[i], .smi = hosts->hosts[i], .has_genv = true};
        remote->stations[i].smi.genv = (char *)smi_words[0];
    }
    remote->hosts = *hosts;
    *hosts = (struct host_list){0};
    *ret_source = &remote->source;
    return 0;
}
