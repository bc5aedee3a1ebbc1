/* Asking the driver for its processes without ever waiting for it longer than one is ready to.
 *
 * Two processes: the worker asks, and the supervisor, the caller's child, waits for it and so leaves no zombie, also
 * where init reaps nothing. Both hold the pipe's end, so the pipe ends when they have. A worker that hangs in the
 * kernel cannot be waited for: then the supervisor, which can always be killed, is given up, and the worker is left to
 * init. */
#include "driver/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#define ANSWER_FD 3
#define GRACE_MS  100 /* for a killed worker to be reaped */

/* Ahead of the processes themselves. */
struct answer {
    int result;
    struct genv_error err;
    size_t count;
};

/* Leaves the driver open in @ret_driver, also on failure: closing it takes time, and this process may be about to end.
 */
static int ask_driver(struct driver **ret_driver, struct driver_process **ret_processes, size_t *ret_count,
                      struct genv_error *err)
{
    cleanup_free struct driver_process *processes = NULL;
    cleanup_free struct genv_device *devices = NULL;
    size_t device_count = 0, count = 0;
    int r = driver_open(ret_driver, err);

    if (r == 0)
        r = (*ret_driver)->ops->list(*ret_driver, &devices, &device_count, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < device_count; i++) {
        if ((*ret_driver)->ops->add_processes(*ret_driver, &devices[i], &processes, &count, NULL) == -ENOMEM)
            return error_no_memory(err);
    }
    *ret_processes = STEAL_POINTER(processes);
    *ret_count = count;
    return 0;
}

/* Leaves behind all that ties this process to the caller, but for the directory, which a relative LD_LIBRARY_PATH
 * counts from. A flock() of the caller would last as long as this process, and so would a pipe that a shell reads
 * `$(genv …)` from. */
static void detach(int fd)
{
    sigset_t none;
    int null;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, ANSWER_FD + 1);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup3(fd, ANSWER_FD, O_CLOEXEC) < 0)
        _exit(1);
    closefrom(ANSWER_FD + 1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Ends this process some time after the caller has given up, should the caller be killed before it can do so. */
static void limit_life(int timeout_ms)
{
    if (timeout_ms >= 0)
        alarm((unsigned)timeout_ms / 1000 + 2);
}

/* Tells its PID first, so that it can be killed, then the answer. */
static _Noreturn void work(int timeout_ms)
{
    struct driver_process *processes = NULL;
    struct driver *driver = NULL;
    struct answer answer = {0};
    pid_t pid = getpid();

    limit_life(timeout_ms);
    if (file_write(ANSWER_FD, &pid, sizeof(pid)) < 0)
        _exit(1);
    answer.result = ask_driver(&driver, &processes, &answer.count, &answer.err);
    if (file_write(ANSWER_FD, &answer, sizeof(answer)) < 0 ||
        file_write(ANSWER_FD, processes, answer.count * sizeof(*processes)) < 0)
        _exit(1);
    _exit(0);
}

static void wait_for(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ; /* ECHILD: the caller ignores SIGCHLD, or reaps whatever ends */
}

static _Noreturn void supervise(int fd, int timeout_ms)
{
    pid_t worker;

    detach(fd);
    limit_life(timeout_ms);
    worker = fork();
    if (worker == 0)
        work(timeout_ms);
    if (worker > 0)
        wait_for(worker);
    _exit(0);
}

/* Returns the supervisor's PID, or a negative errno. @ret_fd is where the answer comes, until both processes have
 * ended.
 */
static pid_t start(int timeout_ms, int *ret_fd, struct genv_error *err)
{
    int fds[2], failure;
    sigset_t all, before;
    pid_t supervisor;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "can't ask the driver");
    /* None of the caller's signal handlers may run in the children. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    supervisor = fork();
    failure = errno;
    if (supervisor == 0)
        supervise(fds[1], timeout_ms);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fds[1]);
    if (supervisor < 0) {
        close(fds[0]);
        return error_set_errno(err, failure, "can't ask the driver");
    }
    *ret_fd = fds[0];
    return supervisor;
}

/* Reads on until the end. -ETIMEDOUT: it has not come by @deadline (< 0: none). */
static int read_answer(int fd, int64_t deadline, struct text *text)
{
    char bytes[4096];

    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - clock_monotonic_ms();
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        int ready = poll(&pollfd, 1, deadline >= 0 && left < 0 ? 0 : (int)left);
        ssize_t n;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        text_add_bytes(text, bytes, (size_t)n);
    }
}

/* The worker may have been cut off, or the driver's library may have written over its memory: sizes are compared, and
 * texts end. */
int driver_survey_decode(const char *bytes, size_t length, struct driver_process **ret_processes, size_t *ret_count,
                         struct genv_error *err)
{
    const size_t rest = length - sizeof(struct answer); /* unless that is missing */
    struct driver_process *processes;
    struct answer answer;

    if (length < sizeof(answer))
        return error_set(err, EIO, "the driver ended the process that asked it");
    memcpy(&answer, bytes, sizeof(answer));
    if (answer.result < 0) {
        answer.err.message[sizeof(answer.err.message) - 1] = '\0';
        if (err)
            *err = answer.err;
        return answer.result;
    }
    if (rest % sizeof(*processes) || rest / sizeof(*processes) != answer.count)
        return error_set(err, EIO, "the driver ended the process that asked it");
    processes = malloc(rest ? rest : 1);
    if (!processes)
        return error_no_memory(err);
    memcpy(processes, bytes + sizeof(answer), rest);
    for (size_t i = 0; i < answer.count; i++)
        processes[i].uuid[sizeof(processes[i].uuid) - 1] = '\0';
    *ret_processes = processes;
    *ret_count = answer.count;
    return 0;
}

/* Blocks until the worker has told its PID: at once, before anything that could hang. */
static int read_pid(int fd, pid_t *ret_pid)
{
    ssize_t n;

    do {
        n = read(fd, ret_pid, sizeof(*ret_pid));
    } while (n < 0 && errno == EINTR);
    return n == sizeof(*ret_pid) ? 0 : -EIO;
}

/* Reads the answer, and ends the processes if it does not come; at least one of them lives then, so the supervisor's
 * PID is its. The worker's is if @pidfd was opened. */
static int read_or_end(int fd, int pidfd, pid_t supervisor, int64_t deadline, struct text *text)
{
    struct text rest = TEXT_INIT;
    int r = read_answer(fd, deadline, text);

    if (r == 0)
        return 0;
    if (pidfd >= 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    if (read_answer(fd, clock_monotonic_ms() + GRACE_MS, &rest) < 0)
        kill(supervisor, SIGKILL);
    text_release(&rest);
    return r;
}

static int ask_worker(int timeout_ms, struct driver_process **ret_processes, size_t *ret_count, struct genv_error *err)
{
    int64_t deadline = timeout_ms < 0 ? -1 : clock_monotonic_ms() + timeout_ms;
    cleanup_text struct text text = TEXT_INIT;
    cleanup_close int fd = -1, pidfd = -1;
    pid_t supervisor = start(timeout_ms, &fd, err), worker;
    int r;

    if (supervisor < 0)
        return supervisor;
    if (read_pid(fd, &worker) < 0) {
        wait_for(supervisor);
        return error_set(err, EIO, "can't start the process that asks the driver");
    }
    pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
    r = read_or_end(fd, pidfd, supervisor, deadline, &text);
    wait_for(supervisor);
    if (r == 0 && text.failed)
        return error_no_memory(err);
    if (r == 0)
        return driver_survey_decode(text.data, text.length, ret_processes, ret_count, err);
    if (r == -ETIMEDOUT)
        return error_set(err, ETIMEDOUT, "the driver did not answer within %d ms", timeout_ms);
    return error_set_errno(err, -r, "can't ask the driver");
}

int driver_survey_processes(int timeout_ms, struct driver_process **ret_processes, size_t *ret_count,
                            struct genv_error *err)
{
    cleanup_with(cleanup_driverp) struct driver *driver = NULL;

    if (driver_is_simulated(NULL) == 0)
        return ask_worker(timeout_ms, ret_processes, ret_count, err);
    return ask_driver(&driver, ret_processes, ret_count, err); /* can't be slow */
}
