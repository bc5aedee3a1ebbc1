/* The one gate to the driver: the caller's side, which waits for the answer. main.c is the other one. */
#include "driver/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/fork.h"
#include "base/trust.h"

#define PROGRAM     "libexec/genv-driver"
#define MAPS_MAX    ((size_t)64 << 20)
#define ANSWER_MAX  ((size_t)64 << 20)
#define FIRST_FREE  3 /* descriptors below are replaced in the child */
#define NUMBER_SIZE 24
#define GRACE_MS    250  /* for what asks to end, which takes less than half of that */
#define SILENCE_MS  1000 /* that a driver which did not answer is left alone by the same gate */

/* The file that this code was loaded from, which the kernel alone tells truly: a program's name for itself is what its
 * caller says, and a library's may count from a directory that was left since. */
static int find_own_file(char path[static PATH_MAX])
{
    static const char deleted[] = " (deleted)"; /* behind what was replaced: an upgrade */
    const uintptr_t here = (uintptr_t)find_own_file;
    cleanup_free char *maps = NULL;
    int r = file_read_at(AT_FDCWD, "/proc/self/maps", MAPS_MAX, &maps, NULL);
    char *rest;

    if (r < 0)
        return r;
    for (char *line = strtok_r(maps, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        uintptr_t first, end;
        char *name = strchr(line, '/');
        size_t length;

        if (!name || sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &first, &end) != 2 || here < first || here >= end)
            continue;
        length = strlen(name);
        if (length > strlen(deleted) && strcmp(name + length - strlen(deleted), deleted) == 0)
            name[length - strlen(deleted)] = '\0';
        copy_string(path, PATH_MAX, name);
        return 0;
    }
    return -ENOENT;
}

/* The folder of genv that the file @path is in: as ROOT/bin/genv, or as ROOT/GENV_LIBDIR/libgenv.so. No folder further
 * up is looked at, which may be anybody's. */
static void cut_to_root(char *path)
{
    const size_t library = strlen("/" GENV_LIBDIR);
    char *slash = strrchr(path, '/');
    size_t length = (size_t)(slash - path);

    *slash = '\0';
    if (length >= library && strcmp(path + length - library, "/" GENV_LIBDIR) == 0)
        path[length - library] = '\0';
    else if ((slash = strrchr(path, '/')))
        *slash = '\0';
}

static int open_program(struct driver_gate *gate, struct genv_error *err)
{
    char root[PATH_MAX], path[PATH_MAX + sizeof("/" PROGRAM)];
    cleanup_close int fd = -1;
    int r;

    if (gate->program >= 0)
        return 0;
    r = find_own_file(root);
    if (r < 0)
        return error_set(err, EIO, "cannot find out where genv is installed: /proc/self/maps: %s", strerror(-r));
    cut_to_root(root);
    if (trust_is_everybodys(root))
        return error_set(
            err, EIO, "cannot run genv-driver from %s, where anyone can write: install genv in a directory of its own",
            root);
    snprintf(path, sizeof(path), "%s/" PROGRAM, root);
    fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, EIO, "%s is missing: install genv again", path);
    gate->program = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    return gate->program < 0 ? error_set(err, EIO, "cannot open %s: %s", path, strerror(errno)) : 0;
}

void driver_gate_close(struct driver_gate *gate)
{
    cleanup_closep(&gate->program);
    cleanup_closep(&gate->hung);
    gate->program = gate->hung = -1;
}

/* A pipe: [0] to read from, [1] to write to. It would not end with a forked child of the caller's that has copies. */
struct channel {
    int ends[2];
    struct fork_guard guards[2];
};

static int open_channel(struct channel *channel)
{
    bool guarded;

    *channel = (struct channel){.ends = {-1, -1}};
    do {
        unsigned forks = fork_count();

        fork_close(&channel->guards[0]);
        if (pipe2(channel->ends, O_CLOEXEC) < 0)
            return -errno;
        guarded = fork_guard(&channel->guards[0], &channel->ends[0], forks);
        guarded = fork_guard(&channel->guards[1], &channel->ends[1], forks) && guarded;
    } while (!guarded);
    return 0;
}

static void close_channel(struct channel *channel)
{
    fork_close(&channel->guards[0]);
    fork_close(&channel->guards[1]);
}

/* A question under way; stays where it is. */
struct question {
    pid_t pid;
    struct channel answer; /* it ends what answers that nobody reads any more */
    struct channel life;   /* nothing is ever written to it; it ends with the last process that could */
};

/* Its standard input and output are the ends of the pipes to write to, which may have such numbers already where the
 * caller has closed its own, @answer never that of @life's place. Returns a positive errno. */
static int spawn(const struct driver_gate *gate, unsigned what, int timeout_ms, int life, int answer, pid_t *ret_pid)
{
    char path[NUMBER_SIZE * 2], what_word[NUMBER_SIZE], timeout_word[NUMBER_SIZE];
    char *words[] = {"genv-driver", what_word, timeout_word, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return error;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", gate->program);
    snprintf(what_word, sizeof(what_word), "%u", what);
    snprintf(timeout_word, sizeof(timeout_word), "%d", timeout_ms);
    error = posix_spawn_file_actions_adddup2(&actions, life, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, answer, STDOUT_FILENO);
    if (!error)
        error = posix_spawn(ret_pid, path, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int start(const struct driver_gate *gate, unsigned what, int timeout_ms, struct question *question,
                 struct genv_error *err)
{
    int error = -open_channel(&question->answer);

    if (!error)
        error = -open_channel(&question->life);
    if (!error)
        error = spawn(gate, what, timeout_ms, question->life.ends[1], question->answer.ends[1], &question->pid);
    fork_close(&question->answer.guards[1]);
    fork_close(&question->life.guards[1]);
    if (!error)
        return 0;
    close_channel(&question->answer);
    close_channel(&question->life);
    return error_set(err, EIO, "cannot start genv-driver: %s", strerror(error));
}

/* Reads on until the message is whole or ends. */
static int read_answer(const struct driver_gate *gate, int fd, int64_t deadline, struct text *text)
{
    while (!answer_is_whole(text->data, text->length)) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = gate->cancel, .events = POLLIN}};
        int64_t left = deadline - clock_monotonic_ms();
        bool asks = interrupt_is_set(&gate->interrupt) && left > INTERRUPT_INTERVAL_MS;
        int ready = poll(fds, ARRAY_SIZE(fds), asks ? INTERRUPT_INTERVAL_MS : left < 0 ? 0 : (int)left);
        char bytes[4096];
        ssize_t n;

        if ((ready < 0 && errno == EINTR) || (ready == 0 && asks)) {
            if (interrupt_ask(&gate->interrupt))
                return -ECANCELED;
            continue;
        }
        if (ready <= 0)
            return ready < 0 ? -EIO : -ETIMEDOUT;
        if (fds[1].revents)
            return -ECANCELED;
        n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -EIO : 0;
        text_add_bytes(text, bytes, (size_t)n);
        if (text->failed || text->length > ANSWER_MAX)
            return -ENOMEM;
    }
    return 0;
}

/* Whether all processes of a question end within @ms. */
static bool ends_within(int life, int ms)
{
    struct pollfd pollfd = {.fd = life, .events = POLLIN};
    int64_t left = ms, deadline = clock_monotonic_ms() + ms;
    int ready;

    while ((ready = poll(&pollfd, 1, left < 0 ? 0 : (int)left)) < 0 && errno == EINTR)
        left = deadline - clock_monotonic_ms();
    return ready > 0;
}

/* Returns whether the child is gone. ECHILD: the caller ignores SIGCHLD, or reaps whatever ends. */
static bool reap(pid_t pid, bool has_ended)
{
    pid_t reaped;

    while ((reaped = waitpid(pid, NULL, has_ended ? 0 : WNOHANG)) < 0 && errno == EINTR)
        ;
    return reaped != 0;
}

/* Ends it, by reading no more: the child, which never hangs itself, ends what may be ended. Unless somebody has stopped
 * it: then it is killed, and what asks dies with it. What could not be ended is left to @ret_hung. */
static void end(struct question *question, int *ret_hung)
{
    const int *life = &question->life.ends[0];
    bool ended;

    close_channel(&question->answer);
    ended = ends_within(*life, GRACE_MS);
    if (!reap(question->pid, ended)) {
        kill(question->pid, SIGKILL);
        ended = ends_within(*life, GRACE_MS);
        reap(question->pid, ended);
    }
    if (ret_hung && !ended) {
        fork_release(&question->life.guards[0]); /* who reads it too does not keep it from ending */
        *ret_hung = *life;
    }
    close_channel(&question->life);
}

/* Whether what was asked before hangs in the kernel: one more would, and there would be no end of them. */
static bool still_hangs(struct driver_gate *gate)
{
    if (gate->hung < 0 || !ends_within(gate->hung, 0))
        return gate->hung >= 0;
    close(steal_fd(&gate->hung));
    return false;
}

static int explain(int r, int timeout_ms, struct genv_error *err)
{
    if (r == -ENOMEM)
        return error_no_memory(err);
    if (r == -ETIMEDOUT)
        return error_set(
            err, ETIMEDOUT,
            "the driver did not respond within %g second%s: see dmesg, or set GENV_DRIVER_TIMEOUT to wait longer",
            timeout_ms / 1e3, timeout_ms == 1000 ? "" : "s");
    return error_set(err, -r, r == -ECANCELED ? "interrupted while waiting for the driver" : "cannot query the driver");
}

static int ask_program(struct driver_gate *gate, unsigned what, int timeout_ms, struct driver_answer *ret_answer,
                       struct genv_error *err)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    cleanup_text struct text text = TEXT_INIT;
    struct question question = {.pid = 0};
    int r;

    if (still_hangs(gate))
        return error_set(
            err, ETIMEDOUT,
            "the driver does not respond, and genv-driver cannot be ended: see dmesg; if this persists, reboot");
    if (timeout_ms <= gate->silence.limit_ms && clock_monotonic_ms() < gate->silence.until_ms)
        return explain(-ETIMEDOUT, gate->silence.limit_ms, err);
    r = open_program(gate, err);
    if (r == 0)
        r = start(gate, what, timeout_ms, &question, err);
    if (r < 0)
        return r;
    r = read_answer(gate, question.answer.ends[0], deadline, &text);
    end(&question, r < 0 ? &gate->hung : NULL);
    gate->silence.limit_ms = timeout_ms;
    gate->silence.until_ms = r == -ETIMEDOUT ? clock_monotonic_ms() + SILENCE_MS : 0;
    return r < 0 ? explain(r, timeout_ms, err) : answer_decode(text.data, text.length, ret_answer, err);
}

int driver_ask(struct driver_gate *gate, unsigned what, int timeout_ms, struct driver_answer *ret_answer,
               struct genv_error *err)
{
    cleanup_with(cleanup_driverp) struct driver *driver = NULL;

    return driver_is_simulated(NULL) == 0 ? ask_program(gate, what, timeout_ms, ret_answer, err)
                                          : answer_take(what, &driver, ret_answer, err);
}
