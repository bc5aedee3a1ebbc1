/* An environment on another host that lives as long as the connection. */
#include "remote/session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>

#include "base/clock.h"
#include "base/text.h"
#include "remote/connection.h"
#include "remote/frame.h"
#include "remote/session_words.h"
#include "remote/ssh.h"

#define GREETING_MAX  65536 /* bytes that start-up files may print, on each stream */
#define BUFFER_SIZE   65536
#define TIMEOUT_MAX_S 86400
#define RERUNS_MAX    4
#define RERUN_MS      100 /* the first pause; each is twice as long as the one before */

/* What came before the shell or the command, and the beginning of what it printed itself. */
struct greeting {
    const char *nonce;
    struct text out;
    struct text err;
    struct frame_line line; /* in @out */
};

static bool is_on_terminal(const struct session_request *request)
{
    return !request->command || request->terminal;
}

static double limit_seconds(const struct session_request *request)
{
    return request->timeout_seconds < TIMEOUT_MAX_S ? request->timeout_seconds : TIMEOUT_MAX_S;
}

/* The words of ssh's command line, strv_free() them. */
static int make_argv(const struct host *host, const struct session_request *request, const char *nonce,
                     char ***ret_argv, struct genv_error *err)
{
    struct ssh_call call = {
        .timeout_seconds = request->timeout_seconds < 1 ? 1 : (unsigned)limit_seconds(request),
        .share = true,
        .terminal = is_on_terminal(request) ? SSH_TERMINAL : SSH_PLAIN,
        .below_shell = !request->command, /* whose start-up files the session's shell reads again, from the start */
    };
    cleanup_free char *config = NULL;
    char **words = NULL;
    int r = ssh_prepare(&config, err);

    call.config = config;
    call.has_remote_command = r == 0 && ssh_takes("RemoteCommand=none");
    if (r == 0)
        r = session_words(request, nonce, &words, err);
    if (r == 0)
        r = ssh_command(host, &call, (const char *const *)words, ret_argv, err);
    strv_free(words);
    return r;
}

/* Reads what there is from *@fd into @text, which keeps at most GREETING_MAX; at the end *@fd becomes -1. */
static void gather(int *fd, struct text *text)
{
    char buffer[4096];
    ssize_t n = read(*fd, buffer, sizeof(buffer));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0 && text->length < GREETING_MAX)
        text_add_bytes(text, buffer, (size_t)n);
    if (n > 0)
        return;
    close(*fd);
    *fd = -1;
}

/* Looks for the answer in what has come. Returns as session_read_answer() does. */
static int read_greeting(struct greeting *greeting, struct genv_error *err)
{
    int r;

    if (greeting->out.failed || greeting->err.failed)
        return error_no_memory(err);
    r = session_read_answer(&greeting->out, greeting->nonce, &greeting->line, err);
    if (r == -EAGAIN && greeting->out.length >= GREETING_MAX)
        return error_set(err, EPROTO, "no answer from genv on the host: your startup files on the host print too much");
    return r;
}

/* Waits for the other side. 0: the shell or the command runs. -ECONNRESET: ssh ended before. */
static int await_greeting(struct connection *connection, struct greeting *greeting, double timeout_seconds,
                          struct genv_error *err)
{
    int64_t deadline = clock_monotonic_ms() + (int64_t)(timeout_seconds * 1000), left;
    int r, n;

    for (;;) {
        struct pollfd fds[] = {
            {.fd = connection->signals, .events = POLLIN},
            {.fd = connection->out, .events = POLLIN},
            {.fd = connection->err, .events = POLLIN},
        };

        left = deadline - clock_monotonic_ms();
        n = poll(fds, ARRAY_SIZE(fds), connection->exited || left < 0 ? 0 : (int)left);
        connection_read_signals(connection);
        if (connection->signal)
            return error_set(err, EINTR, "interrupted");
        if (n == 0 && connection->exited)
            return -ECONNRESET;
        if (n == 0)
            return error_set(err, ETIMEDOUT, "no response within %g second%s", timeout_seconds,
                             timeout_seconds == 1 ? "" : "s");
        if (fds[2].revents)
            gather(&connection->err, &greeting->err);
        if (fds[1].revents)
            gather(&connection->out, &greeting->out);
        r = read_greeting(greeting, err);
        if (r != -EAGAIN)
            return r;
    }
}

/* One direction of what is relayed. */
struct stream {
    int from, to;
    int *ours;              /* the end of it that leads to ssh: -1 once the stream has ended */
    size_t length, written; /* of @buffer */
    bool is_ssh;            /* nobody but ssh itself speaks there, and its farewell is left out */
    char buffer[GREETING_MAX + BUFFER_SIZE];
};

/* Does what poll(2) said is possible. At the end, or where the reader has gone away, our end of the pipe is closed,
 * which ssh tells the other side. */
static void move(struct stream *stream)
{
    ssize_t n;

    if (stream->length == 0) {
        n = read(stream->from, stream->buffer, BUFFER_SIZE);
        if (n > 0)
            stream->length = stream->is_ssh ? ssh_length_before_farewell(stream->buffer, (size_t)n) : (size_t)n;
    } else {
        size_t rest = stream->length - stream->written;

        /* So much fits into a pipe that takes anything: no stream waits for another. */
        n = write(stream->to, stream->buffer + stream->written, rest < PIPE_BUF ? rest : PIPE_BUF);
        if (n > 0)
            stream->written += (size_t)n;
        if (stream->written == stream->length)
            stream->length = stream->written = 0;
    }
    if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
        return;
    close(*stream->ours);
    *stream->ours = -1;
}

enum { INPUT, OUTPUT, ERRORS, STREAMS };

/* Until ssh has ended and all that it printed is passed on: somebody else may hold its pipes open, so their end is not
 * waited for. A signal ends it at once, where ssh has ended once what is taken without waiting is passed on. */
static void relay(struct connection *connection, struct stream streams[static STREAMS])
{
    for (;;) {
        struct pollfd fds[STREAMS + 1] = {[STREAMS] = {.fd = connection->signals, .events = POLLIN}};
        bool pending = !connection->exited;
        int n;

        for (size_t i = 0; i < STREAMS; i++) {
            bool full = streams[i].length > 0, open = *streams[i].ours >= 0 && !(i == INPUT && connection->exited);

            fds[i].fd = !open ? -1 : full ? streams[i].to : streams[i].from;
            fds[i].events = full ? POLLOUT : POLLIN;
            pending = pending || (open && full && !connection->signal);
        }
        n = poll(fds, ARRAY_SIZE(fds), pending ? -1 : 0);
        if (n == 0)
            return;
        if (n < 0)
            continue;
        if (fds[STREAMS].revents) {
            connection_read_signals(connection);
            if (connection->signal && !connection->exited)
                return;
        }
        for (size_t i = 0; i < STREAMS; i++) {
            if (fds[i].revents)
                move(&streams[i]);
        }
    }
}

/* What came behind the greeting is passed on first. */
static void stream_begin(struct stream *stream, int from, int to, int *ours, const struct text *text, size_t skip)
{
    stream->from = from;
    stream->to = to;
    stream->ours = ours;
    if (text && text->length > skip) {
        stream->length = text->length - skip;
        memcpy(stream->buffer, text->data + skip, stream->length);
    }
}

/* Relays until the end. */
static int serve(struct connection *connection, const struct session_request *request, const struct greeting *greeting,
                 int *ret_status, struct genv_error *err)
{
    cleanup_free struct stream *streams = calloc(STREAMS, sizeof(*streams));
    int status;

    if (!streams)
        return error_no_memory(err);
    stream_begin(&streams[INPUT], STDIN_FILENO, connection->in, &connection->in, NULL, 0);
    stream_begin(&streams[OUTPUT], connection->out, STDOUT_FILENO, &connection->out, &greeting->out,
                 greeting->line.end);
    stream_begin(&streams[ERRORS], connection->err, STDERR_FILENO, &connection->err, &greeting->err, 0);
    streams[ERRORS].is_ssh = request->command && request->terminal; /* the command speaks on the terminal */
    if (streams[ERRORS].is_ssh) /* a command may be over before its greeting is read */
        streams[ERRORS].length = ssh_length_before_farewell(streams[ERRORS].buffer, streams[ERRORS].length);
    relay(connection, streams);
    status = connection_end(connection);
    if (connection->signal)
        relay(connection, streams); /* what it had printed by then */
    *ret_status = connection->signal ? 128 + connection->signal : status;
    return 0;
}

/* ssh has ended without a word from genv. */
static int explain(struct connection *connection, const struct host *host, const struct session_request *request,
                   struct greeting *greeting, struct genv_error *err)
{
    int status = connection_end(connection);
    struct text *said = &greeting->err;

    if (status == 0)
        return error_set(err, EPROTO, "unexpected output from genv on the host");
    if (is_on_terminal(request) && status != SSH_FAILED) {
        ssh_drop_farewell(said);
        if (greeting->out.data)
            text_add(said, greeting->out.data); /* there the host's errors come, too */
    }
    return ssh_explain(host, status, ssh_last_words(said->data, greeting->out.data), err);
}

static int converse(struct connection *connection, const struct host *host, const struct session_request *request,
                    struct greeting *greeting, int *ret_status, struct genv_error *err)
{
    int r = await_greeting(connection, greeting, limit_seconds(request), err);

    ssh_drop_chatter(&greeting->err);
    if (r == 0)
        return serve(connection, request, greeting, ret_status, err);
    if (r == -ECONNRESET)
        return explain(connection, host, request, greeting, err);
    if (r == -EINTR)
        *ret_status = 128 + connection->signal;
    return r;
}

/* One call of ssh. -ECONNRESET: it was turned away. */
static int call(const struct host *host, const struct session_request *request, const char *nonce, char **argv,
                int *ret_status, struct genv_error *err)
{
    struct connection connection = CONNECTION_INIT;
    struct greeting greeting = {.nonce = nonce};
    int r;

    /* On a terminal ssh reads it itself. Otherwise we do, once the command runs: a host that turns out to be busy must
     * not swallow what the next one is to read. */
    r = connection_start(&connection, argv, !is_on_terminal(request), err);
    if (r == 0)
        r = converse(&connection, host, request, &greeting, ret_status, err);
    connection_close(&connection);
    text_release(&greeting.out);
    text_release(&greeting.err);
    return r;
}

/* Pauses, as long as others who were turned away do not. */
static void pause_before_rerun(unsigned reruns)
{
    unsigned ms = RERUN_MS << reruns;

    ms = ms / 2 + (unsigned)clock_monotonic_ms() * 2654435761U % ms;
    poll(NULL, 0, (int)ms);
}

int session_run(const struct host *host, const struct session_request *request, int *ret_status, struct genv_error *err)
{
    int64_t deadline = clock_monotonic_ms() + (int64_t)(limit_seconds(request) * 1000);
    struct termios terminal;
    bool restore = tcgetattr(STDIN_FILENO, &terminal) == 0;
    char nonce[FRAME_NONCE_SIZE], **argv = NULL;
    int r = frame_make_nonce(nonce, err);

    if (r == 0)
        r = make_argv(host, request, nonce, &argv, err);
    if (r < 0)
        return r;
    for (unsigned reruns = 0;; reruns++) {
        r = call(host, request, nonce, argv, ret_status, err);
        if (r != -ECONNRESET || reruns == RERUNS_MAX || clock_monotonic_ms() >= deadline)
            break;
        pause_before_rerun(reruns);
    }
    if (restore && tcgetpgrp(STDIN_FILENO) == getpgrp())
        tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal); /* should ssh have been killed */
    strv_free(argv);
    return r;
}
