/* Enforcement on this machine. */
#include "enforce/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "enforce/act.h"
#include "enforce/warning.h"
#include "enforce/watch.h"

/* Changes come in bursts, and each look asks the driver. */
#define LEAST_MS 200
#define STEP_MS  20 /* between looks whether a process has ended */

struct watcher {
    int changes; /* of the state directory */
    int signals;
};

static void watcher_close(struct watcher *watcher)
{
    cleanup_closep(&watcher->changes);
    cleanup_closep(&watcher->signals);
}

/* Enforcement here, under way. */
struct machine {
    struct genv *genv;
    struct session session;
    struct acts *acts;
};

/* About what may be right again at the next look. */
static void complain(const struct machine *machine, const char *message)
{
    const struct session_options *options = machine->session.options;

    options->complain(message, true, options->data);
}

static void report(const struct act_report *act, void *data)
{
    struct session *session = data;
    cleanup_json json_t *entry = journal_entry_of_act(act);

    session_follow_up(session, act->violation, act->outcome);
    session_tell(session, entry);
}

static void tell(json_t *entry, void *data)
{
    session_tell(data, entry);
}

/* One look, and what follows from it. */
static int look(struct machine *machine, struct genv_error *err)
{
    cleanup_violation_list struct violation_list found = {0}, due = {0};
    struct genv_snapshot *snapshot = NULL;
    struct session *session = &machine->session;
    struct enforce_host host = {.name = ""};
    int r = genv_snapshot_take(machine->genv, GENV_DEPTH_COMPLETE, &snapshot, err);

    if (r < 0)
        return r;
    host.snapshot = snapshot;
    r = session_look(session, &host, 1, &found, &due, err);
    if (r == 0 && session->options->grace_seconds > 0 && !session->dry_run)
        r = warnings_send(&found, snapshot, session->options->grace_seconds, tell, session, err);
    if (r == 0 && due.count)
        r = acts_apply(machine->acts, due.items, due.count, err);
    if (r < 0)
        rounds_not_done(&session->rounds, &due);
    session_sum_up(session);
    genv_snapshot_free(snapshot);
    return r;
}

static int watcher_open(struct watcher *watcher, struct genv *g, const char *state, struct genv_error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    watcher->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watcher->signals < 0)
        return error_set_errno(err, errno, "cannot handle signals");
    genv_set_cancel(g, watcher->signals);
    return watch_open(state, &watcher->changes, err);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* Waits until @moment, with @changes for changes of the state too. Returns whether it is time to end. */
static bool wait_until(const struct watcher *watcher, int64_t moment, bool changes, bool *ret_changed)
{
    struct pollfd fds[] = {
        {.fd = watcher->signals, .events = POLLIN},
        {.fd = changes ? watcher->changes : -1, .events = POLLIN},
    };

    poll(fds, ARRAY_SIZE(fds), clock_poll_timeout(moment));
    if (fds[1].revents)
        *ret_changed = true;
    return fds[0].revents != 0;
}

/* When to look again. */
struct schedule {
    int64_t earliest; /* changes come in bursts, and each look asks the driver */
    int64_t latest;   /* by the interval */
    bool changed;     /* the state has, since the last look */
};

/* Looks, and says when to look again: after a failure not before the interval, or it would fail as fast as it can. */
static void look_again(struct machine *machine, struct schedule *schedule)
{
    const int64_t interval = (int64_t)(machine->session.options->interval_seconds * 1000);
    int64_t begin = clock_monotonic_ms();
    struct genv_error reason = {0};

    schedule->changed = false;
    if (look(machine, &reason) == 0) {
        schedule->earliest = clock_monotonic_ms() + LEAST_MS;
        schedule->latest = begin + interval;
        return;
    }
    if (reason.code != ECANCELED)
        complain(machine, reason.message); /* the driver may answer again next time */
    schedule->earliest = schedule->latest = clock_monotonic_ms() + (interval > LEAST_MS ? interval : LEAST_MS);
}

/* The next moment at which there is something to do. */
static int64_t next_moment(const struct machine *machine, const struct schedule *schedule)
{
    int64_t now = clock_monotonic_ms(), grace = rounds_next_ms(&machine->session.rounds);
    int64_t act = acts_next_ms(machine->acts);
    int64_t moment = schedule->changed ? schedule->earliest : schedule->latest;

    if (grace >= 0 && now + grace < moment)
        moment = now + grace;
    if (moment < schedule->earliest)
        moment = schedule->earliest;
    return act >= 0 && now + act < moment ? now + act : moment;
}

/* Looks whenever the state changes, a grace or the interval is over. */
static int keep_looking(struct machine *machine, struct genv_error *err)
{
    cleanup_with(watcher_close) struct watcher watcher = {-1, -1};
    struct schedule schedule = {.changed = true};
    bool ended = false;
    int r = watcher_open(&watcher, machine->genv, machine->session.state, err);

    while (r == 0 && !ended) {
        int64_t now = clock_monotonic_ms();
        struct genv_error reason = {0};

        if (now >= schedule.earliest &&
            (schedule.changed || now >= schedule.latest || rounds_next_ms(&machine->session.rounds) == 0)) {
            watch_drain(watcher.changes, machine->session.state);
            look_again(machine, &schedule);
        }
        if (acts_next_ms(machine->acts) == 0 && acts_continue(machine->acts, &reason) < 0 && reason.code != ECANCELED)
            complain(machine, reason.message);
        ended = wait_until(&watcher, next_moment(machine, &schedule), !schedule.changed, &schedule.changed);
    }
    return r;
}

/* Until what was told to end has ended. */
static int look_once(struct machine *machine, struct genv_error *err)
{
    int r = look(machine, err);

    while (r == 0 && rounds_next_ms(&machine->session.rounds) >= 0) {
        poll(NULL, 0, clock_poll_timeout(clock_monotonic_ms() + rounds_next_ms(&machine->session.rounds)));
        r = look(machine, err);
    }
    while (r == 0 && acts_next_ms(machine->acts) >= 0) {
        poll(NULL, 0, (int)least(acts_next_ms(machine->acts), STEP_MS));
        r = acts_continue(machine->acts, err);
    }
    return r;
}

int enforce_machine(struct genv *g, const struct session_options *options, bool *ret_failed, struct genv_error *err)
{
    struct machine machine = {.genv = g};
    const struct act_options how = {
        .dry_run = options->dry_run || session_is_withheld(),
        .kill_after_seconds = options->kill_after_seconds,
        .report = report,
        .data = &machine.session,
    };
    int r = session_begin(&machine.session, g, options, true, err);

    if (r == 0)
        r = acts_new(g, &how, &machine.acts, err);
    if (r == 0)
        r = options->interval_seconds > 0 ? keep_looking(&machine, err) : look_once(&machine, err);
    acts_free(machine.acts);
    *ret_failed = machine.session.failed && options->interval_seconds <= 0;
    session_end(&machine.session);
    return r;
}
