/* Which environment a process belongs to. */
#include "unit.h"

#include <fcntl.h>
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
    env_add_process(&envs[0], &(struct genv_process){grandchild, 1, proc_pid_namespace()});
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
    cmocka_unit_test(a_claim_counts_for_an_environment_of_the_same_user),
};

UNIT_MAIN(tests)
