/* Acts on violations on this machine: after a fresh look, and on the very process or attachment that each is about. */
#include "enforce/act_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/proc.h"
#include "enforce/detaching.h"
#include "model/device.h"

#define AT_ONCE       64   /* processes held at once: each takes a descriptor */
#define LOOK_RETRY_MS 1000 /* after a look that failed */

/* The driver counts processes as the host does. In a container the same number is some other process, and nothing maps
 * one to the other, so that nobody is terminated there. */
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
    struct detaching detaching;
};

/* A process that is to end, in one call. */
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
    detaching_release(&acts->detaching);
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
        return error_set(err, ENOTSUP, "cannot verify the process: /proc hides its start time (hidepid)");
    return violation_holds(task->violation, snapshot) ? 0 : -ESRCH;
}

/* A number that exists here may be that of an innocent: not even a dry run can say whom it would be about. */
static void leave_alone(const struct acts *acts, struct task *task, const struct genv_snapshot *snapshot)
{
    struct genv_error err = {0};

    task->forgot = true;
    task->settled = violation_holds(task->violation, snapshot);
    if (!task->settled) {
        act_tell(&acts->options, task->violation, ACT_GONE);
        return;
    }
    error_set(&err, EPERM, "cannot match the driver's PIDs in a PID namespace: run genv on the host");
    act_tell_failure(&acts->options, task->violation, -EPERM, &err);
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
        act_tell_failure(&acts->options, task->violation, r, &err);
        return;
    }
    forget_uses(snapshot, task->violation);
    act_tell(&acts->options, task->violation,
             acts->options.dry_run ? ACT_WITHHELD
             : task->told          ? ACT_KILLED
                                   : ACT_TERMINATED);
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

/* Last those that a memory rule is about, which may have become superfluous: the largest first, as they are now. */
static int compare_tasks(const void *left, const void *right)
{
    const struct task *a = left, *b = right;
    const bool memory = a->violation->rule == RULE_ENV_MEMORY;

    if (memory != (b->violation->rule == RULE_ENV_MEMORY))
        return memory ? 1 : -1;
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

/* A look in which what is about to end uses nothing any more.
 *
 * A process that has SIGTERM takes a while to free its memory. While new ones are chosen it counts as gone: otherwise a
 * memory rule would end one more process at each look, until nothing of the environment is left. When its own turn for
 * SIGKILL has come, it counts as it is, since it may have stopped breaking the rule. */
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

/* Carries out tasks[first] to tasks[end - 1]; those before were.
 *
 * The order is what makes sure that no other process is hit. The process that broke the rule may have ended since, and
 * its PID belong to another one. So it is held by a pidfd first, then looked at again, and gets the signal only if that
 * look shows the same PID and start time, still breaking the rule. What ends in between cannot be replaced unseen: a
 * pidfd stays with its process, and the signal of a process that has ended reaches nobody. */
static int carry_out(struct acts *acts, struct task *tasks, size_t first, size_t end, struct genv_error *err)
{
    struct genv_snapshot *snapshot = NULL;
    int r;

    for (size_t i = first; i < end; i++)
        tasks[i].pidfd = pidfd_of(tasks[i].violation->pid);
    r = take_look(acts, tasks, first, &snapshot, err);
    for (size_t i = first; r == 0 && i < end; i++) {
        if (tasks[i].violation->rule == RULE_ENV_MEMORY)
            tasks[i].memory = memory_used(snapshot, tasks[i].violation);
    }
    sort_tasks(&tasks[first], end - first);
    for (size_t i = first; r == 0 && i < end; i++) {
        if (!was_settled(tasks, &tasks[i]))
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

/* What is to be detached: a dry run says so, and does not look again for that. */
static int take_detachments(struct acts *acts, const struct violation *violations, size_t count)
{
    cleanup_violation_list struct violation_list list = {0};

    for (size_t i = 0; i < count; i++) {
        if (violations[i].remedy != REMEDY_DETACH)
            continue;
        if (acts->options.dry_run)
            act_tell(&acts->options, &violations[i], ACT_WITHHELD);
        else if (violation_list_add(&list, &violations[i]) < 0)
            return -ENOMEM;
    }
    return detaching_add(&acts->detaching, &list);
}

int acts_apply(struct acts *acts, const struct violation *violations, size_t count, struct genv_error *err)
{
    cleanup_free struct task *tasks = calloc(count + 1, sizeof(*tasks));
    size_t collected = 0;
    int r;

    if (!tasks)
        return error_no_memory(err);
    remove_gone(acts);
    for (size_t i = 0; i < count; i++) {
        if (violations[i].remedy == REMEDY_TERMINATE && !was_told(acts, &violations[i]))
            tasks[collected++] = (struct task){.violation = &violations[i], .order = i, .pidfd = -1};
    }
    r = carry_out_all(acts, tasks, collected, err);
    if (r < 0)
        return r;
    if (take_detachments(acts, violations, count) < 0)
        return error_no_memory(err);
    detaching_work(&acts->detaching, acts->g, &acts->options);
    return 0;
}

int acts_next_ms(const struct acts *acts)
{
    int next = detaching_next_ms(&acts->detaching);

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

    for (size_t i = 0; acts->told && i < acts->count; i++) {
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
    detaching_work(&acts->detaching, acts->g, &acts->options);
    return r;
}
