/* Messages on real terminals of several users, also on such that take nothing. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmpx.h>

#include "enforce/notify.h"

#define HANG_SECONDS 60 /* then the test is killed: a terminal was waited for */

/* A pseudo-terminal that belongs to @uid. */
struct terminal {
    int master, slave;
    char path[64];
};

static void terminal_open(struct terminal *terminal, uid_t uid)
{
    struct termios settings;

    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master), 0);
    assert_int_equal(unlockpt(terminal->master), 0);
    assert_int_equal(ptsname_r(terminal->master, terminal->path, sizeof(terminal->path)), 0);
    terminal->slave = open(terminal->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_true(terminal->slave >= 0);
    assert_int_equal(tcgetattr(terminal->slave, &settings), 0);
    settings.c_oflag &= ~(tcflag_t)OPOST;
    settings.c_lflag &= ~(tcflag_t)ECHO;
    assert_int_equal(tcsetattr(terminal->slave, TCSANOW, &settings), 0);
    if (uid != (uid_t)-1)
        assert_int_equal(chown(terminal->path, uid, (gid_t)-1), 0);
}

static void terminal_close(struct terminal *terminal)
{
    close(terminal->slave);
    close(terminal->master);
}

/* What has been written on the terminal since the last call. */
static const char *terminal_read(const struct terminal *terminal)
{
    static char text[65536];
    ssize_t n = read(terminal->master, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Has utmp say that somebody is logged in, or was, on the line. */
static void log_in(const char *line, short type)
{
    struct utmpx entry = {.ut_type = type, .ut_pid = getpid()};
    static int number;

    memcpy(entry.ut_line, line, strnlen(line, sizeof(entry.ut_line)));
    snprintf(entry.ut_id, sizeof(entry.ut_id), "%c%c", 'a' + number / 26, 'a' + number % 26);
    number++;
    memcpy(entry.ut_user, "somebody", sizeof("somebody"));
    setutxent();
    assert_non_null(pututxline(&entry));
    endutxent();
}

static int make(void **state)
{
    cleanup_free char *utmp = NULL;

    if (world_make(state) < 0 || asprintf(&utmp, "%s/utmp", (char *)*state) < 0)
        return -1;
    unit_write(*state, "utmp", "");
    alarm(HANG_SECONDS);
    return utmpxname(utmp);
}

static int clean(void **state)
{
    alarm(0);
    return world_remove(state);
}

#define LINE(terminal) ((terminal).path + sizeof("/dev/") - 1)

static void a_user_is_told_where_he_is_logged_in(void **state)
{
    struct terminal first, second, others, left;

    (void)state;
    skip_unless_root();
    terminal_open(&first, USER_A);
    terminal_open(&second, USER_A);
    terminal_open(&left, USER_A);
    terminal_open(&others, USER_B);
    log_in(LINE(first), USER_PROCESS);
    log_in(LINE(others), USER_PROCESS);
    log_in(LINE(second), USER_PROCESS);
    log_in(LINE(first), USER_PROCESS);
    log_in(LINE(left), DEAD_PROCESS);
    assert_int_equal(notify_user(USER_A, NULL, 0, "Process 42 will be terminated"), 2);
    assert_string_equal(terminal_read(&first), "\r\nProcess 42 will be terminated\r\n"); /* once */
    assert_string_equal(terminal_read(&second), "\r\nProcess 42 will be terminated\r\n");
    assert_string_equal(terminal_read(&others), "");
    assert_string_equal(terminal_read(&left), "");
    assert_int_equal(notify_user(USER_A + 9, NULL, 0, "nobody there"), 0);
    terminal_close(&first);
    terminal_close(&second);
    terminal_close(&others);
    terminal_close(&left);
}

/* A process whose controlling terminal that is. */
static int live_on_a_terminal(void *data)
{
    const struct terminal *terminal = data;

    require(setsid() > 0);
    require(ioctl(terminal->slave, TIOCSCTTY, 0) == 0);
    while (pause() < 0)
        ;
    return 0;
}

static pid_t start_on(struct terminal *terminal, uid_t uid)
{
    pid_t pid = unit_start(uid, live_on_a_terminal, terminal);

    while (tcgetsid(terminal->master) != pid) {
        assert_true(world_lives(pid));
        usleep(1000);
    }
    return pid;
}

static void and_where_his_processes_are(void **state)
{
    struct terminal first, second, others;
    pid_t pids[6];

    (void)state;
    skip_unless_root();
    terminal_open(&first, USER_A);
    terminal_open(&second, USER_A);
    terminal_open(&others, USER_B);
    pids[0] = start_on(&first, USER_A);
    pids[1] = start_on(&second, USER_A);
    pids[2] = start_on(&others, USER_B);
    pids[3] = world_start(USER_A); /* on the terminal of the tests, if any */
    pids[4] = 0;
    pids[5] = pids[1];
    log_in(LINE(second), USER_PROCESS);
    assert_int_equal(notify_user(USER_A, pids, ARRAY_SIZE(pids), "once"), 2);
    assert_string_equal(terminal_read(&first), "\r\nonce\r\n");
    assert_string_equal(terminal_read(&second), "\r\nonce\r\n");
    assert_string_equal(terminal_read(&others), "");
    for (size_t i = 0; i < 4; i++)
        world_end(pids[i]);
    terminal_close(&first);
    terminal_close(&second);
    terminal_close(&others);
}

/* What is written moves on to the other side in its own time: until nothing has for a while. */
static void fill(const struct terminal *terminal)
{
    for (int idle = 0; idle < 50; idle++) {
        while (write(terminal->slave, "x", 1) > 0)
            idle = 0;
        usleep(1000);
    }
}

static void a_terminal_that_takes_nothing_is_not_waited_for(void **state)
{
    struct terminal stopped, full, well;

    (void)state;
    terminal_open(&stopped, (uid_t)-1);
    terminal_open(&full, (uid_t)-1);
    terminal_open(&well, (uid_t)-1);
    assert_int_equal(write(stopped.master, "\023", 1), 1); /* ^S, which arrives in its own time */
    while (poll(&(struct pollfd){.fd = stopped.slave, .events = POLLOUT}, 1, 0) > 0)
        usleep(1000);
    fill(&full);
    log_in(LINE(stopped), USER_PROCESS);
    log_in(LINE(full), USER_PROCESS);
    log_in(LINE(well), USER_PROCESS);
    assert_int_equal(notify_user(geteuid(), NULL, 0, "still here"), 1);
    assert_string_equal(terminal_read(&stopped), "");
    assert_null(strstr(terminal_read(&full), "still"));
    assert_string_equal(terminal_read(&well), "\r\nstill here\r\n");
    terminal_close(&stopped);
    terminal_close(&full);
    terminal_close(&well);
}

static void a_message_commands_no_terminal(void **state)
{
    struct terminal terminal;

    (void)state;
    terminal_open(&terminal, (uid_t)-1);
    log_in(LINE(terminal), USER_PROCESS);
    assert_int_equal(notify_user(geteuid(), NULL, 0, "a\033[2Jb\nc\rd\a\177\302\233e\377 \303\274"), 1);
    assert_string_equal(terminal_read(&terminal), "\r\na?[2Jb?c?d???e? \303\274\r\n");
    terminal_close(&terminal);
}

static void only_terminals_are_written_to(void **state)
{
    cleanup_free char *file = unit_path(*state, "file"), *line = NULL;
    struct stat st;

    assert_true(asprintf(&line, "../%s", file) > 0);
    unit_write(*state, "file", "");
    log_in(line, USER_PROCESS);
    log_in("null", USER_PROCESS);
    log_in("tty", USER_PROCESS);
    log_in("pts", USER_PROCESS);
    log_in("", USER_PROCESS);
    log_in("a-line-that-fills-the-field-whole", USER_PROCESS);
    assert_int_equal(notify_user(geteuid(), NULL, 0, "nothing"), 0);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 0);
}

/* A session of its own, in which a background process notifies its own terminal, which stops those that write. */
static int notify_from_the_background(void *data)
{
    const struct terminal *terminal = data;
    struct termios settings;
    pid_t pid;
    int status;

    require(setsid() > 0);
    require(ioctl(terminal->slave, TIOCSCTTY, 0) == 0);
    require(tcgetattr(terminal->slave, &settings) == 0);
    settings.c_lflag |= TOSTOP;
    require(tcsetattr(terminal->slave, TCSANOW, &settings) == 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(setpgid(0, 0) == 0);
        _exit(notify_user(geteuid(), (pid_t[]){getpid()}, 1, "from behind") == 1 ? 0 : 1);
    }
    require(waitpid(pid, &status, WUNTRACED) == pid);
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static void its_own_terminal_does_not_stop_it(void **state)
{
    struct terminal terminal;

    (void)state;
    terminal_open(&terminal, (uid_t)-1);
    assert_int_equal(unit_fork((uid_t)-1, notify_from_the_background, &terminal), 0);
    assert_string_equal(terminal_read(&terminal), "\r\nfrom behind\r\n");
    terminal_close(&terminal);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_user_is_told_where_he_is_logged_in, make, clean),
    cmocka_unit_test_setup_teardown(and_where_his_processes_are, make, clean),
    cmocka_unit_test_setup_teardown(a_terminal_that_takes_nothing_is_not_waited_for, make, clean),
    cmocka_unit_test_setup_teardown(a_message_commands_no_terminal, make, clean),
    cmocka_unit_test_setup_teardown(only_terminals_are_written_to, make, clean),
    cmocka_unit_test_setup_teardown(its_own_terminal_does_not_stop_it, make, clean),
};

WORLD_MAIN(tests)
