/* Mends violations on this machine: after a fresh look, and on the very process or attachment that each is about. */
#include "enforce/act.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/proc.h"
#include "model/device.h"

#define AT_ONCE       64   /* processes held at once: each takes a descriptor */
#define LOOK_RETRY_MS 1000 /* after a look that failed */

#define FIRST_PID_NAMESPACE 0xEFFFFFFCU /* PROC_PID_INIT_INO: that of the host */

/* A process that was told to end, and has not yet. */
struct told {
    struct violation violation;
    int64_t due_ms; /* by clock_monotonic_ms() */
    bool killed;    /* and takes its time, in the driver perhaps */
};

struct acts {
    struct genv *g;
    struct act_options options;
    bool foreign_pids; /* what the driver calls a process may be another one here */
    struct told *told;
    size_t count;
};

/* Something to be done, in one call. */
struct task {
    const struct violation *violation;
    struct told *told; /* that is to be killed now; NULL: it is to be told first */
    size_t order;
    int pidfd;       /* or a negative errno */
    uint64_t memory; /* what the process uses now, for a memory rule */
    bool settled;    /* it was tried, and need not be for another rule */
    bool done;       /* the process will end */
    bool forgot;     /* @told is to be forgotten */
};

static int pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : fd;
}

/* A zombie has ended too, although signals still reach it. */
static bool has_ended(int pidfd)
{
    struct pollfd waiting = {.fd = pidfd, .events = POLLIN};

    return poll(&waiting, 1, 0) > 0;
}

static int send_signal(int pidfd, int number)
{
    return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

int acts_new(struct genv *g, const struct act_options *options, struct acts **ret_acts, struct genv_error *err)
{
    struct acts *acts = calloc(1, sizeof(*acts));

    if (!acts)
        return error_no_memory(err);
    acts->g = g;
    acts->options = *options;
    acts->foreign_pids = !options->own_pids && proc_pid_namespace() != FIRST_PID_NAMESPACE;
    *ret_acts = acts;
    return 0;
}

void acts_free(struct acts *acts)
{
    if (!acts)
        return;
    free(acts->told);
    free(acts);
}

/* Unlike /proc, a pidfd tells a zombie from a process whose first thread alone has ended. */
static bool is_there(pid_t pid, uint64_t start_time)
{
    cleanup_close int pidfd = pidfd_of(pid);
    struct proc_stat stat;

    return pidfd >= 0 && !has_ended(pidfd) && proc_stat_read(pid, &stat) == 0 && stat.start_time == start_time;
}

static void remove_gone(struct acts *acts)
{
    size_t kept = 0;

    for (size_t i = 0; i < acts->count; i++) {
        if (is_there(acts->told[i].violation.pid, acts->told[i].violation.start_time))
            acts->told[kept++] = acts->told[i];
    }
    acts->count = kept;
}

/* Room for one more, so that nothing fails between the signal and taking note of it. */
static int make_room(struct acts *acts)
{
    struct told *grown = reallocarray(acts->told, acts->count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    acts->told = grown;
    return 0;
}

static bool same_process(const struct violation *a, const struct violation *b)
{
    return a->pid == b->pid && a->start_time == b->start_time;
}

static bool was_told(const struct acts *acts, const struct violation *violation)
{
    for (size_t i = 0; i < acts->count; i++) {
        if (same_process(&acts->told[i].violation, violation))
            return true;
    }
    return false;
}

/* @reason goes with ACT_FORBIDDEN and ACT_FAILED. */
static void report(const struct acts *acts, const struct violation *violation, enum act_outcome outcome,
                   const struct genv_error *reason)
{
    struct act_report result = {.violation = violation, .outcome = outcome};

    if (reason)
        result.err = *reason;
    acts->options.report(&result, acts->options.data);
}

/* What became of it where @r, a negative errno, was the answer. */
static void report_failure(const struct acts *acts, const struct violation *violation, int r, struct genv_error *err)
{
    bool forbidden = r == -EPERM || r == -EACCES;

    if (r == -ESRCH || r == -ENOENT || r == -ENODEV) {
        report(acts, violation, ACT_GONE, NULL);
        return;
    }
    if (forbidden && geteuid())
        error_set(err, -r, "run as root");
    else if (!err->code)
        error_set_errno(err, -r, "no signal can be sent");
    report(acts, violation, forbidden ? ACT_FORBIDDEN : ACT_FAILED, err);
}

/* Whether the attachment is still the one that @violation is about: the fresh look may be a driver's answer old. It is
 * looked for in all records, since genv_env_get() refuses some that hold devices all the same. */
static int find_attachment(const struct acts *acts, const struct violation *violation, bool *ret_found,
                           struct genv_error *err)
{
    struct genv_snapshot *snapshot = NULL;
    int r = genv_snapshot_take(acts->g, GENV_DEPTH_DEVICES, &snapshot, err);

    if (r < 0)
        return r;
    *ret_found = violation_holds(violation, snapshot);
    genv_snapshot_free(snapshot);
    return 0;
}

/* Which device is detached, and what the library tells of that. */
struct detachment {
    const char *uuid;
    struct genv_event event;
};

/* Not of the other devices of a record that goes as a whole, nor of an end that was found. */
static void keep_detachment(const struct genv_event *event, void *data)
{
    struct detachment *detachment = data;

    if (event->kind == GENV_EVENT_DETACHED && event->reason == GENV_REASON_ASKED &&
        strcmp(event->attachment.device.uuid, detachment->uuid) == 0)
        detachment->event = *event;
}

static void detach_now(const struct acts *acts, const struct violation *violation)
{
    struct detachment detachment = {.uuid = violation->uuid};
    const struct act_report detached = {.violation = violation, .outcome = ACT_DETACHED, .event = &detachment.event};
    struct genv_error err = {0};
    int r;

    genv_listen(acts->g, keep_detachment, &detachment);
    r = genv_detach(acts->g, violation->eid, violation->uuid, NULL, &err);
    genv_listen(acts->g, NULL, NULL);
    if (r < 0)
        report_failure(acts, violation, r, &err);
    else
        acts->options.report(&detached, acts->options.data);
}

static void detach(const struct acts *acts, const struct violation *violation, const struct genv_snapshot *snapshot)
{
    bool found = violation_holds(violation, snapshot);
    struct genv_error err = {0};

    if (found && acts->options.dry_run)
        report(acts, violation, ACT_WITHHELD, NULL);
    else if (found && find_attachment(acts, violation, &found, &err) < 0)
        report(acts, violation, ACT_FAILED, &err);
    else if (found)
        detach_now(acts, violation);
    else
        report(acts, violation, ACT_GONE, NULL);
}

/* Makes @snapshot one in which the process uses nothing: what it used is as good as free, and no reason to end more. */
static void forget_uses(struct genv_snapshot *snapshot, const struct violation *violation)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        if (snapshot->processes[i].pid == violation->pid)
            snapshot->processes[i].usage_count = 0;
    }
}

/* Sends SIGTERM, and takes note of it. */
static int tell(struct acts *acts, const struct task *task)
{
    int r = make_room(acts);

    if (r == 0)
        r = send_signal(task->pidfd, SIGTERM);
    if (r == 0)
        acts->told[acts->count++] =
            (struct told){.violation = *task->violation,
                          .due_ms = clock_monotonic_ms() + clock_seconds_to_ms(acts->options.kill_after_seconds)};
    return r;
}

/* That it was told to end stays known until it has. */
static int kill_now(const struct task *task)
{
    int r = send_signal(task->pidfd, SIGKILL);

    if (r == 0)
        task->told->killed = true;
    return r;
}

/* Whether the process that is held is the one that broke the rule, and still does. */
static int check_process(const struct task *task, const struct genv_snapshot *snapshot, struct genv_error *err)
{
    if (task->pidfd < 0)
        return task->pidfd;
    if (has_ended(task->pidfd))
        return -ESRCH;
    if (!task->violation->start_time)
        return error_set(err, ENOTSUP, "/proc hides when it was started, and so whether it is the same");
    return violation_holds(task->violation, snapshot) ? 0 : -ESRCH;
}

/* A number that exists here may be that of an innocent: not even a dry run can say whom it would be about. */
static void leave_alone(const struct acts *acts, struct task *task, const struct genv_snapshot *snapshot)
{
    struct genv_error err = {0};

    task->forgot = true;
    task->settled = violation_holds(task->violation, snapshot);
    if (!task->settled) {
        report(acts, task->violation, ACT_GONE, NULL);
        return;
    }
    error_set(&err, EPERM, "in a PID namespace the driver's PIDs may be those of the host: run on the host");
    report(acts, task->violation, ACT_FORBIDDEN, &err);
}

static void terminate(struct acts *acts, struct task *task, struct genv_snapshot *snapshot)
{
    struct genv_error err = {0};
    int r;

    if (acts->foreign_pids) {
        leave_alone(acts, task, snapshot);
        return;
    }
    r = check_process(task, snapshot, &err);
    if (r == 0 && !acts->options.dry_run)
        r = task->told ? kill_now(task) : tell(acts, task);
    task->settled = r != -ESRCH;
    task->done = r == 0;
    task->forgot = r < 0;
    if (r < 0) {
        report_failure(acts, task->violation, r, &err);
        return;
    }
    forget_uses(snapshot, task->violation);
    report(acts, task->violation,
           acts->options.dry_run ? ACT_WITHHELD
           : task->told          ? ACT_KILLED
                                 : ACT_TERMINATED,
           NULL);
}

static uint64_t memory_used(const struct genv_snapshot *snapshot, const struct violation *violation)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_usage *usage = process_usage(&snapshot->processes[i], violation->uuid);

        if (usage && snapshot->processes[i].pid == violation->pid && usage->used_memory != GENV_UNKNOWN_U64)
            return usage->used_memory;
    }
    return 0;
}

static int rank(const struct task *task)
{
    if (task->violation->remedy == REMEDY_DETACH)
        return 0;
    return task->violation->rule == RULE_ENV_MEMORY ? 2 : 1;
}

/* Detachments, then processes, and last those that a memory rule is about, which may have become superfluous: the
 * largest first, as they are now. */
static int compare_tasks(const void *left, const void *right)
{
    const struct task *a = left, *b = right;

    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    if (a->memory != b->memory)
        return a->memory > b->memory ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void sort_tasks(struct task *tasks, size_t count)
{
    if (count)
        qsort(tasks, count, sizeof(*tasks), compare_tasks);
}

static bool was_settled(const struct task *tasks, const struct task *task)
{
    for (const struct task *earlier = tasks; earlier < task; earlier++) {
        if (earlier->settled && same_process(earlier->violation, task->violation))
            return true;
    }
    return false;
}

/* A look in which what is about to end uses nothing any more. */
static int take_look(const struct acts *acts, const struct task *tasks, size_t done,
                     struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    int r = genv_snapshot_take(acts->g, GENV_DEPTH_COMPLETE, ret_snapshot, err);

    for (size_t i = 0; r == 0 && i < acts->count; i++) {
        if (acts->told[i].killed || !tasks->told)
            forget_uses(*ret_snapshot, &acts->told[i].violation);
    }
    for (size_t i = 0; r == 0 && i < done; i++) {
        if (tasks[i].done)
            forget_uses(*ret_snapshot, tasks[i].violation);
    }
    return r;
}

/* Carries out tasks[first] to tasks[end - 1]; those before were. */
static int carry_out(struct acts *acts, struct task *tasks, size_t first, size_t end, struct genv_error *err)
{
    struct genv_snapshot *snapshot = NULL;
    int r;

    for (size_t i = first; i < end; i++) {
        if (tasks[i].violation->remedy == REMEDY_TERMINATE)
            tasks[i].pidfd = pidfd_of(tasks[i].violation->pid);
    }
    r = take_look(acts, tasks, first, &snapshot, err);
    for (size_t i = first; r == 0 && i < end; i++) {
        if (tasks[i].violation->rule == RULE_ENV_MEMORY)
            tasks[i].memory = memory_used(snapshot, tasks[i].violation);
    }
    sort_tasks(&tasks[first], end - first);
    for (size_t i = first; r == 0 && i < end; i++) {
        if (tasks[i].violation->remedy == REMEDY_DETACH)
            detach(acts, tasks[i].violation, snapshot);
        else if (!was_settled(tasks, &tasks[i]))
            terminate(acts, &tasks[i], snapshot);
    }
    for (size_t i = first; i < end; i++) {
        if (tasks[i].pidfd >= 0)
            close(tasks[i].pidfd);
    }
    genv_snapshot_free(snapshot);
    return r;
}

static int carry_out_all(struct acts *acts, struct task *tasks, size_t count, struct genv_error *err)
{
    int r = 0;

    sort_tasks(tasks, count);
    for (size_t first = 0; r == 0 && first < count; first += AT_ONCE)
        r = carry_out(acts, tasks, first, first + AT_ONCE < count ? first + AT_ONCE : count, err);
    return r;
}

int acts_apply(struct acts *acts, const struct violation *violations, size_t count, struct genv_error *err)
{
    cleanup_free struct task *tasks = calloc(count + 1, sizeof(*tasks));
    size_t collected = 0;

    if (!tasks)
        return error_no_memory(err);
    remove_gone(acts);
    for (size_t i = 0; i < count; i++) {
        if (violations[i].remedy == REMEDY_DETACH || !was_told(acts, &violations[i]))
            tasks[collected++] = (struct task){.violation = &violations[i], .order = i, .pidfd = -1};
    }
    return carry_out_all(acts, tasks, collected, err);
}

int acts_next_ms(const struct acts *acts)
{
    int next = -1;

    for (size_t i = 0; i < acts->count; i++) {
        int left = clock_poll_timeout(acts->told[i].due_ms);

        if (!acts->told[i].killed && (next < 0 || left < next))
            next = left;
    }
    return next;
}

static void forget_told(struct acts *acts, const struct task *tasks, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < acts->count; i++) {
        bool forgot = false;

        for (size_t k = 0; k < count; k++)
            forgot = forgot || (tasks[k].told == &acts->told[i] && tasks[k].forgot);
        if (!forgot)
            acts->told[kept++] = acts->told[i];
    }
    acts->count = kept;
}

int acts_continue(struct acts *acts, struct genv_error *err)
{
    cleanup_free struct task *tasks = calloc(acts->count + 1, sizeof(*tasks));
    size_t count = 0;
    int r;

    if (!tasks)
        return error_no_memory(err);
    remove_gone(acts);
    for (size_t i = 0; i < acts->count; i++) {
        struct told *told = &acts->told[i];

        if (!told->killed && clock_poll_timeout(told->due_ms) == 0)
            tasks[count++] = (struct task){.violation = &told->violation, .told = told, .order = i, .pidfd = -1};
    }
    r = carry_out_all(acts, tasks, count, err);
    for (size_t i = 0; r < 0 && i < count; i++)
        tasks[i].told->due_ms = clock_monotonic_ms() + LOOK_RETRY_MS;
    forget_told(acts, tasks, count);
    return r;
}
