/* The survey of the driver's processes, against tests/simulator's library. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "driver/survey.h"
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

static void survey_tells_processes(void **state)
{
    struct driver_process *processes = NULL;
    cleanup_free char *maps = NULL;
    unsigned fds = count_fds();
    size_t count;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"query\": \"gpu_is_lost\"},"
              "{\"uuid\": \"" B "\", \"processes\": [{\"pid\": 7, \"used_memory\": 70}]},"
              "{\"uuid\": \"" C "\", \"processes\": [{\"pid\": 7, \"used_memory\": null}, {\"pid\": 8}]}]}");
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(driver_survey_processes(LONG_MS, &processes, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(processes[0].pid, 7);
    assert_int_equal(processes[0].index, 1);
    assert_int_equal(processes[0].used_memory, 70);
    assert_string_equal(processes[0].uuid, B);
    assert_true(processes[1].used_memory == GENV_UNKNOWN_U64);
    assert_string_equal(processes[2].uuid, C);
    free(processes);
    assert_int_equal(count_fds(), fds);
    assert_no_children();
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/maps", 1 << 24, &maps, NULL), 0);
    assert_null(strstr(maps, NVML_LIBRARY));
}

static void survey_of_nothing_and_of_a_crowd(void **state)
{
    struct driver_process *processes = NULL;
    size_t count = 1;

    (void)state;
    world_set("{}");
    assert_int_equal(driver_survey_processes(-1, &processes, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(processes);
    world_set_crowd("550.163.01", 3000); /* more than a pipe holds */
    assert_int_equal(driver_survey_processes(LONG_MS, &processes, &count, NULL), 0);
    assert_int_equal(count, 3000);
    assert_int_equal(processes[2999].pid, 3000);
    free(processes);
}

static void survey_tells_why_not(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_error err = {0};
    unsigned fds = count_fds();
    size_t count;

    (void)state;
    world_set("{\"init\": \"driver_not_loaded\"}");
    assert_int_equal(driver_survey_processes(LONG_MS, &processes, &count, &err), -ENODEV);
    assert_int_equal(err.code, ENODEV);
    assert_non_null(strstr(err.message, "GENV_DEVICES=4"));
    assert_null(processes);
    assert_int_equal(count_fds(), fds);
    assert_no_children();
}

static void survey_with_children_ignored(void **state)
{
    struct driver_process *processes = NULL;
    size_t count;

    (void)state;
    world_set_crowd("550.163.01", 2);
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(driver_survey_processes(LONG_MS, &processes, &count, NULL), 0);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(count, 2);
    free(processes);
}

static void survey_of_a_slow_driver(void **state)
{
    static const int timeouts_ms[] = {200, 1, 0};
    struct driver_process *processes = NULL;
    struct genv_error err = {0};
    unsigned fds = count_fds();
    size_t count;

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    /* What it left behind would be a child of this process. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    for (size_t i = 0; i < ARRAY_SIZE(timeouts_ms); i++) {
        assert_int_equal(driver_survey_processes(timeouts_ms[i], &processes, &count, &err), -ETIMEDOUT);
        assert_null(processes);
        assert_int_equal(count_fds(), fds);
        assert_no_children();
    }
    assert_non_null(strstr(err.message, "0 ms"));
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void survey_of_a_driver_that_becomes_quick(void **state)
{
    struct driver_process *processes = NULL;
    size_t count = 1;

    (void)state;
    world_set("{\"init_delay_ms\": 50}");
    assert_int_equal(driver_survey_processes(LONG_MS, &processes, &count, NULL), 0);
    assert_int_equal(count, 0);
    free(processes);
}

/* Holds a lock, as one of many files, and the end of a pipe, as its output; surveys without end, and is killed by the
 * test. */
static _Noreturn void survey_under_lock(const char *path, int output)
{
    struct driver_process *processes;
    size_t count;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fcntl(fd, F_DUPFD, 50) < 0 || flock(fd, LOCK_EX) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(1);
    close(fd);
    driver_survey_processes(-1, &processes, &count, NULL);
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

static void survey_holds_nothing_of_a_caller_that_is_gone(void **state)
{
    char path[WORLD_PATH_SIZE];
    struct pollfd output = {0};
    pid_t child, supervisor = -1, worker = -1;
    int tries, pipe_fds[2];

    (void)state;
    world_set("{\"init_delay_ms\": 3600000}");
    world_path(path, "lock");
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        survey_under_lock(path, pipe_fds[1]);
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
    output.fd = pipe_fds[0];
    poll(&output, 1, TRIES * 10);
    close(pipe_fds[0]);
    kill(worker, SIGKILL); /* it was there all the time, or the supervisor would not be there to wait for */
    assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
    assert_true(tries < TRIES);
    assert_true(output.revents & POLLHUP);
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static int exit_pipe[2];

static void tell_exit(void)
{
    if (write(exit_pipe[1], "x", 1) < 0)
        _exit(1);
}

static _Noreturn void survey_with_output_pending(const char *path)
{
    struct driver_process *processes = NULL;
    FILE *file = fopen(path, "w");
    size_t count;

    if (!file || fputs("once\n", file) < 0)
        _exit(1);
    atexit(tell_exit);
    if (driver_survey_processes(LONG_MS, &processes, &count, NULL) < 0)
        _exit(1);
    free(processes);
    fclose(file);
    exit(0);
}

static void survey_leaves_output_and_exit_to_the_caller(void **state)
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
        survey_with_output_pending(path);
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

/* An answer of zeros tells of no process; how long it is is the survey's own business. */
static void an_answer_that_was_cut_off(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_error err = {0};
    char bytes[4096] = {0};
    size_t count = 1, length;

    (void)state;
    for (length = 0; driver_survey_decode(bytes, length, &processes, &count, &err) < 0; length++)
        assert_int_equal(err.code, EIO);
    assert_int_equal(count, 0);
    free(STEAL_POINTER(processes));
    assert_int_equal(driver_survey_decode(bytes, length + sizeof(*processes), &processes, &count, &err), -EIO);
    bytes[length - 1] = 16; /* 2^60 processes: as many times their size is 0 modulo 2^64 */
    assert_int_equal(driver_survey_decode(bytes, length, &processes, &count, &err), -EIO);
    assert_null(processes);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(survey_tells_processes),
        TEST(survey_of_nothing_and_of_a_crowd),
        TEST(survey_tells_why_not),
        TEST(survey_with_children_ignored),
        TEST(survey_of_a_slow_driver),
        TEST(survey_of_a_driver_that_becomes_quick),
        TEST(survey_holds_nothing_of_a_caller_that_is_gone),
        TEST(survey_leaves_output_and_exit_to_the_caller),
        TEST(an_answer_that_was_cut_off),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, world_make, world_remove);
}
