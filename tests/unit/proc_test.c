/* Processes, as /proc tells of them. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/text.h"

/* Fields 5 to 25; 22 is the start time. */
#define REST "1 1 34816 1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 123456789 1000 10 18446744073709551615"

static void the_fields_behind_the_name_are_read(void **state)
{
    struct proc_stat stat;

    (void)state;
    assert_int_equal(proc_stat_parse("42 (bash) S 41 " REST "\n", &stat), 0);
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 41);
    assert_true(stat.start_time == 123456789);
}

static void the_name_may_hold_anything(void **state)
{
    static const char *const names[] = {") R 1 (", "a b", ")", "(", "))", ") Z 0 0 0", "", "\n", "a) S 7 1 1 1 1 1 1",
                                        "\xff"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct proc_stat stat;
        char text[512];

        snprintf(text, sizeof(text), "42 (%s) S 41 " REST, names[i]);
        assert_int_equal(proc_stat_parse(text, &stat), 0);
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.parent, 41);
        assert_true(stat.start_time == 123456789);
    }
}

static void what_is_no_stat_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        "42",
        "42 (bash",
        "42 (bash)",
        "42 (bash) S",
        "42 (bash) S 41",
        "42 (bash) S x " REST,
        "42 (bash) S 41 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", /* ends before the start time */
        "42 bash S 41 " REST,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct proc_stat stat = {.state = '?'};

        assert_int_equal(proc_stat_parse(refused[i], &stat), -EINVAL);
        assert_int_equal(stat.state, '?');
    }
}

static void this_process_is_told_of(void **state)
{
    struct proc_stat stat;

    (void)state;
    assert_int_equal(proc_stat_read(getpid(), &stat), 0);
    assert_int_equal(stat.state, 'R');
    assert_int_equal(stat.parent, getppid());
    assert_true(stat.start_time > 0);
    assert_int_equal(proc_stat_read(0, &stat), -ESRCH);
    assert_int_equal(proc_stat_read(-1, &stat), -ESRCH);
}

static int sleep_without_end(void *data)
{
    (void)data;
    pause();
    return 0;
}

static uint64_t start_time_of(pid_t pid)
{
    struct proc_stat stat = {0};

    assert_int_equal(proc_stat_read(pid, &stat), 0);
    return stat.start_time;
}

static void alive_is_a_pid_with_its_start_time(void **state)
{
    pid_t pid = unit_start((uid_t)-1, sleep_without_end, NULL);
    uint64_t start_time = start_time_of(pid);

    (void)state;
    assert_true(proc_is_alive(pid, start_time));
    assert_true(proc_is_alive(pid, 0));               /* it was hidden when it was registered */
    assert_false(proc_is_alive(pid, start_time + 1)); /* the PID is another process's now */
    assert_false(proc_is_alive(pid, start_time - 1));
    kill(pid, SIGKILL);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    assert_false(proc_is_alive(pid, start_time));
    assert_false(proc_is_alive(pid, 0));
}

static void a_zombie_does_not_live(void **state)
{
    pid_t pid = unit_start((uid_t)-1, sleep_without_end, NULL);
    uint64_t start_time = start_time_of(pid);
    siginfo_t info;

    (void)state;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(kill(pid, 0), 0); /* which is why kill(2) is not asked */
    assert_int_equal(start_time_of(pid), start_time);
    assert_false(proc_is_alive(pid, start_time));
    assert_false(proc_is_alive(pid, 0));
    unit_wait(pid);
}

static void numbers_that_are_no_pids_do_not_live(void **state)
{
    static const pid_t pids[] = {0, -1, -2, INT32_MIN, INT32_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        assert_false(proc_is_alive(pids[i], 0));
        assert_false(proc_is_alive(pids[i], 1));
    }
    assert_false(proc_is_alive(-getpid(), 0)); /* a process group */
}

static int ask_for_users(void *data)
{
    pid_t root = *(pid_t *)data;

    require(proc_uid(getpid()) == USER_A);
    require(proc_uid(root) == 0);
    require(proc_is_alive(root, 0));
    prctl(PR_SET_DUMPABLE, 0); /* /proc/self is root's from now on */
    require(proc_uid(getpid()) == USER_A);
    return 0;
}

static void the_user_of_a_process_is_its_effective_one(void **state)
{
    pid_t pid = getpid();

    (void)state;
    assert_int_equal(proc_uid(pid), geteuid());
    assert_int_equal(proc_uid(0), (uid_t)-1);
    assert_int_equal(proc_uid(INT32_MAX), (uid_t)-1);
    skip_unless_root();
    assert_int_equal(unit_fork(USER_A, ask_for_users, &pid), 0);
}

/* Runs sh with the name @argument0, and @variable in its environment, until its input ends; returns when it runs. */
static pid_t start_program(const char *argument0, const char *variable, int *ret_input)
{
    int input[2], output[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        char *const arguments[] = {(char *)argument0, "-c", "echo; read line", "x\ny\x1b", NULL};
        char *const environment[] = {"A=1", "GENV_ENVIRONMENT_IDX=no", (char *)variable, NULL};

        dup2(input[0], 0);
        dup2(output[1], 1);
        execve("/bin/sh", arguments, environment);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    assert_int_equal(read(output[0], &byte, 1), 1);
    close(output[0]);
    *ret_input = input[1];
    return pid;
}

static void a_command_is_one_printable_line(void **state)
{
    char command[64], tiny[8];
    int input;
    pid_t pid = start_program("sh\xff"
                              "é",
                              NULL, &input);

    (void)state;
    proc_command(pid, command, sizeof(command));
    assert_string_equal(command, "sh?é -c echo; read line x?y?");
    proc_command(pid, tiny, sizeof(tiny));
    assert_string_equal(tiny, "sh?é -");
    close(input);
    unit_wait(pid);
    proc_command(pid, command, sizeof(command));
    assert_string_equal(command, "");
    proc_command(0, command, sizeof(command));
    assert_string_equal(command, "");
}

static void a_kernel_thread_has_a_name(void **state)
{
    char command[64];
    struct proc_stat stat;

    (void)state;
    skip_unless(proc_stat_read(2, &stat) == 0 && stat.parent == 0, "PID 2 is no kernel thread here");
    proc_command(2, command, sizeof(command));
    assert_string_equal(command, "kthreadd");
}

static void variables_are_read_by_their_whole_name(void **state)
{
    char value[16], tiny[4];
    int input;
    pid_t pid = start_program("sh", "GENV_ENVIRONMENT_ID=1573", &input);

    (void)state;
    assert_int_equal(proc_variable(pid, "GENV_ENVIRONMENT_ID", value, sizeof(value)), 0);
    assert_string_equal(value, "1573");
    assert_int_equal(proc_variable(pid, "GENV_ENVIRONMENT_ID", tiny, sizeof(tiny)), 0);
    assert_string_equal(tiny, "157");
    assert_int_equal(proc_variable(pid, "GENV_ENVIRONMENT", value, sizeof(value)), -ENOENT);
    assert_int_equal(proc_variable(pid, "ENV_ENVIRONMENT_ID", value, sizeof(value)), -ENOENT);
    close(input);
    unit_wait(pid);
    assert_int_equal(proc_variable(pid, "A", value, sizeof(value)), -ESRCH);
}

static int read_variable_of_root(void *data)
{
    char value[16];

    require(proc_variable(*(pid_t *)data, "A", value, sizeof(value)) == -EACCES);
    return 0;
}

#define EXECUTE "execute" /* the argument with which this program executes itself again and again */

__attribute__((constructor)) static void execute(int count, char **words)
{
    if (count == 2 && strcmp(words[1], EXECUTE) == 0)
        execv("/proc/self/exe", words);
}

static void a_process_that_is_executing_a_program_is_not_without_variables(void **state)
{
    unsigned there = 0, executing = 0, missing = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        setenv("GENV_TRY", "there", 1);
        execl("/proc/self/exe", "proc_test", EXECUTE, NULL);
        _exit(1);
    }
    for (int i = 0; i < 10000 || (i < 10000000 && !executing); i++) {
        char value[16];
        int r = proc_variable(child, "GENV_TRY", value, sizeof(value));

        there += r == 0;
        executing += r == -EAGAIN;
        missing += there && r == -ENOENT; /* before, it was not executed yet */
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(there > 0);
    assert_true(executing > 0);
    assert_int_equal(missing, 0);
}

static void variables_of_others_are_not_ours_to_read(void **state)
{
    int input;
    pid_t pid = start_program("sh", NULL, &input);

    (void)state;
    skip_unless_root();
    assert_int_equal(unit_fork(USER_A, read_variable_of_root, &pid), 0);
    close(input);
    unit_wait(pid);
}

static void a_boot_has_an_identity(void **state)
{
    char first[BOOT_ID_SIZE], second[BOOT_ID_SIZE];

    (void)state;
    assert_int_equal(proc_boot_id(first), 0);
    assert_int_equal(proc_boot_id(second), 0);
    assert_int_equal(strlen(first), 36);
    assert_string_equal(first, second);
}

static void the_machine_is_told_without_its_id(void **state)
{
    char first[MACHINE_SIZE], second[MACHINE_SIZE], id[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");

    (void)state;
    proc_machine(first);
    proc_machine(second);
    assert_string_equal(first, second);
    if (file) {
        assert_true(!fgets(id, sizeof(id), file) || strlen(first) == 16);
        fclose(file);
    }
    assert_true(!*first || !strstr(id, first));
}

static int read_namespace(void *data)
{
    *(uint64_t *)data = proc_pid_namespace();
    return *(uint64_t *)data == 0;
}

static void the_namespace_is_that_of_the_process(void **state)
{
    uint64_t own = proc_pid_namespace();

    (void)state;
    assert_true(own != 0);
    assert_int_equal(unit_fork((uid_t)-1, read_namespace, &own), 0);
}

static int read_hostname(void *data)
{
    static const char set[] = "h\xff\x1b[31m";
    char name[65], tiny[3];

    (void)data;
    if (unshare(CLONE_NEWUTS) < 0 || sethostname(set, sizeof(set) - 1) < 0)
        return 77;
    proc_hostname(name, sizeof(name));
    require(strcmp(name, "h??[31m") == 0);
    proc_hostname(tiny, sizeof(tiny));
    require(strlen(tiny) < sizeof(tiny));
    return 0;
}

static void the_name_of_the_machine_is_printable(void **state)
{
    int r = unit_fork((uid_t)-1, read_hostname, NULL);

    (void)state;
    skip_unless(r != 77, "no name can be given to a machine here");
    assert_int_equal(r, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_fields_behind_the_name_are_read),
    cmocka_unit_test(the_name_may_hold_anything),
    cmocka_unit_test(what_is_no_stat_is_refused),
    cmocka_unit_test(this_process_is_told_of),
    cmocka_unit_test(alive_is_a_pid_with_its_start_time),
    cmocka_unit_test(a_zombie_does_not_live),
    cmocka_unit_test(numbers_that_are_no_pids_do_not_live),
    cmocka_unit_test(the_user_of_a_process_is_its_effective_one),
    cmocka_unit_test(a_command_is_one_printable_line),
    cmocka_unit_test(a_kernel_thread_has_a_name),
    cmocka_unit_test(variables_are_read_by_their_whole_name),
    cmocka_unit_test(a_process_that_is_executing_a_program_is_not_without_variables),
    cmocka_unit_test(variables_of_others_are_not_ours_to_read),
    cmocka_unit_test(a_boot_has_an_identity),
    cmocka_unit_test(the_machine_is_told_without_its_id),
    cmocka_unit_test(the_namespace_is_that_of_the_process),
    cmocka_unit_test(the_name_of_the_machine_is_printable),
};

UNIT_MAIN(tests)
