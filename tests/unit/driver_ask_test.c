/* Asking the driver through its one gate, against tests/simulator's library. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "driver/ask.h"
#include "driver_world.h"

#define LONG_MS 60000 /* longer than any test may take */

static unsigned count_fds(void)
{
    cleanup_closedir DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    return count;
}

static void assert_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Through a gate of its own. */
static int ask(unsigned what, int timeout_ms, struct driver_answer *ret_answer, struct genv_error *err)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    int r = driver_ask(&gate, what, timeout_ms, ret_answer, err);

    driver_gate_close(&gate);
    return r;
}

/* What is left behind would be a child of this process. */
static void adopt_orphans(bool adopt)
{
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, adopt, 0, 0, 0), 0);
}

static void everything_is_told_at_once(void **state)
{
    struct driver_answer answer;
    cleanup_free char *maps = NULL;
    unsigned fds = count_fds();

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"query\": \"gpu_is_lost\"},"
              "{\"uuid\": \"" B "\", \"utilization\": 37, \"processes\": [{\"pid\": 7, \"used_memory\": 70}]},"
              "{\"uuid\": \"" C "\", \"processes\": [{\"pid\": 7, \"used_memory\": null}, {\"pid\": 8}]}]}");
    adopt_orphans(true);
    assert_int_equal(ask(ANSWER_SAMPLES | ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.part_count, 1);
    assert_string_equal(answer.parts[0].name, "nvml");
    assert_string_equal(answer.parts[0].version, "550.163.01");
    assert_int_equal(answer.parts[0].device_count, 3);
    assert_int_equal(answer.device_count, 3);
    assert_int_equal(answer.devices[0].state, GENV_DEVICE_LOST);
    assert_int_equal(answer.devices[1].sample.utilization, 37);
    assert_int_equal(answer.devices[1].sample.used_memory, 70);
    assert_int_equal(answer.process_count, 3);
    assert_int_equal(answer.processes[0].pid, 7);
    assert_int_equal(answer.processes[0].index, 1);
    assert_int_equal(answer.processes[0].used_memory, 70);
    assert_string_equal(answer.processes[0].uuid, B);
    assert_true(answer.processes[1].used_memory == GENV_UNKNOWN_U64);
    assert_string_equal(answer.processes[2].uuid, C);
    assert_int_equal(answer.complaint_count, 0);
    answer_release(&answer);
    assert_int_equal(count_fds(), fds);
    assert_no_children();
    adopt_orphans(false);
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/maps", 1 << 24, &maps, NULL), 0);
    assert_null(strstr(maps, NVML_LIBRARY));
}

static void only_what_was_asked_for_is_told(void **state)
{
    struct driver_answer answer;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": 7, \"used_memory\": 70}]}]}");
    assert_int_equal(ask(0, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.device_count, 1);
    assert_true(answer.devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    assert_int_equal(answer.process_count, 0);
    answer_release(&answer);
}

static void what_a_device_keeps_to_itself_is_a_complaint(void **state)
{
    struct driver_answer answer;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"results\": "
              "{\"nvmlDeviceGetComputeRunningProcesses_v3\": \"unknown\"}}, {\"uuid\": \"" B
              "\", \"processes\": [{\"pid\": 7}]}]}");
    assert_int_equal(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.process_count, 1);
    assert_int_equal(answer.complaint_count, 1);
    assert_non_null(strstr(answer.complaints[0].message, "cannot list the processes on device 0: "));
    answer_release(&answer);
}

static void nothing_and_a_crowd(void **state)
{
    struct driver_answer answer;

    (void)state;
    world_set("{}");
    assert_int_equal(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.device_count, 0);
    assert_int_equal(answer.process_count, 0);
    answer_release(&answer);
    world_set_crowd("550.163.01", 3000); /* more than a pipe holds */
    assert_int_equal(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.process_count, 3000);
    assert_int_equal(answer.processes[2999].pid, 3000);
    answer_release(&answer);
}

static void a_failure_is_told(void **state)
{
    struct driver_answer answer = {.parts = NULL};
    struct genv_error err = {0};
    unsigned fds = count_fds();

    (void)state;
    world_set("{\"init\": \"driver_not_loaded\"}");
    assert_int_equal(ask(0, LONG_MS, &answer, &err), -ENODEV);
    assert_int_equal(err.code, ENODEV);
    assert_non_null(strstr(err.message, "GENV_DEVICES=4"));
    assert_null(answer.parts);
    assert_int_equal(count_fds(), fds);
    assert_no_children();
}

static void a_caller_may_ignore_children(void **state)
{
    struct driver_answer answer;

    (void)state;
    world_set_crowd("550.163.01", 2);
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(answer.process_count, 2);
    answer_release(&answer);
}

/* As a daemon may have it: the pipe's ends are what standard input, output and error were. */
static void a_caller_may_have_closed_everything(void **state)
{
    int status = -1;
    pid_t child;

    (void)state;
    world_set_crowd("550.163.01", 2);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct driver_answer answer;

        for (int fd = 0; fd < 100; fd++)
            close(fd);
        _exit(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL) < 0 || answer.process_count != 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_slow_driver_is_not_waited_for(void **state)
{
    static const int timeouts_ms[] = {200, 1, 0};
    struct driver_answer answer = {.parts = NULL};
    struct genv_error err = {0};
    unsigned fds = count_fds();

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    adopt_orphans(true);
    for (size_t i = 0; i < ARRAY_SIZE(timeouts_ms); i++) {
        assert_int_equal(ask(0, timeouts_ms[i], &answer, &err), -ETIMEDOUT);
        assert_null(answer.parts);
        assert_int_equal(count_fds(), fds);
        assert_no_children();
    }
    assert_non_null(strstr(err.message, "within 0 seconds: "));
    adopt_orphans(false);
}

static void who_was_not_answered_does_not_ask_again_at_once(void **state)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer;
    struct genv_error err = {0};

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    assert_int_equal(driver_ask(&gate, 0, 100, &answer, NULL), -ETIMEDOUT);
    world_set("{}");
    gate.silence.until_ms += LONG_MS; /* this machine may be slow */
    assert_int_equal(driver_ask(&gate, ANSWER_SAMPLES, 100, &answer, &err), -ETIMEDOUT);
    assert_int_equal(driver_ask(&gate, 0, 50, &answer, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.message, "within 0.1 seconds: "));
    assert_int_equal(driver_ask(&gate, 0, LONG_MS, &answer, NULL), 0); /* it may well answer in more time than that */
    answer_release(&answer);
    assert_int_equal(driver_ask(&gate, 0, LONG_MS - 1, &answer, NULL), 0); /* it has answered */
    answer_release(&answer);
    driver_gate_close(&gate);
}

static void whoever_waits_can_be_called_off(void **state)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer;
    struct genv_error err = {0};
    int fds[2];

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    adopt_orphans(true);
    assert_int_equal(pipe(fds), 0);
    gate.cancel = fds[0];
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(driver_ask(&gate, 0, LONG_MS, &answer, &err), -ECANCELED);
    assert_no_children();
    adopt_orphans(false);
    driver_gate_close(&gate);
    close(fds[0]);
    close(fds[1]);
}

static void note_signal(int number)
{
    (void)number;
}

static bool give_up(void *data)
{
    (void)data;
    return true;
}

static void whoever_is_interrupted_may_give_up(void **state)
{
    const struct sigaction action = {.sa_handler = note_signal};
    const struct timeval interval = {.tv_usec = 5000};
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer;

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    adopt_orphans(true);
    gate.interrupt.ask = give_up;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){interval, interval}, NULL);
    assert_int_equal(driver_ask(&gate, 0, LONG_MS, &answer, NULL), -ECANCELED);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
    assert_no_children();
    adopt_orphans(false);
    driver_gate_close(&gate);
}

/* In a child that was forked while it was asked, as another thread may do. */
static bool count_in_child(void *data)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit((int)count_fds());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *(unsigned *)data = (unsigned)WEXITSTATUS(status);
    return true;
}

static void a_forked_child_keeps_no_pipe_of_a_question(void **state)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer;
    unsigned before, in_child = 0;

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    assert_int_equal(driver_ask(&gate, 0, 1, &answer, NULL), -ETIMEDOUT); /* finds the program */
    gate.silence.until_ms = 0;
    before = count_fds();
    gate.interrupt = (struct interrupt){count_in_child, &in_child};
    assert_int_equal(driver_ask(&gate, 0, LONG_MS, &answer, NULL), -ECANCELED);
    assert_int_equal(in_child, before);
    assert_int_equal(count_fds(), before);
    driver_gate_close(&gate);
}

static void a_driver_may_become_quick(void **state)
{
    struct driver_answer answer;

    (void)state;
    world_set("{\"init_delay_ms\": 50}");
    assert_int_equal(ask(0, LONG_MS, &answer, NULL), 0);
    assert_int_equal(answer.device_count, 0);
    answer_release(&answer);
}

/* Threads that are in the middle of malloc() and setenv() when others ask: what was only forked would wait there for
 * ever. */
static void *keep_allocating(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        free(malloc(64));
    return NULL;
}

static void *keep_asking(void *failures)
{
    struct driver_gate gate = DRIVER_GATE_INIT;

    for (int i = 0; i < 20; i++) {
        struct driver_answer answer = {.parts = NULL};

        if (driver_ask(&gate, ANSWER_PROCESSES, LONG_MS, &answer, NULL) < 0 || answer.process_count != 2)
            __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
        answer_release(&answer);
    }
    driver_gate_close(&gate);
    return NULL;
}

static void threads_may_ask(void **state)
{
    pthread_t allocating[2], asking[2];
    bool stop = false;
    int failures = 0;

    (void)state;
    world_set_crowd("550.163.01", 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&allocating[i], NULL, keep_allocating, &stop), 0);
        assert_int_equal(pthread_create(&asking[i], NULL, keep_asking, &failures), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(asking[i], NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(allocating[i], NULL);
    assert_int_equal(failures, 0);
    assert_no_children();
}

/* This program, somewhere else. */
static void copy_self(const char *path)
{
    cleanup_free char *bytes = NULL;
    cleanup_close int fd = -1;
    size_t length;

    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_read(fd, 1 << 28, &bytes, &length), 0);
    close(fd);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, bytes, length), 0);
}

/* A copy in a folder of /tmp takes no /tmp/libexec/genv-driver for its own, whether somebody has made one or not. */
static void a_program_that_anybody_may_have_made_is_not_run(void **state)
{
    char path[WORLD_PATH_SIZE];
    int status = -1;
    pid_t child;

    (void)state;
    world_set("{}");
    world_path(path, "alone");
    copy_self(path);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execl(path, "build/src/cli/genv", "missing", NULL); /* no name for itself is believed */
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In that copy: 0 where the right thing is said. */
static int expect_missing(void)
{
    struct driver_answer answer;
    struct genv_error err = {0};

    return ask(0, LONG_MS, &answer, &err) != -EIO ||
           !strstr(err.message, "cannot run genv-driver from /tmp, where anyone can write");
}

/* Holds a lock, as one of many files, and the end of a pipe, as its output; asks without end, and is killed by the
 * test. */
static _Noreturn void ask_under_lock(const char *path, int output)
{
    struct driver_answer answer;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fcntl(fd, F_DUPFD, 50) < 0 || flock(fd, LOCK_EX) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(1);
    close(fd);
    ask(0, INT32_MAX / 2, &answer, NULL);
    _exit(1);
}

/* The child of @parent, or -1 while there is none. */
static pid_t find_child(pid_t parent)
{
    cleanup_closedir DIR *dir = opendir("/proc");
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        struct proc_stat stat;
        uint64_t pid;

        if (text_to_u64(entry->d_name, INT32_MAX, &pid) == 0 && proc_stat_read((pid_t)pid, &stat) == 0 &&
            stat.parent == parent)
            return (pid_t)pid;
    }
    return -1;
}

static bool take_lock(const char *path)
{
    cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

#define TRIES 1000 /* of 10 ms: until something has happened that must */

/* Without a signal to it: the caller was killed. */
static void nothing_outlives_a_caller_that_is_gone(void **state)
{
    char path[WORLD_PATH_SIZE];
    struct pollfd output = {0};
    pid_t child, supervisor = -1, worker = -1;
    int tries, pipe_fds[2];

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    world_path(path, "lock");
    adopt_orphans(true);
    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        ask_under_lock(path, pipe_fds[1]);
    close(pipe_fds[1]);
    for (tries = 0; tries < TRIES && worker < 0; tries++) {
        supervisor = find_child(child);
        worker = supervisor > 0 ? find_child(supervisor) : -1;
        usleep(10000);
    }
    assert_true(worker > 0);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (tries = 0; tries < TRIES && !take_lock(path); tries++)
        usleep(10000);
    assert_true(tries < TRIES);
    output.fd = pipe_fds[0];
    poll(&output, 1, TRIES * 10);
    close(pipe_fds[0]);
    assert_true(output.revents & POLLHUP);
    assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
    assert_int_equal(kill(worker, 0), -1);
    assert_no_children();
    adopt_orphans(false);
}

static int exit_pipe[2];

static void tell_exit(void)
{
    if (write(exit_pipe[1], "x", 1) < 0)
        _exit(1);
}

static _Noreturn void ask_with_output_pending(const char *path)
{
    struct driver_answer answer;
    FILE *file = fopen(path, "w");

    if (!file || fputs("once\n", file) < 0)
        _exit(1);
    atexit(tell_exit);
    if (ask(0, LONG_MS, &answer, NULL) < 0)
        _exit(1);
    answer_release(&answer);
    fclose(file);
    exit(0);
}

static void output_and_exit_are_left_to_the_caller(void **state)
{
    cleanup_free char *output = NULL;
    char path[WORLD_PATH_SIZE], bytes[8];
    int status;
    pid_t child;

    (void)state;
    world_set("{}");
    world_path(path, "output");
    assert_int_equal(pipe(exit_pipe), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        ask_with_output_pending(path);
    close(exit_pipe[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(exit_pipe[0], bytes, sizeof(bytes)), 1);
    assert_int_equal(read(exit_pipe[0], bytes, sizeof(bytes)), 0);
    close(exit_pipe[0]);
    assert_int_equal(file_read_at(AT_FDCWD, path, 100, &output, NULL), 0);
    assert_string_equal(output, "once\n");
}

static void an_answer_that_was_cut_off(void **state)
{
    struct driver_answer answer = {.parts = NULL}, read = {.parts = NULL};
    cleanup_text struct text text = TEXT_INIT;
    struct genv_error err = {0};

    (void)state;
    world_set_crowd("550.163.01", 2);
    assert_int_equal(ask(ANSWER_PROCESSES, LONG_MS, &answer, NULL), 0);
    answer_encode(0, NULL, &answer, &text);
    assert_false(text.failed);
    for (size_t length = 0; length < text.length; length++) {
        assert_false(answer_is_whole(text.data, length));
        assert_int_equal(answer_decode(text.data, length, &read, &err), -EIO);
        assert_null(read.parts);
    }
    assert_true(answer_is_whole(text.data, text.length));
    assert_int_equal(answer_decode(text.data, text.length, &read, NULL), 0);
    assert_int_equal(read.process_count, 2);
    answer_release(&read);
    answer_release(&answer);
    text.data[0]++;
    assert_int_equal(answer_decode(text.data, text.length, &read, &err), -ESTALE);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(everything_is_told_at_once),
        TEST(only_what_was_asked_for_is_told),
        TEST(what_a_device_keeps_to_itself_is_a_complaint),
        TEST(nothing_and_a_crowd),
        TEST(a_failure_is_told),
        TEST(a_caller_may_ignore_children),
        TEST(a_caller_may_have_closed_everything),
        TEST(a_slow_driver_is_not_waited_for),
        TEST(who_was_not_answered_does_not_ask_again_at_once),
        TEST(whoever_waits_can_be_called_off),
        TEST(whoever_is_interrupted_may_give_up),
        TEST(a_forked_child_keeps_no_pipe_of_a_question),
        TEST(a_driver_may_become_quick),
        TEST(threads_may_ask),
        TEST(a_program_that_anybody_may_have_made_is_not_run),
        TEST(nothing_outlives_a_caller_that_is_gone),
        TEST(output_and_exit_are_left_to_the_caller),
        TEST(an_answer_that_was_cut_off),
    };

    if (argc == 2 && strcmp(argv[1], "missing") == 0)
        return expect_missing();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, world_make, world_remove);
}
