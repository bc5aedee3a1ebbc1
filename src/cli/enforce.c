/* genv enforce: makes the agreement hold on this machine. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cli/enforcement.h"
#include "cli/listing.h"
#include "enforce/notify.h"
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
    cleanup_text struct text sentence = TEXT_INIT;

    act_report_describe(act, &sentence);
    if (act->outcome == ACT_FORBIDDEN || act->outcome == ACT_FAILED)
        enforcement->failed = true;
    enforcement_tell(enforcement, "", act_outcome_names[act->outcome], act->violation,
                     *act->err.message ? act->err.message : NULL, sentence.data ? sentence.data : "");
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
    return r;
}

static const char *state_path(void)
{
    const char *state = getenv("GENV_TMPDIR");

    return state && *state ? state : "/var/tmp/genv";
}

static int watcher_open(struct watcher *watcher, struct genv_error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    watcher->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watcher->signals < 0)
        return error_set_errno(err, errno, "can't watch signals");
    return watch_open(state_path(), &watcher->changes, err);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* Waits for at most @left_ms, with @changes for changes of the state too. Returns whether it is time to end. */
static bool wait_ms(const struct watcher *watcher, int64_t left_ms, bool changes, bool *ret_changed)
{
    struct pollfd fds[] = {
        {.fd = watcher->signals, .events = POLLIN},
        {.fd = changes ? watcher->changes : -1, .events = POLLIN},
    };

    poll(fds, ARRAY_SIZE(fds), (int)(left_ms < INT32_MAX ? left_ms : INT32_MAX));
    *ret_changed = fds[1].revents != 0;
    return fds[0].revents != 0;
}

/* Looks again whenever the state changes, a grace or the interval is over. */
static int keep_looking(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct genv_error *err)
{
    const int64_t interval = (int64_t)(enforcement->options->interval_seconds * 1000);
    cleanup_with(watcher_close) struct watcher watcher = {-1, -1};
    int64_t looked = 0, now, left;
    bool changed = true, ended = false;
    int r = watcher_open(&watcher, err);

    while (r == 0 && !ended) {
        struct genv_error reason = {0};

        if (changed || rounds_now_ms() - looked >= interval || rounds_next_ms(&enforcement->rounds) == 0) {
            watch_drain(watcher.changes, state_path());
            looked = rounds_now_ms();
            if (look(cli, enforcement, acts, &reason) < 0)
                cli_complain(reason.message); /* the driver may answer again next time */
        }
        if (acts_next_ms(acts) == 0 && acts_continue(acts, &reason) < 0)
            cli_complain(reason.message);
        now = rounds_now_ms();
        left = least(looked + interval - now, least(acts_next_ms(acts), rounds_next_ms(&enforcement->rounds)));
        if (now - looked < LEAST_MS)
            ended = wait_ms(&watcher, least(left, looked + LEAST_MS - now), false, &changed);
        else
            ended = wait_ms(&watcher, left, true, &changed);
    }
    return r;
}

/* Until what was told to end has ended. */
static int look_once(struct cli *cli, struct enforcement *enforcement, struct acts *acts, struct genv_error *err)
{
    int r = look(cli, enforcement, acts, err);

    while (r == 0 && rounds_next_ms(&enforcement->rounds) >= 0) {
        poll(NULL, 0, (int)rounds_next_ms(&enforcement->rounds));
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
        return enforcement_print_history(options, &cli->output, err);
    r = enforcement_begin(&enforcement, options, true, err);
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
