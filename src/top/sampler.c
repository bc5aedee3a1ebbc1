/* Snapshots, taken by a process of its own, which answers each byte that it gets with one. */
#include "top/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"

#define ANSWER_MAX ((size_t)256 << 20)
#define REAP_MS    100 /* for a process to end */

/* Ahead of the snapshot's JSON. */
struct answer {
    int result; /* 0: there is a snapshot; else a negative errno */
    bool blind; /* of the environments alone */
    struct genv_error err;
    char warning[SAMPLER_WARNING_SIZE];
    size_t length; /* of the JSON */
};

struct sampler {
    int patience_s;
    pid_t pid; /* 0: there is none */
    int fd;    /* -1: there is none */
    bool busy;
    struct text received;
};

int sampler_open(int patience_s, struct sampler **ret_sampler, struct genv_error *err)
{
    struct sampler *sampler = calloc(1, sizeof(*sampler));

    if (!sampler)
        return error_no_memory(err);
    sampler->patience_s = patience_s;
    sampler->fd = -1;
    *ret_sampler = sampler;
    return 0;
}

/* Whether the process has ended, for which it gets a moment: its descriptors are closed before it can be waited for,
 * and one that hangs in the kernel stays, and is init's. */
static bool reap(struct sampler *sampler, int *ret_status)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    pid_t ended;

    for (int i = 0; (ended = waitpid(sampler->pid, ret_status, WNOHANG)) == 0 && i < REAP_MS; i++)
        nanosleep(&millisecond, NULL);
    if (ended == 0)
        return false;
    sampler->pid = 0;
    return ended > 0;
}

static void stop(struct sampler *sampler)
{
    if (sampler->fd >= 0)
        close(sampler->fd);
    sampler->fd = -1;
    sampler->busy = false;
    text_release(&sampler->received);
    if (!sampler->pid)
        return;
    kill(sampler->pid, SIGKILL);
    reap(sampler, NULL);
    sampler->pid = 0;
}

void sampler_close(struct sampler *sampler)
{
    if (!sampler)
        return;
    stop(sampler);
    free(sampler);
}

/* What the process knows from one look to the next. */
struct worker {
    int fd;
    int patience_s;
    struct genv *genv; /* opened once, so that an upgrade takes nothing away */
    bool has_looked, has_seen;
    struct answer answer; /* of this look */
};

static void keep_first_warning(const char *message, void *data)
{
    struct worker *worker = data;

    if (!*worker->answer.warning)
        copy_string(worker->answer.warning, sizeof(worker->answer.warning), message);
}

/* Whether environments are worth more than a failure: not where there are figures of a moment ago. */
static bool goes_blind(const struct worker *worker, int r)
{
    if (r == -EIO || r == -EACCES)
        return true;
    return !worker->has_seen && (r == -ETIMEDOUT || r == -ECANCELED || r == -ESTALE);
}

static int take(struct worker *worker, struct genv_snapshot **ret_snapshot)
{
    struct answer *answer = &worker->answer;
    int r = genv_snapshot_take(worker->genv, GENV_DEPTH_COMPLETE, ret_snapshot, &answer->err);

    if (r == 0)
        worker->has_seen = true;
    if (r == 0 || !goes_blind(worker, r))
        return r;
    answer->blind = true;
    if (r == -ECANCELED)
        snprintf(answer->warning, sizeof(answer->warning),
                 "the driver has not responded for %d seconds: see 'genv doctor'", worker->patience_s);
    else
        copy_string(answer->warning, sizeof(answer->warning), answer->err.message);
    return genv_snapshot_take(worker->genv, GENV_DEPTH_ENVS, ret_snapshot, &answer->err);
}

/* The first look shows the environments after a while: later ones leave the driver all its time. */
static int take_first(struct worker *worker, struct genv_snapshot **ret_snapshot)
{
    const struct itimerspec patience = {.it_value = {.tv_sec = worker->patience_s}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), r;

    if (timer >= 0)
        timerfd_settime(timer, 0, &patience, NULL);
    genv_set_cancel(worker->genv, timer);
    r = take(worker, ret_snapshot);
    genv_set_cancel(worker->genv, -1);
    if (timer >= 0)
        close(timer);
    worker->has_looked = true;
    return r;
}

static int answer_once(struct worker *worker)
{
    const struct genv_options options = {.warn = keep_first_warning, .warn_data = worker};
    struct answer *answer = &worker->answer;
    struct genv_snapshot *snapshot = NULL;
    cleanup_free char *json = NULL;
    int r;

    *answer = (struct answer){.length = 0};
    r = worker->genv ? 0 : genv_open(&options, &worker->genv, &answer->err);
    if (r == 0)
        r = worker->has_looked ? take(worker, &snapshot) : take_first(worker, &snapshot);
    if (r == 0 && !(json = genv_snapshot_to_json(snapshot)))
        r = error_no_memory(&answer->err);
    answer->result = r;
    answer->length = json ? strlen(json) : 0;
    genv_snapshot_free(snapshot);
    r = file_write(worker->fd, answer, sizeof(*answer));
    return r < 0 ? r : file_write(worker->fd, json ? json : "", answer->length);
}

/* The terminal is the parent's: what the driver's library prints, and the keys that end a program, are kept off. */
static _Noreturn void work(int fd, int patience_s, pid_t parent)
{
    struct worker worker = {.fd = fd, .patience_s = patience_s};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    char request;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || getppid() != parent)
        _exit(1);
    while (read(fd, &request, 1) == 1) {
        if (answer_once(&worker) < 0)
            break;
    }
    _exit(0);
}

static int start(struct sampler *sampler, struct genv_error *err)
{
    pid_t parent = getpid(), pid;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return error_set_errno(err, errno, "cannot ask for the state of the devices");
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        work(fds[1], sampler->patience_s, parent);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return error_set_errno(err, errno, "cannot start the process that reads the devices");
    }
    sampler->pid = pid;
    sampler->fd = fds[0];
    return 0;
}

int sampler_ask(struct sampler *sampler, struct genv_error *err)
{
    int r = 0;

    if (sampler->busy)
        return 0;
    if (sampler->fd < 0)
        r = start(sampler, err);
    if (r < 0)
        return r;
    if (send(sampler->fd, "", 1, MSG_NOSIGNAL) != 1) {
        stop(sampler);
        return error_set(err, EIO, "the process that reads the devices ended unexpectedly");
    }
    sampler->busy = true;
    return 0;
}

bool sampler_is_busy(const struct sampler *sampler)
{
    return sampler->busy;
}

int sampler_fd(const struct sampler *sampler)
{
    return sampler->busy ? sampler->fd : -1;
}

/* How the process ended, which was not asked to. */
static int explain_end(struct sampler *sampler, struct genv_error *err)
{
    int status = 0;
    bool ended = reap(sampler, &status);

    stop(sampler);
    if (ended && WIFSIGNALED(status))
        return error_set(err, EIO, "the process that reads the devices was ended by signal %d (%s)", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
    return error_set(err, EIO, "the process that reads the devices ended unexpectedly");
}

/* All that has come; -EAGAIN when nothing more has. */
static int receive(struct sampler *sampler, struct genv_error *err)
{
    char bytes[16384];
    ssize_t n = recv(sampler->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -EAGAIN;
    if (n <= 0)
        return explain_end(sampler, err);
    text_add_bytes(&sampler->received, bytes, (size_t)n);
    return sampler->received.failed || sampler->received.length > ANSWER_MAX ? error_no_memory(err) : 0;
}

int sampler_read(struct sampler *sampler, struct genv_snapshot **ret_snapshot, bool *ret_blind, char *ret_warning,
                 struct genv_error *err)
{
    struct answer answer = {.length = 0};
    int r = 0;

    while (r == 0) {
        if (sampler->received.length >= sizeof(answer))
            memcpy(&answer, sampler->received.data, sizeof(answer));
        if (sampler->received.length >= sizeof(answer) && sampler->received.length == sizeof(answer) + answer.length)
            break;
        r = receive(sampler, err);
    }
    if (r == -EAGAIN)
        return r;
    sampler->busy = false;
    if (r == 0 && answer.result < 0) {
        r = answer.result;
        *err = answer.err;
    }
    if (r == 0)
        r = genv_snapshot_from_json(sampler->received.data + sizeof(answer), answer.length, ret_snapshot, err);
    if (r == 0) {
        *ret_blind = answer.blind;
        copy_string(ret_warning, SAMPLER_WARNING_SIZE, answer.warning);
    }
    text_release(&sampler->received);
    return r;
}
