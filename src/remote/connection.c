/* A running ssh. */
#include "remote/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "remote/signals.h"

#define GRACE_MS 2000 /* between SIGTERM and SIGKILL */

static int watch_signals(struct connection *connection, struct genv_error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}; /* a closed standard output is an error like others */
    struct sigaction plain = {.sa_handler = SIG_DFL};  /* where SIGCHLD is ignored no child can be waited for */
    sigset_t set;

    sigemptyset(&set);
    signals_add_ending(&set);
    sigaddset(&set, SIGCHLD);
    connection->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (connection->signals < 0)
        return error_set_errno(err, errno, "cannot handle signals");
    sigaction(SIGPIPE, &ignore, &connection->pipe_action);
    sigaction(SIGCHLD, &plain, &connection->child_action);
    sigprocmask(SIG_BLOCK, &set, &connection->mask);
    return 0;
}

/* In the child: becomes ssh. It dies with us, so that kill -9 of genv ends the connection, and the environment. What is
 * ignored is blocked too: on a shared connection ssh would take it. */
static void become_ssh(char **argv, const struct connection *connection, pid_t parent, const int *standard)
{
    sigset_t mask = connection->mask;

    signals_add_ignored(&mask);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    sigaction(SIGPIPE, &connection->pipe_action, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (standard[fd] >= 0 && dup2(standard[fd], fd) < 0)
            _exit(127);
    }
    execvp(argv[0], argv);
    _exit(127);
}

/* A pipe of which ssh gets one end. */
static int make_pipe(int *ret_read, int *ret_write, struct genv_error *err)
{
    int pair[2];

    if (pipe2(pair, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot start ssh");
    *ret_read = pair[0];
    *ret_write = pair[1];
    return 0;
}

int connection_start(struct connection *connection, char **argv, bool input, struct genv_error *err)
{
    int standard[3] = {-1, -1, -1}, r = watch_signals(connection, err);
    pid_t parent = getpid();

    if (r == 0 && input)
        r = make_pipe(&standard[STDIN_FILENO], &connection->in, err);
    if (r == 0)
        r = make_pipe(&connection->out, &standard[STDOUT_FILENO], err);
    if (r == 0)
        r = make_pipe(&connection->err, &standard[STDERR_FILENO], err);
    if (r == 0) {
        connection->pid = fork();
        if (connection->pid < 0)
            r = error_set_errno(err, errno, "cannot start ssh");
        if (connection->pid == 0)
            become_ssh(argv, connection, parent, standard);
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        cleanup_closep(&standard[fd]);
    return r;
}

static void look_at_ssh(struct connection *connection)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)connection->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return;
    if (info.si_code != CLD_STOPPED) {
        connection->exited = true;
    } else if (info.si_status == SIGTSTP) {
        raise(SIGSTOP);
        kill(connection->pid, SIGCONT);
    }
}

void connection_read_signals(struct connection *connection)
{
    struct signalfd_siginfo info;

    while (read(connection->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            look_at_ssh(connection);
        else if (connection->signal == 0)
            connection->signal = (int)info.ssi_signo;
    }
}

/* Whether ssh has ended within @limit_ms. */
static bool await_exit(struct connection *connection, int limit_ms)
{
    int64_t deadline = clock_monotonic_ms() + limit_ms;

    for (;;) {
        struct pollfd fd = {.fd = connection->signals, .events = POLLIN};
        int64_t left = deadline - clock_monotonic_ms();

        look_at_ssh(connection);
        if (connection->exited || left <= 0)
            return connection->exited;
        if (poll(&fd, 1, (int)left) > 0)
            connection_read_signals(connection);
    }
}

int connection_end(struct connection *connection)
{
    int status;

    if (connection->pid < 0)
        return EXIT_FAILURE;
    if (!connection->exited) {
        kill(connection->pid, SIGTERM);
        kill(connection->pid, SIGCONT);
        if (!await_exit(connection, GRACE_MS))
            kill(connection->pid, SIGKILL);
    }
    connection->exited = true;
    while (waitpid(connection->pid, &status, 0) < 0) {
        if (errno != EINTR)
            return EXIT_FAILURE;
    }
    connection->pid = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void connection_close(struct connection *connection)
{
    connection_end(connection);
    cleanup_closep(&connection->in);
    cleanup_closep(&connection->out);
    cleanup_closep(&connection->err);
    if (connection->signals >= 0) {
        close(connection->signals);
        sigaction(SIGPIPE, &connection->pipe_action, NULL);
        sigaction(SIGCHLD, &connection->child_action, NULL);
        sigprocmask(SIG_SETMASK, &connection->mask, NULL);
    }
}
