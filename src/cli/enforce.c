/* genv enforce: makes the agreement hold on this machine. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/enforcement.h"
#include "cli/listing.h"
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

static void report(const struct act_report *act, void *data)
{
    struct enforcement *enforcement = data;
    cleanup_json json_t *entry = journal_entry_of_act(act);

    if (act->outcome == ACT_FORBIDDEN || act->outcome == ACT_FAILED)
        enforcement->failed = true;
    if (entry)
        enforcement_tell_entry(enforcement, entry);
}

static void warn_users(struct enforcement *enforcement, const struct genv_snapshot *snapshot,
                       const struct violation_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        cleanup_text struct text sentence = TEXT_INIT;

        if (enforcement_warn(&list->items[i], snapshot, enforcement->options->grace_seconds, &sentence))
            enforcement_tell(enforcement, "", "warned", &list->items[i], NULL, sentence.data);
    }
}

/* One look, and what follows from it. */
static int look(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct genv_error *err)
{
    cleanup_violation_list struct violation_list found = {0}, due = {0};
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    struct enforce_host host = {.name = ""};
    int r = genv_snapshot_take(cli->genv, GENV_DEPTH_LIVE, &snapshot, err);

    if (r < 0)
        return r;
    host.snapshot = snapshot;
    r = enforcement_look(enforcement, &host, 1, &found, &due, err);
    if (r == 0 && enforcement->options->grace_seconds > 0 && !enforcement->dry_run)
        warn_users(enforcement, snapshot, &found);
    if (r == 0 && due.count)
        r = acts_apply(acts, due.items, due.count, err);
    if (r < 0)
        rounds_not_done(&enforcement->rounds, &due);
    return r;
}

static int watcher_open(struct watcher *watcher, const char *state, struct genv_error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    watcher->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watcher->signals < 0)
        return error_set_errno(err, errno, "can't watch signals");
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
static void look_again(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct schedule *schedule)
{
    const int64_t interval = (int64_t)(enforcement->options->interval_seconds * 1000);
    int64_t begin = clock_monotonic_ms();
    struct genv_error reason = {0};

    schedule->changed = false;
    if (look(cli, enforcement, acts, &reason) == 0) {
        schedule->earliest = clock_monotonic_ms() + LEAST_MS;
        schedule->latest = begin + interval;
        return;
    }
    cli_warn(cli, reason.message); /* the driver may answer again next time */
    schedule->earliest = schedule->latest = clock_monotonic_ms() + (interval > LEAST_MS ? interval : LEAST_MS);
}

/* The next moment at which there is something to do. */
static int64_t next_moment(const struct enforcement *enforcement, const struct acts *acts,
                           const struct schedule *schedule)
{
    int64_t now = clock_monotonic_ms(), grace = rounds_next_ms(&enforcement->rounds), act = acts_next_ms(acts);
    int64_t moment = schedule->changed ? schedule->earliest : schedule->latest;

    if (grace >= 0 && now + grace < moment)
        moment = now + grace;
    if (moment < schedule->earliest)
        moment = schedule->earliest;
    return act >= 0 && now + act < moment ? now + act : moment;
}

/* Looks whenever the state changes, a grace or the interval is over. */
static int keep_looking(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct genv_error *err)
{
    cleanup_with(watcher_close) struct watcher watcher = {-1, -1};
    struct schedule schedule = {.changed = true};
    bool ended = false;
    int r = watcher_open(&watcher, enforcement->state, err);

    while (r == 0 && !ended) {
        int64_t now = clock_monotonic_ms();
        struct genv_error reason = {0};

        if (now >= schedule.earliest &&
            (schedule.changed || now >= schedule.latest || rounds_next_ms(&enforcement->rounds) == 0)) {
            watch_drain(watcher.changes, enforcement->state);
            look_again(cli, enforcement, acts, &schedule);
        }
        if (acts_next_ms(acts) == 0 && acts_continue(acts, &reason) < 0)
            cli_warn(cli, reason.message);
        ended = wait_until(&watcher, next_moment(enforcement, acts, &schedule), !schedule.changed, &schedule.changed);
    }
    return r;
}

/* Until what was told to end has ended. */
static int look_once(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct genv_error *err)
{
    int r = look(cli, enforcement, acts, err);

    while (r == 0 && rounds_next_ms(&enforcement->rounds) >= 0) {
        poll(NULL, 0, clock_poll_timeout(clock_monotonic_ms() + rounds_next_ms(&enforcement->rounds)));
        r = look(cli, enforcement, acts, err);
    }
    while (r == 0 && acts_next_ms(acts) >= 0) {
        poll(NULL, 0, (int)least(acts_next_ms(acts), STEP_MS));
        r = acts_continue(acts, err);
    }
    return r < 0 ? r : enforcement->failed ? EXIT_FAILURE : 0;
}

static int enforce(struct cli *cli, struct enforcement *enforcement, struct genv_error *err)
{
    const struct act_options how = {
        .dry_run = enforcement->dry_run,
        .kill_after_seconds = enforcement->options->kill_after_seconds,
        .report = report,
        .data = enforcement,
    };
    struct acts *acts = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = acts_new(cli->genv, &how, &acts, err);
    if (r == 0)
        r = enforcement->options->interval_seconds > 0 ? keep_looking(cli, enforcement, acts, err)
                                                       : look_once(cli, enforcement, acts, err);
    acts_free(acts);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct enforcement_options *options = arguments->values;
    struct enforcement enforcement = {.options = options};
    int r;

    if (options->history)
        return enforcement_print_history(cli, options, err);
    r = enforcement_begin(&enforcement, cli, options, true, err);
    if (r == 0)
        r = enforce(cli, &enforcement, err);
    enforcement_end(&enforcement);
    return r;
}

static const struct example examples[] = {
    {"sudo genv enforce --dry-run --interval 0 --non-env-processes", "What would be done now, and why."},
    {"sudo genv enforce --grace 60 --max-devices-per-user 4", "Keeps looking, and warns a minute before it acts."},
    {"genv enforce --history", "What was found and done."},
    {NULL, NULL},
};

const struct command command_enforce = {
    .name = "enforce",
    .summary = "Terminate what breaks the rules of sharing",
    .description =
        "Looks at devices, environments and the processes that use devices, and mends what breaks a rule: processes "
        "that use a device outside any environment, or one that is not attached to theirs, or more of its memory than "
        "their capacity, and users who hold more than their maximum. It looks again when an environment changes, and "
        "after the interval, since only the driver knows of processes. To mend what others do takes root.\n\n"
        "A process is told to terminate, and killed if it stays and still breaks the rule. It is identified by PID and "
        "start time, and looked at again just before: no other one is ever hit.\n\n"
        "A limits file has a line for each maximum: who (a user, @group or *), devices or memory, and how much, such "
        "as 'paul devices 4', '@students memory 40g' or '* devices 2'; 'unlimited' lifts it. A user's own line wins "
        "over those of his groups, of which the most generous counts, and they win over *. 'genv attach' respects "
        "/etc/genv/limits.conf for everyone, so that users meet a refusal first.",
    .group = GROUP_MACHINE,
    .options = enforcement_option_rows,
    .defaults = &enforcement_defaults,
    .values_size = sizeof(struct enforcement_options),
    .examples = examples,
    .run = run,
};
