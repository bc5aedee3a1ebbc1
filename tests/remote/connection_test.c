/* A program in ssh's place: which signals end it, and that it ends whatever it does against it. */
#include "../unit/unit.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "remote/connection.h"

/* Starts the shell script @script and waits for the line that it prints. */
static void start(struct connection *connection, const char *script)
{
    char *argv[] = {"sh", "-c", (char *)script, NULL}, byte;

    require(connection_start(connection, argv, false, NULL) == 0);
    require(read(connection->out, &byte, 1) == 1);
}

static int end_stopped(void *data)
{
    struct connection connection = CONNECTION_INIT;
    siginfo_t info;

    (void)data;
    start(&connection, "echo; kill -STOP $$; exec sleep 1000");
    require(waitid(P_PID, (id_t)connection.pid, &info, WSTOPPED | WNOWAIT) == 0);
    require(connection_end(&connection) == 128 + SIGTERM);
    connection_close(&connection);
    return 0;
}

static int end_stubborn(void *data)
{
    struct connection connection = CONNECTION_INIT;

    (void)data;
    start(&connection, "trap '' TERM; echo; while :; do sleep 1; done");
    require(connection_end(&connection) == 128 + SIGKILL);
    connection_close(&connection);
    return 0;
}

/* As of a caller that ignores its children. */
static int end_ignored(void *data)
{
    struct connection connection = CONNECTION_INIT;
    struct pollfd fd;
    struct sigaction action;

    (void)data;
    signal(SIGCHLD, SIG_IGN);
    start(&connection, "echo; exit 7");
    fd = (struct pollfd){.fd = connection.signals, .events = POLLIN};
    require(poll(&fd, 1, 20000) == 1);
    connection_read_signals(&connection);
    require(connection.exited && connection_end(&connection) == 7);
    connection_close(&connection);
    require(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    return 0;
}

static void ends(void **state)
{
    (void)state;
    assert_int_equal(unit_fork((uid_t)-1, end_stopped, NULL), 0);
    assert_int_equal(unit_fork((uid_t)-1, end_stubborn, NULL), 0);
    assert_int_equal(unit_fork((uid_t)-1, end_ignored, NULL), 0);
}

/* What is ignored stays so; what is blocked stays the caller's; the rest is told. */
static int take_some(void *data)
{
    struct connection connection = CONNECTION_INIT;
    sigset_t blocked, pending;

    (void)data;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    start(&connection, "echo; exec sleep 1000");
    raise(SIGHUP);
    raise(SIGINT);
    connection_read_signals(&connection);
    require(connection.signal == 0 && !connection.exited);
    raise(SIGTERM);
    connection_read_signals(&connection);
    require(connection.signal == SIGTERM);
    connection_close(&connection);
    require(sigpending(&pending) == 0 && sigismember(&pending, SIGINT) && !sigismember(&pending, SIGHUP));
    return 0;
}

static void signals(void **state)
{
    (void)state;
    assert_int_equal(unit_fork((uid_t)-1, take_some, NULL), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ends),
    cmocka_unit_test(signals),
};

UNIT_MAIN(tests)
