/* One loop over the pipes of all children. Each child has a session of its own, so that the terminal's Ctrl-C reaches
 * the caller alone and a signal reaches a child with all that it started. */
#include "remote/fanout.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "remote/child.h"
#include "remote/signals.h"

#define DESCRIPTORS      3  /* of a child: two pipes and a pidfd */
#define SPARE            24 /* descriptors for everything else, while a child starts too */
#define TASKS            8  /* of RLIMIT_NPROC per child: ssh, what it starts, and the user's other processes */
#define PARALLEL_LEAST   8  /* no sshd turns anyone away for so few */
#define GRACE_MS         500
#define RERUN_FIRST_MS   100
#define RERUN_LONGEST_MS 1000
#define START_FAILURES   20 /* in a row, with nothing running */
#define START_PAUSE_MS   100
#define ERRORS_MAX       (256 << 10) /* bytes of a job's standard error that are kept, at most */
#define READS_MAX        64          /* in a row: more than a pipe holds */
#define LATELY_MS        2000        /* enough to connect, as a rule */
#define LOOK_MS          20          /* between looks where there are no pidfds */
#define NEVER            INT64_MAX

enum state {
    WAITING,
    RUNNING,
    ASKED,  /* sent SIGTERM */
    KILLED, /* sent SIGKILL */
};

struct task {
    enum state state;
    struct child child;
    unsigned runs;      /* that have ended */
    int64_t not_before; /* to run it again; milliseconds, as all times here */
    int64_t deadline;   /* from its first start */
    int64_t started;    /* last */
    int64_t next;       /* when to send the next signal, or to give it up */
};

struct fanout {
    struct fanout_job *jobs;
    struct task *tasks;
    size_t count;
    const struct fanout_options *options;
    size_t most;  /* that run at once */
    size_t bound; /* that have begun lately and run */
    size_t fresh; /* the tasks from here on have never run */
    size_t *running, running_count;
    size_t *again, again_count; /* those that wait for another run */
    int64_t deadline;           /* of all */
    int signals;                /* signalfd(2) */
    int signal;                 /* that ended it all, or 0 */
    unsigned failures;          /* to start anything, in a row */
    struct pollfd *pollfds;     /* the signals', then DESCRIPTORS for each that runs */
};

static size_t count_descriptors(void)
{
    cleanup_closedir DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (dir && readdir(dir))
        count++;
    return dir ? count : SPARE;
}

size_t fanout_bound(size_t wanted)
{
    struct rlimit limit;
    size_t bound = wanted;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size_t used = count_descriptors() + SPARE;
        size_t room = limit.rlim_cur > used ? (limit.rlim_cur - used) / DESCRIPTORS : 0;

        bound = room < bound ? room : bound;
    }
    if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur / TASKS < bound)
        bound = limit.rlim_cur / TASKS;
    return bound > 0 ? bound : 1;
}

/* Starts the job's child. -EAGAIN, -EMFILE and the like: not now. */
static int start(struct fanout_job *job, struct task *task)
{
    int r = child_start(job->argv, &task->child);

    if (r < 0)
        return r;
    text_release(&job->out);
    text_release(&job->err);
    job->status = -1;
    job->timed_out = job->too_long = false;
    task->state = RUNNING;
    return 0;
}

/* Ends the child by and by: SIGTERM lets ssh remove what it made. */
static void end(struct task *task, int64_t now)
{
    if (task->state != RUNNING)
        return;
    kill(-task->child.pid, SIGTERM);
    kill(task->child.pid, SIGTERM); /* before it has a group of its own */
    task->state = ASKED;
    task->next = now + GRACE_MS;
}

/* Reads what is there. False: nothing more will come. */
static bool read_stream(int fd, struct text *text, size_t max, bool *ret_too_long)
{
    char bytes[16384];

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        size_t room = max - text->length;

        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        if ((size_t)n > room && ret_too_long)
            *ret_too_long = true;
        text_add_bytes(text, bytes, (size_t)n < room ? (size_t)n : room);
    }
    return true;
}

static void read_task(struct fanout *fanout, size_t index, int64_t now)
{
    struct fanout_job *job = &fanout->jobs[index];
    struct task *task = &fanout->tasks[index];
    const size_t errors_max = fanout->options->output_max < ERRORS_MAX ? fanout->options->output_max : ERRORS_MAX;

    if (task->child.out >= 0 && !read_stream(task->child.out, &job->out, fanout->options->output_max, &job->too_long))
        close(steal_fd(&task->child.out));
    if (task->child.err >= 0 && !read_stream(task->child.err, &job->err, errors_max, NULL))
        close(steal_fd(&task->child.err));
    if (job->too_long)
        end(task, now);
}

/* Whether the child has ended; reaps it then. What it started ends with it if it was told to. */
static bool reap(struct task *task, int *ret_status)
{
    siginfo_t info = {0};
    int status;

    if (waitid(P_PID, (id_t)task->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return errno != EINTR;
    if (info.si_pid == 0)
        return false;
    if (task->state != RUNNING)
        kill(-task->child.pid, SIGKILL);
    if (waitpid(task->child.pid, &status, 0) < 0)
        return true;
    if (task->state == RUNNING)
        *ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

/* Has fewer run at once. Returns how many milliseconds task @index is to wait for its next run: not all at the same
 * moment, nor at the moments when others come back. */
static int64_t slow_down(struct fanout *fanout, size_t index, int64_t now)
{
    unsigned runs = fanout->tasks[index].runs;
    int64_t left = RERUN_FIRST_MS << (runs < 4 ? runs : 4);

    if (fanout->bound > PARALLEL_LEAST)
        fanout->bound -= fanout->bound > PARALLEL_LEAST + 1 ? 2 : 1;
    left = left / 2 + (int64_t)((uint64_t)now * 2654435761U % (uint64_t)left) + (int64_t)(index % 16);
    return left < RERUN_LONGEST_MS ? left : RERUN_LONGEST_MS;
}

/* Takes what the caller's function makes of a job that has ended. */
static void tell(struct fanout *fanout, size_t index, int64_t now)
{
    struct task *task = &fanout->tasks[index];
    int64_t left = -1;

    task->state = WAITING;
    if (fanout->options->ended && !fanout->signal)
        left = fanout->options->ended(index, &fanout->jobs[index], fanout->options->data);
    if (left >= 0 && now + left < fanout->deadline)
        fanout->deadline = now + left;
    if (left != FANOUT_AGAIN && left != FANOUT_ANEW)
        return;
    task->not_before = left == FANOUT_AGAIN ? now + slow_down(fanout, index, now) : now;
    task->runs++;
    fanout->again[fanout->again_count++] = index;
}

/* Looks at the running job at @position. */
static void attend(struct fanout *fanout, size_t position, int64_t now)
{
    size_t index = fanout->running[position];
    struct task *task = &fanout->tasks[index];
    int status = -1;
    bool over = reap(task, &status); /* before the last look at its pipes */

    read_task(fanout, index, now);
    if (!over && task->state == RUNNING && now >= task->deadline) {
        fanout->jobs[index].timed_out = true;
        end(task, now);
    } else if (!over && task->state == RUNNING && (now >= fanout->deadline || fanout->signal)) {
        end(task, now);
    } else if (!over && task->state == ASKED && now >= task->next) {
        kill(-task->child.pid, SIGKILL);
        kill(task->child.pid, SIGKILL);
        task->state = KILLED;
        task->next = now + GRACE_MS;
    } else if (task->state == KILLED && now >= task->next) {
        over = true; /* stuck in the kernel: it is init's */
    }
    if (!over)
        return;
    child_close(&task->child);
    fanout->jobs[index].status = fanout->jobs[index].too_long ? -1 : status;
    fanout->running[position] = fanout->running[--fanout->running_count];
    tell(fanout, index, now);
}

/* Whether one more may run. Those that hang do not count for long: they are not connecting any more. */
static bool has_room(const struct fanout *fanout, int64_t now)
{
    size_t lately = 0;

    for (size_t i = 0; i < fanout->running_count; i++)
        lately += fanout->tasks[fanout->running[i]].started + LATELY_MS > now;
    return fanout->running_count < fanout->most && lately < fanout->bound;
}

/* Starts task @index, or finds its time up. -EAGAIN and the like: not now. */
static int try_start(struct fanout *fanout, size_t index, int64_t now)
{
    struct task *task = &fanout->tasks[index];
    int r;

    if (task->runs == 0)
        task->deadline = fanout->options->timeout_ms < NEVER - now ? now + fanout->options->timeout_ms : NEVER;
    if (now >= task->deadline)
        return 0;
    r = start(&fanout->jobs[index], task);
    if (r < 0)
        return r;
    task->started = now;
    fanout->running[fanout->running_count++] = index;
    return 0;
}

/* Starts what there is room for: first what was turned away. */
static int start_while_room(struct fanout *fanout, int64_t now)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < fanout->again_count && has_room(fanout, now);) {
        size_t index = fanout->again[i];

        if (now < fanout->tasks[index].not_before) {
            i++;
            continue;
        }
        r = try_start(fanout, index, now);
        if (r == 0)
            fanout->again[i] = fanout->again[--fanout->again_count];
    }
    while (r == 0 && fanout->fresh < fanout->count && has_room(fanout, now)) {
        r = try_start(fanout, fanout->fresh, now);
        if (r == 0)
            fanout->fresh++;
    }
    return r;
}

static void start_no_more(struct fanout *fanout)
{
    fanout->fresh = fanout->count;
    fanout->again_count = 0;
}

/* Returns a negative errno if nothing can be started, and nothing runs that would make room by its end. */
static int start_more(struct fanout *fanout, int64_t now)
{
    int r;

    if (fanout->signal || now >= fanout->deadline) {
        start_no_more(fanout);
        return 0;
    }
    r = start_while_room(fanout, now);
    if (r == 0)
        fanout->failures = 0;
    else if (fanout->running_count)
        fanout->most = fanout->running_count; /* until the end: others take what is there */
    else if (++fanout->failures >= START_FAILURES)
        return r;
    return 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until when nothing happens unless a descriptor says so. */
static int64_t next_moment(const struct fanout *fanout, int64_t now)
{
    int64_t moment = fanout->failures ? now + START_PAUSE_MS : NEVER;

    for (size_t i = 0; i < fanout->running_count; i++) {
        const struct task *task = &fanout->tasks[fanout->running[i]];

        moment = earlier(moment, task->state == RUNNING ? earlier(task->deadline, fanout->deadline) : task->next);
        if (task->child.pidfd < 0)
            moment = earlier(moment, now + LOOK_MS);
    }
    for (size_t i = 0; i < fanout->again_count; i++)
        moment = earlier(moment, earlier(fanout->tasks[fanout->again[i]].not_before, fanout->deadline));
    if (moment <= now && fanout->again_count) /* there was no room */
        return now + LOOK_MS;
    return fanout->fresh < fanout->count && fanout->running_count < fanout->most ? earlier(moment, now + LOOK_MS)
                                                                                 : moment;
}

/* Waits until something happens; remembers the first signal. */
static void wait_for_something(struct fanout *fanout)
{
    int64_t now = clock_monotonic_ms(), moment = next_moment(fanout, now), left = moment > now ? moment - now : 0;
    struct pollfd *next = fanout->pollfds;
    struct signalfd_siginfo info;

    *next++ = (struct pollfd){.fd = fanout->signals, .events = POLLIN};
    for (size_t i = 0; i < fanout->running_count; i++) {
        const struct task *task = &fanout->tasks[fanout->running[i]];

        *next++ = (struct pollfd){.fd = task->child.out, .events = POLLIN};
        *next++ = (struct pollfd){.fd = task->child.err, .events = POLLIN};
        *next++ = (struct pollfd){.fd = task->child.pidfd, .events = POLLIN};
    }
    poll(fanout->pollfds, (nfds_t)(next - fanout->pollfds), moment == NEVER ? -1 : (int)earlier(left, INT32_MAX));
    if (read(fanout->signals, &info, sizeof(info)) == sizeof(info) && !fanout->signal)
        fanout->signal = (int)info.ssi_signo;
}

static int loop(struct fanout *fanout, struct genv_error *err)
{
    int r = 0;

    for (;;) {
        if (r == 0)
            r = start_more(fanout, clock_monotonic_ms());
        if (r < 0)
            start_no_more(fanout);
        if (!fanout->running_count && !fanout->again_count && fanout->fresh == fanout->count)
            break;
        wait_for_something(fanout);
        for (size_t i = fanout->running_count; i-- > 0;) /* downwards: attend() moves the last to where one ended */
            attend(fanout, i, clock_monotonic_ms());
    }
    if (r < 0)
        return error_set_errno(err, -r, "cannot start %s", fanout->jobs[0].argv[0]);
    return 0;
}

/* Blocks the signals that would end this process, so that the loop gets them. */
static int take_signals(sigset_t *ret_before)
{
    sigset_t mine;
    int fd;

    sigemptyset(&mine);
    signals_add_ending(&mine);
    fd = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    pthread_sigmask(SIG_BLOCK, &mine, ret_before);
    return fd;
}

static int run(struct fanout *fanout, struct genv_error *err)
{
    struct sigaction plain = {.sa_handler = SIG_DFL}, before_child;
    sigset_t before;
    int r;

    fanout->signals = take_signals(&before);
    if (fanout->signals < 0)
        return error_set_errno(err, -fanout->signals, "cannot handle signals");
    sigaction(SIGCHLD, &plain, &before_child); /* where it is ignored no child can be waited for */
    r = loop(fanout, err);
    sigaction(SIGCHLD, &before_child, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(fanout->signals);
    return r;
}

int fanout_run(struct fanout_job *jobs, size_t count, const struct fanout_options *options, int *ret_signal,
               struct genv_error *err)
{
    size_t bound = options->parallel_max < count ? options->parallel_max : count;
    cleanup_free struct task *tasks = calloc(count + 1, sizeof(*tasks));
    cleanup_free size_t *running = calloc(bound + 1, sizeof(*running)), *again = calloc(count + 1, sizeof(*again));
    cleanup_free struct pollfd *pollfds = calloc(1 + DESCRIPTORS * (bound + 1), sizeof(*pollfds));
    struct fanout fanout = {
        .jobs = jobs,
        .tasks = tasks,
        .count = count,
        .options = options,
        .most = bound > 0 ? bound : 1,
        .bound = bound > 0 ? bound : 1,
        .running = running,
        .again = again,
        .deadline = NEVER,
        .pollfds = pollfds,
    };
    int r;

    if (!tasks || !running || !again || !pollfds)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        tasks[i].child = CHILD_NONE;
        jobs[i].status = -1;
    }
    r = run(&fanout, err);
    if (r == 0 && fanout.signal) {
        *ret_signal = fanout.signal;
        return error_set(err, EINTR, "interrupted by signal %d", fanout.signal);
    }
    return r;
}

void fanout_job_release(struct fanout_job *job)
{
    text_release(&job->out);
    text_release(&job->err);
}
