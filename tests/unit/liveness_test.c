/* Whether an environment lives. */
#include "unit.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/text.h"
#include "model/env.h"
#include "store/liveness.h"

static int sleep_without_end(void *data)
{
    (void)data;
    pause();
    return 0;
}

static struct genv_process process_of(pid_t pid)
{
    struct proc_stat stat = {0};

    assert_int_equal(proc_stat_read(pid, &stat), 0);
    return (struct genv_process){pid, stat.start_time, proc_pid_namespace()};
}

static void add(struct genv_env *env, struct genv_process process)
{
    assert_int_equal(env_add_process(env, &process), 0);
}

static void an_environment_without_members_is_dead(void **state)
{
    struct genv_env env = {0};

    (void)state;
    assert_false(liveness_prune(&env, proc_pid_namespace()));
}

static void a_process_of_several_environments_is_looked_at_once(void **state)
{
    struct liveness_look look = {.pid_namespace = proc_pid_namespace()};
    struct genv_process own = process_of(getpid()), earlier = own, elsewhere = own;
    struct genv_env envs[4] = {{.eid = ""}};

    (void)state;
    earlier.start_time--;
    elsewhere.start_time--;
    elsewhere.pid_namespace++;
    add(&envs[0], own);
    add(&envs[1], own);
    add(&envs[2], earlier); /* another one, which had that number */
    add(&envs[3], elsewhere);
    assert_true(liveness_prune_next(&look, &envs[0]));
    assert_true(liveness_prune_next(&look, &envs[1]));
    assert_false(liveness_prune_next(&look, &envs[2]));
    assert_true(liveness_prune_next(&look, &envs[3]));
    assert_true(liveness_prune_next(&look, &envs[0]));
    for (size_t i = 0; i < ARRAY_SIZE(envs); i++)
        env_release(&envs[i]);
}

static void members_that_are_gone_are_dropped(void **state)
{
    pid_t living = unit_start((uid_t)-1, sleep_without_end, NULL);
    pid_t dying = unit_start((uid_t)-1, sleep_without_end, NULL);
    struct genv_env env = {0};

    (void)state;
    add(&env, process_of(dying));
    add(&env, process_of(getpid()));
    add(&env, process_of(living));
    assert_true(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.process_count, 3);
    kill(dying, SIGKILL);
    unit_wait(dying);
    assert_true(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.process_count, 2);
    assert_int_equal(env.processes[0].pid, getpid());
    assert_int_equal(env.processes[1].pid, living);
    env_remove_process(&env, getpid(), proc_pid_namespace());
    kill(living, SIGKILL);
    unit_wait(living);
    assert_false(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.process_count, 0);
    env_release(&env);
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
    struct genv_process process = process_of(getpid());
    struct genv_env env = {0};

    (void)state;
    process.start_time--;
    add(&env, process);
    assert_false(liveness_prune(&env, proc_pid_namespace()));
    process.start_time = 0; /* /proc hid it */
    add(&env, process);
    assert_true(liveness_prune(&env, proc_pid_namespace()));
    env_release(&env);
}

static void zombies_and_impossible_pids_are_dead(void **state)
{
    pid_t zombie = unit_start((uid_t)-1, sleep_without_end, NULL);
    struct genv_env env = {0};
    siginfo_t info;

    (void)state;
    add(&env, process_of(zombie));
    kill(zombie, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT), 0);
    add(&env, (struct genv_process){.pid = 0, .pid_namespace = proc_pid_namespace()});
    add(&env, (struct genv_process){.pid = -1, .pid_namespace = proc_pid_namespace()});
    add(&env, (struct genv_process){.pid = INT32_MAX, .start_time = 1, .pid_namespace = proc_pid_namespace()});
    assert_false(liveness_prune(&env, proc_pid_namespace()));
    unit_wait(zombie);
    env_release(&env);
}

static void a_process_of_another_namespace_can_not_be_judged(void **state)
{
    struct genv_env env = {0};

    (void)state;
    add(&env, (struct genv_process){.pid = INT32_MAX, .start_time = 1, .pid_namespace = proc_pid_namespace() + 1});
    assert_true(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.process_count, 1);
    assert_false(liveness_prune(&env, proc_pid_namespace() + 1)); /* but there it can */
    env_release(&env);
}

static void add_kernel(struct genv_env *env, const char *directory, const char *name)
{
    struct genv_kernel kernel = {0};

    copy_string(kernel.id, sizeof(kernel.id), name);
    snprintf(kernel.connection_file, sizeof(kernel.connection_file), "%s/%s", directory, name);
    assert_int_equal(env_add_kernel(env, &kernel), 0);
}

static void a_kernel_lives_as_long_as_its_file_exists(void **state)
{
    cleanup_free char *file = unit_path(*state, "one"), *link = unit_path(*state, "two");
    struct genv_env env = {0};

    unit_write(*state, "one", "{}");
    assert_int_equal(symlink("nowhere", link), 0);
    add_kernel(&env, *state, "missing");
    add_kernel(&env, *state, "one");
    add_kernel(&env, *state, "two"); /* a link is not followed, where it leads is not our business */
    add_kernel(&env, file, "below-a-file");
    assert_true(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.kernel_count, 2);
    assert_string_equal(env.kernels[0].id, "one");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(unlink(link), 0);
    assert_false(liveness_prune(&env, proc_pid_namespace()));
    assert_int_equal(env.kernel_count, 0);
    env_release(&env);
}

static int look_into_private_directory(void *data)
{
    return liveness_prune(data, proc_pid_namespace()) ? 0 : 1;
}

static void a_kernel_in_anothers_private_directory_counts_as_alive(void **state)
{
    cleanup_free char *private = unit_path(*state, "private");
    struct genv_env env = {0};

    skip_unless_root();
    assert_int_equal(mkdir(private, 0700), 0);
    add_kernel(&env, private, "kernel");
    assert_int_equal(unit_fork(USER_A, look_into_private_directory, &env), 0);
    assert_false(liveness_prune(&env, proc_pid_namespace())); /* root sees that it is not there */
    env_release(&env);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_environment_without_members_is_dead),
    cmocka_unit_test(a_process_of_several_environments_is_looked_at_once),
    cmocka_unit_test(members_that_are_gone_are_dropped),
    cmocka_unit_test(a_pid_that_is_used_again_is_another_process),
    cmocka_unit_test(zombies_and_impossible_pids_are_dead),
    cmocka_unit_test(a_process_of_another_namespace_can_not_be_judged),
    test_in_directory(a_kernel_lives_as_long_as_its_file_exists),
    test_in_directory(a_kernel_in_anothers_private_directory_counts_as_alive),
};

UNIT_MAIN(tests)
