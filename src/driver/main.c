/* genv-driver, which driver/ask.h starts: asks the driver, and answers on its standard output. Its standard input is a
 * pipe to write to as well, whose end tells the caller that all has ended.
 *
 * Two processes: the worker asks, and this one, the supervisor, waits for it, so that a worker that hangs in the
 * kernel, which nobody can end, is nobody's child but init's. The supervisor ends with the worker, when nobody reads
 * the answer any more, or when the time is over. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "driver/answer.h"

#define ANSWER_FD 3
#define LIFE_FD   4    /* nobody writes there: it tells the caller that both processes have ended */
#define SLACK_MS  1000 /* beyond the time that the caller waits */
#define GRACE_MS  100  /* for a killed worker to end */

/* Leaves behind all that ties this process to the caller, but for the directory, which a relative LD_LIBRARY_PATH
 * counts from. A flock() of the caller would last as long as this process, and so would a pipe that a shell reads
 * `$(genv …)` from. Keys that end a program are the caller's. Outside of any environment, the view shows the whole
 * machine, should that variable lead to it. */
static void detach(void)
{
    sigset_t none;
    int answer, life, null;

    prctl(PR_SET_NAME, "genv-driver"); /* it was executed by a number */
    unsetenv("GENV_ENVIRONMENT_ID");
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    answer = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, LIFE_FD + 1);
    life = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, LIFE_FD + 1);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (answer < 0 || life < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup3(answer, ANSWER_FD, O_CLOEXEC) < 0 || dup3(life, LIFE_FD, O_CLOEXEC) < 0)
        _exit(EXIT_FAILURE);
    file_close_from(LIFE_FD + 1);
}

static int tell(int result, const struct genv_error *err, const struct driver_answer *answer)
{
    struct text text = TEXT_INIT;

    answer_encode(result, err, answer, &text);
    return text.failed ? -ENOMEM : file_write(ANSWER_FD, text.data, text.length);
}

/* Ends without freeing or closing anything: what a driver takes its time for, the kernel does too. */
static _Noreturn void work(unsigned what, pid_t supervisor)
{
    struct driver_answer answer = {.parts = NULL};
    struct driver *driver = NULL;
    struct genv_error err = {0};
    sigset_t none;
    int r;

    sigemptyset(&none);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(EXIT_FAILURE);
    r = answer_take(what, &driver, &answer, &err);
    _exit(tell(r, &err, &answer) < 0);
}

static void wake(int number)
{
    (void)number;
}

/* Waits up to @ms for SIGCHLD, which is blocked but here, or for @fd to have no reader. */
static void wait_for(int fd, int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    struct pollfd answer = {.fd = fd};
    sigset_t none;

    sigemptyset(&none);
    ppoll(&answer, 1, &time, &none);
}

static void supervise(pid_t worker, int timeout_ms)
{
    wait_for(ANSWER_FD, timeout_ms);
    if (waitpid(worker, NULL, WNOHANG) != 0)
        return;
    kill(worker, SIGKILL);
    wait_for(-1, GRACE_MS);
    waitpid(worker, NULL, WNOHANG);
}

int main(int argc, char **argv)
{
    const struct sigaction on_child = {.sa_handler = wake, .sa_flags = SA_NOCLDSTOP};
    pid_t supervisor = getpid(), worker;
    uint64_t what, timeout_ms;
    struct genv_error err;
    sigset_t child;

    if (argc != 3 || text_to_u64(argv[1], UINT_MAX, &what) < 0 ||
        text_to_u64(argv[2], INT_MAX - SLACK_MS, &timeout_ms) < 0 || isatty(STDOUT_FILENO)) {
        fputs("genv: genv-driver is an internal program: run 'genv devices'\n", stderr);
        return 2;
    }
    detach();
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    sigaction(SIGCHLD, &on_child, NULL);
    worker = fork();
    if (worker == 0)
        work((unsigned)what, supervisor);
    if (worker > 0)
        supervise(worker, (int)timeout_ms + SLACK_MS);
    else
        tell(error_set(&err, EIO, "cannot start genv-driver: %s", strerror(errno)), &err, NULL);
    _exit(EXIT_SUCCESS);
}
