/* Starting a child for the fan-out. */
#include "remote/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/file.h"

/* The child keeps the caller's directory and variables, nothing else: a shared connection that ssh leaves behind would
 * hold his locks and pipes. */
static _Noreturn void execute(char **argv, int out, int err, pid_t parent)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(127);
    file_close_from(3);
    close(STDIN_FILENO);
    if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
        _exit(127);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The end to write to is none of the three that it will replace, also where the caller has closed his own. */
static int make_pipe(int *ret_read, int *ret_write)
{
    cleanup_close int out = -1, in = -1;
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    out = fds[0], in = fds[1];
    fcntl(out, F_SETFL, O_NONBLOCK);
    if (in <= STDERR_FILENO) {
        int higher = fcntl(in, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

        if (higher < 0)
            return -errno;
        close(in);
        in = higher;
    }
    *ret_read = steal_fd(&out);
    *ret_write = steal_fd(&in);
    return 0;
}

int child_start(char **argv, struct child *ret_child)
{
    cleanup_close int out = -1, out_write = -1, err = -1, err_write = -1;
    pid_t parent = getpid(), pid;
    int r = make_pipe(&out, &out_write);

    if (r == 0)
        r = make_pipe(&err, &err_write);
    if (r < 0)
        return r;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        execute(argv, out_write, err_write, parent);
    ret_child->pid = pid;
    ret_child->out = steal_fd(&out);
    ret_child->err = steal_fd(&err);
    ret_child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

void child_close(struct child *child)
{
    cleanup_closep(&child->out);
    cleanup_closep(&child->err);
    cleanup_closep(&child->pidfd);
    child->out = child->err = child->pidfd = -1;
}
