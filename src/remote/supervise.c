/* A program that lives no longer than the connection that started it. */
#include "remote/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/proc.h"
#include "base/text.h"

#define GRACE_MS 2000 /* between SIGHUP and SIGKILL */
#define STEP_MS  50
#define LOOK_MS  1000 /* between looks at who still holds the connection */

/* Those that tell of something, and those that a terminal sends to what is in its foreground: before the child has
 * taken that over it is us. */
static int block_signals(struct supervision *supervision, struct genv_error *err)
{
    static const int told[] = {SIGHUP, SIGTERM, SIGCHLD}, held[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTOU};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(told); i++)
        sigaddset(&set, told[i]);
    supervision->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervision->signals < 0)
        return error_set_errno(err, errno, "cannot handle signals");
    for (size_t i = 0; i < ARRAY_SIZE(held); i++)
        sigaddset(&set, held[i]);
    sigprocmask(SIG_BLOCK, &set, &supervision->mask);
    return 0;
}

static void begin_child(struct supervision *supervision)
{
    prctl(PR_SET_PDEATHSIG, SIGHUP); /* should the supervisor be killed */
    if (supervision->terminal) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
    } else {
        setsid();
    }
    close(supervision->signals);
    sigprocmask(SIG_SETMASK, &supervision->mask, NULL);
}

int supervise_fork(struct supervision *ret_supervision, struct genv_error *err)
{
    struct supervision supervision = {.terminal = tcgetpgrp(STDIN_FILENO) >= 0};
    int r = block_signals(&supervision, err);

    if (r < 0)
        return r;
    supervision.child = fork();
    if (supervision.child < 0) {
        r = error_set_errno(err, errno, "cannot start a process");
        close(supervision.signals);
        sigprocmask(SIG_SETMASK, &supervision.mask, NULL);
        return r;
    }
    if (supervision.child == 0)
        begin_child(&supervision);
    else if (supervision.terminal)
        setpgid(supervision.child, supervision.child); /* whoever comes first */
    *ret_supervision = supervision;
    return 0;
}

/* Whether what is at the other end of a descriptor can go away. */
static bool is_connection(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

/* Whether the child has ended. A stop from the keyboard, which nobody could undo, is undone. */
static bool child_has_ended(const struct supervision *supervision)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PID, (id_t)supervision->child, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) < 0)
        return true;
    if (info.si_pid == 0)
        return false;
    if (info.si_code != CLD_STOPPED)
        return true;
    if (supervision->terminal && (info.si_status == SIGTSTP || info.si_status == SIGSTOP))
        kill(-supervision->child, SIGCONT);
    return false;
}

/* Whether one of the signals told that the connection is gone. */
static bool read_signals(const struct supervision *supervision)
{
    struct signalfd_siginfo info;
    bool lost = false;

    while (read(supervision->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD)
            lost = true;
    }
    return lost;
}

/* The next process in the child's session, but for us and what started us; 0: there are no more. */
static pid_t next_of_session(const struct supervision *supervision, DIR *directory)
{
    pid_t session = supervision->terminal ? getsid(0) : supervision->child;
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        struct proc_stat stat;
        uint64_t number;
        pid_t pid;

        if (text_to_u64(entry->d_name, INT32_MAX, &number) < 0)
            continue;
        pid = (pid_t)number;
        if (pid == getpid() || (supervision->terminal && pid == session) || getsid(pid) != session)
            continue;
        if (proc_stat_read(pid, &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
            return pid;
    }
    return 0;
}

/* Whether process @pid has what our @fd leads to open, as anything but its standard input, which is the same socket. */
static bool holds(pid_t pid, int fd)
{
    cleanup_closedir DIR *directory = NULL;
    struct dirent *entry;
    struct stat ours;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if (!is_connection(fd) || fstat(fd, &ours) < 0 || !(directory = opendir(path)))
        return false;
    while ((entry = readdir(directory))) {
        struct stat theirs;

        if (*entry->d_name != '.' && strcmp(entry->d_name, "0") != 0 &&
            fstatat(dirfd(directory), entry->d_name, &theirs, 0) == 0 && theirs.st_dev == ours.st_dev &&
            theirs.st_ino == ours.st_ino)
            return true;
    }
    return false;
}

/* Looks for a process that the command has left behind and that can still print something; *@ret_pidfd tells of its
 * end. A terminal's shell has seen to its jobs itself. */
static bool find_holder(const struct supervision *supervision, int *ret_pidfd)
{
    cleanup_closedir DIR *directory = supervision->terminal ? NULL : opendir("/proc");
    pid_t pid;

    if (*ret_pidfd >= 0)
        close(steal_fd(ret_pidfd));
    while ((pid = next_of_session(supervision, directory))) {
        if (holds(pid, STDOUT_FILENO) || holds(pid, STDERR_FILENO)) {
            *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
            return true;
        }
    }
    return false;
}

/* Waits until all has ended (false) or the connection is gone (true). Standard error says nothing: behind a shared
 * connection sshd keeps its end open. Nor does one of the others alone: input that has ended, output into `| head`. */
static bool wait_for_end(const struct supervision *supervision)
{
    cleanup_close int holder = -1;
    struct pollfd fds[] = {
        {.fd = is_connection(STDIN_FILENO) ? STDIN_FILENO : -1},
        {.fd = is_connection(STDOUT_FILENO) ? STDOUT_FILENO : -1},
        {.fd = supervision->signals, .events = POLLIN},
        {.events = POLLIN},
    };
    int open = (fds[0].fd >= 0) + (fds[1].fd >= 0);

    for (;;) {
        bool ended;

        if (read_signals(supervision))
            return true;
        ended = child_has_ended(supervision);
        if (ended && !find_holder(supervision, &holder))
            return false;
        fds[3].fd = holder;
        if (poll(fds, ARRAY_SIZE(fds), ended ? LOOK_MS : -1) < 0)
            continue;
        for (size_t i = 0; i < 2; i++) {
            if (fds[i].fd < 0 || !(fds[i].revents & (POLLHUP | POLLERR)))
                continue;
            fds[i].fd = -1;
            if (--open == 0)
                return true;
        }
    }
}

/* Sends @signal to what lives in the child's session, but for us and what started us. Returns whether there is any. */
static bool signal_session(const struct supervision *supervision, int signal)
{
    cleanup_closedir DIR *directory = opendir("/proc");
    bool any = false;
    pid_t pid;

    while ((pid = next_of_session(supervision, directory))) {
        any = true;
        kill(pid, signal);
    }
    return any;
}

/* Whether the session has ended by itself within @limit_ms. */
static bool await_session(const struct supervision *supervision, int limit_ms)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

    for (int waited = 0; signal_session(supervision, 0); waited += STEP_MS) {
        if (waited >= limit_ms)
            return false;
        nanosleep(&step, NULL);
    }
    return true;
}

static void end_session(const struct supervision *supervision)
{
    /* What wrote to a closed pipe is about to say so by its exit status. */
    if (!supervision->terminal && await_session(supervision, 2 * STEP_MS))
        return;
    if (!signal_session(supervision, SIGHUP))
        kill(-supervision->child, SIGHUP); /* no /proc */
    signal_session(supervision, SIGCONT);
    if (!await_session(supervision, GRACE_MS))
        signal_session(supervision, SIGKILL);
}

/* As a terminal that goes away does it: the shell passes SIGHUP on to its jobs. */
static void end_shell(const struct supervision *supervision)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

    kill(supervision->child, SIGHUP);
    kill(supervision->child, SIGCONT);
    for (int waited = 0; waited < GRACE_MS && !child_has_ended(supervision); waited += STEP_MS)
        nanosleep(&step, NULL);
    kill(supervision->child, SIGKILL);
}

static int reap(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return EXIT_FAILURE;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* free() it. */
static pid_t *list_session(const struct supervision *supervision)
{
    cleanup_closedir DIR *directory = opendir("/proc");
    cleanup_free pid_t *pids = calloc(1, sizeof(*pids));
    size_t count = 0;
    pid_t pid;

    while (pids && (pid = next_of_session(supervision, directory))) {
        pid_t *grown = reallocarray(pids, count + 2, sizeof(*pids));

        if (!grown)
            return NULL;
        pids = grown;
        pids[count++] = pid;
        pids[count] = 0;
    }
    return STEAL_POINTER(pids);
}

int supervise_wait(struct supervision *supervision, void (*ended)(const pid_t *left, void *data), void *data)
{
    cleanup_free pid_t *left = NULL;
    bool lost = wait_for_end(supervision);

    if (lost && supervision->shell)
        end_shell(supervision);
    if (supervision->shell)
        left = list_session(supervision);
    ended(left, data);
    if (lost && !supervision->shell)
        end_session(supervision);
    if (supervision->terminal)
        tcsetpgrp(STDIN_FILENO, getpgrp());
    close(supervision->signals);
    return reap(supervision->child);
}
