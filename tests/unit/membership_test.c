/* Which environment a process belongs to. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "store/membership.h"

/* Starts a shell with @variable, whose child waits for the end of its input; returns the child. */
static pid_t start_grandchild(const char *variable, pid_t *ret_child, int *ret_input)
{
    int input[2], output[2], pid = 0;
    char line[32] = {0};

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    *ret_child = fork();
    if (*ret_child == 0) {
        char *const arguments[] = {"sh", "-c", "sh -c 'echo $$; read line'; true", NULL};
        char *const environment[] = {(char *)variable, NULL};

        dup2(input[0], 0);
        dup2(output[1], 1);
        execve("/bin/sh", arguments, environment);
        _exit(127);
    }
    close(input[0]), close(output[1]);
    for (size_t i = 0; i + 1 < sizeof(line) && read(output[0], line + i, 1) == 1 && line[i] != '\n';)
        i++;
    close(output[0]);
    assert_int_equal(sscanf(line, "%d", &pid), 1);
    *ret_input = input[1];
    return pid;
}

static struct genv_env env_with(const char *eid, uid_t uid, pid_t pid, uint64_t namespace)
{
    struct genv_env env = {.uid = uid};
    struct genv_process process = {.pid = pid, .pid_namespace = namespace};
    struct proc_stat stat = {0};

    assert_int_equal(proc_stat_read(pid, &stat), 0);
    process.start_time = stat.start_time;
    snprintf(env.eid, sizeof(env.eid), "%s", eid);
    assert_int_equal(env_add_process(&env, &process), 0);
    return env;
}

static const char *eid_of(const struct env_list *list, pid_t pid)
{
    const struct genv_env *env = membership_find(list, pid);

    return env ? env->eid : "";
}

static void members_and_their_descendants_belong(void **state)
{
    struct genv_env envs[2];
    const struct env_list list = {envs, 2};
    pid_t child, grandchild;
    int input;

    (void)state;
    grandchild = start_grandchild("A=1", &child, &input);
    envs[0] = env_with("other", geteuid(), getpid(), proc_pid_namespace() + 1); /* the same number elsewhere */
    envs[1] = env_with("mine", geteuid(), child, proc_pid_namespace());
    assert_string_equal(eid_of(&list, child), "mine");
    assert_string_equal(eid_of(&list, grandchild), "mine");
    assert_string_equal(eid_of(&list, getpid()), "");
    assert_string_equal(eid_of(&list, 1), "");
    assert_string_equal(eid_of(&list, INT32_MAX), "");
    envs[1].processes[0].start_time++; /* the PID was another process's */
    assert_string_equal(eid_of(&list, grandchild), "");
    envs[1].processes[0].start_time--;
    env_add_process(&envs[0],
                    &(struct genv_process){.pid = grandchild, .start_time = 1, .pid_namespace = proc_pid_namespace()});
    assert_string_equal(eid_of(&list, grandchild), "mine");
    close(input);
    waitpid(child, NULL, 0);
    env_release(&envs[0]);
    env_release(&envs[1]);
}

static void a_record_makes_nobody_elses_process_its_owners(void **state)
{
    struct genv_env env;
    const struct env_list list = {&env, 1};
    pid_t child, grandchild;
    int input;

    (void)state;
    grandchild = start_grandchild("A=1", &child, &input);
    env = env_with("forged", USER_A, child, proc_pid_namespace());
    assert_string_equal(eid_of(&list, child), "");
    assert_string_equal(eid_of(&list, grandchild), "");
    env.uid = geteuid();
    assert_string_equal(eid_of(&list, grandchild), "forged");
    close(input);
    waitpid(child, NULL, 0);
    env_release(&env);
}

static int wait_for_the_end(void *data)
{
    (void)data;
    pause();
    return 0;
}

static int start_another_users(void *data)
{
    int *told = data;
    pid_t pid = unit_start(USER_A, wait_for_the_end, NULL);

    require(write(told[1], &pid, sizeof(pid)) == sizeof(pid));
    return unit_wait(pid) ? 0 : 1;
}

/* Whoever may write a folder in which root wrote a file may have moved that to the records. */
static void a_record_of_roots_speaks_for_roots_processes(void **state)
{
    struct genv_env envs[2];
    const struct env_list list = {envs, ARRAY_SIZE(envs)};
    int told[2];
    pid_t child, grandchild;

    (void)state;
    skip_unless_root();
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    child = unit_start((uid_t)-1, start_another_users, told);
    assert_int_equal(read(told[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    envs[0] = env_with("roots", 0, 1, proc_pid_namespace());
    envs[1] = (struct genv_env){.eid = "theirs", .uid = USER_A};
    assert_string_equal(eid_of(&list, child), "roots"); /* as all that is root's descends from PID 1 */
    assert_string_equal(eid_of(&list, grandchild), "");
    env_release(&envs[0]);
    envs[0] = env_with("roots", 0, grandchild, proc_pid_namespace());
    assert_string_equal(eid_of(&list, grandchild), "");
    envs[0].processes[0].uid = USER_B; /* not any more */
    assert_string_equal(eid_of(&list, grandchild), "");
    envs[0].processes[0].uid = USER_A; /* as root registered it */
    assert_string_equal(eid_of(&list, grandchild), "roots");
    env_release(&envs[1]);
    envs[1] = env_with("theirs", USER_A, grandchild, proc_pid_namespace());
    assert_string_equal(eid_of(&list, grandchild), "theirs"); /* which is nearer */
    kill(grandchild, SIGKILL);
    unit_wait(child);
    close(told[0]), close(told[1]);
    env_release(&envs[0]);
    env_release(&envs[1]);
}

static void a_claim_counts_for_an_environment_of_the_same_user(void **state)
{
    struct genv_env envs[] = {{.eid = "mine", .uid = geteuid()}, {.eid = "theirs", .uid = USER_A}};
    const struct env_list list = {envs, ARRAY_SIZE(envs)};
    static const struct {
        const char *variable, *eid;
    } claims[] = {{"GENV_ENVIRONMENT_ID=mine", "mine"},
                  {"GENV_ENVIRONMENT_ID=theirs", ""}, /* counts for nothing */
                  {"GENV_ENVIRONMENT_ID=none", ""},
                  {"GENV_ENVIRONMENT_ID=", ""},
                  {"XGENV_ENVIRONMENT_ID=mine", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
        pid_t child, grandchild;
        int input;

        grandchild = start_grandchild(claims[i].variable, &child, &input);
        assert_string_equal(eid_of(&list, grandchild), claims[i].eid);
        close(input);
        waitpid(child, NULL, 0);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(members_and_their_descendants_belong),
    cmocka_unit_test(a_record_makes_nobody_elses_process_its_owners),
    cmocka_unit_test(a_record_of_roots_speaks_for_roots_processes),
    cmocka_unit_test(a_claim_counts_for_an_environment_of_the_same_user),
};

UNIT_MAIN(tests)
