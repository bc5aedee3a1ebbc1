/* Whether an environment lives. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/text.h"
#include "model/env.h"
#include "store/liveness.h"
#include "store/vouch.h"

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
    return (struct genv_process){.pid = pid, .start_time = stat.start_time, .pid_namespace = proc_pid_namespace()};
}

static void add(struct genv_env *env, struct genv_process process)
{
    assert_int_equal(env_add_process(env, &process), 0);
}

/* As a listing does, which asks whose processes they are, and for files that are in no cache. */
static bool prune(struct genv_env *env)
{
    cleanup_liveness_look struct liveness_look look = {.pid_namespace = proc_pid_namespace()};

    return liveness_prune_next(&look, env);
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
    liveness_prune_next(&look, &envs[3]);
    assert_true(liveness_prune_next(&look, &envs[0]));
    liveness_look_release(&look);
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

static int may_unshare(void *data)
{
    (void)data;
    return unshare(CLONE_NEWPID) < 0;
}

static int judge_inside(void *data)
{
    struct genv_process process = {.pid = INT32_MAX, .start_time = 1, .pid_namespace = 7};
    struct genv_env *env = data;

    require(env_add_process(env, &process) == 0);
    return liveness_prune(env, proc_pid_namespace()) ? 0 : 1;
}

/* As from a container, or where nobody knows the namespace. */
static int judge_elsewhere(void *data)
{
    struct genv_env env = {0}, unknown = {0};
    struct genv_process process = {.pid = INT32_MAX, .start_time = 1};
    pid_t pid;

    (void)data;
    require(env_add_process(&unknown, &process) == 0);
    require(liveness_prune(&unknown, proc_pid_namespace()));
    require(unshare(CLONE_NEWPID) == 0);
    pid = fork();
    if (pid == 0)
        _exit(judge_inside(&env));
    return unit_wait(pid);
}

static void a_process_of_another_namespace_can_not_be_judged_from_every_one(void **state)
{
    (void)state;
    skip_unless(unit_fork((uid_t)-1, may_unshare, NULL) == 0, "may not make PID namespaces");
    assert_int_equal(unit_fork((uid_t)-1, judge_elsewhere, NULL), 0);
}

struct inside {
    int told[2];
    uid_t uid;
};

/* Starts the first process of a PID namespace. */
static int start_inside(void *data)
{
    const struct inside *inside = data;
    pid_t pid;

    require(unshare(CLONE_NEWPID) == 0);
    pid = fork();
    if (pid == 0) {
        require(setresuid(inside->uid, inside->uid, inside->uid) == 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(write(inside->told[1], "", 1) == 1);
        pause();
        _exit(0);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

/* The child of @pid, here. */
static pid_t child_of(pid_t pid)
{
    char path[64], text[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    return atoi(text);
}

static void what_lives_in_a_namespace_below_is_seen_from_the_first(void **state)
{
    struct inside inside = {.uid = USER_A};
    struct genv_env env = {.uid = USER_A};
    struct genv_process process;
    struct proc_nested *nested = NULL;
    size_t count = 0;
    pid_t starter, pid;
    char byte;

    (void)state;
    skip_unless_root();
    skip_unless(unit_fork((uid_t)-1, may_unshare, NULL) == 0, "may not make PID namespaces");
    skip_unless(proc_list_nested(&nested, &count) == 0, "is not the first PID namespace");
    free(nested);
    assert_int_equal(pipe(inside.told), 0);
    starter = unit_start((uid_t)-1, start_inside, &inside);
    close(inside.told[1]);
    assert_int_equal(read(inside.told[0], &byte, 1), 1);
    pid = child_of(starter);
    process = process_of(pid);
    process.pid = 1; /* there */
    process.pid_namespace++;
    add(&env, process);
    assert_true(prune(&env));
    env.uid = USER_B; /* somebody else's keeps nothing alive */
    assert_false(prune(&env));
    env.uid = USER_A;
    process.start_time--; /* one of an earlier container */
    add(&env, process);
    assert_false(prune(&env));
    process.start_time++;
    add(&env, process);
    assert_true(prune(&env));
    kill(pid, SIGKILL); /* and its namespace with it */
    unit_wait(starter);
    assert_false(prune(&env));
    close(inside.told[0]);
    env_release(&env);
}

static void what_others_started_keeps_nothing_alive(void **state)
{
    struct genv_process init = {.pid = 1, .pid_namespace = proc_pid_namespace()};
    pid_t theirs, own;
    struct genv_env env = {.uid = USER_A};

    (void)state;
    skip_unless_root();
    theirs = unit_start(USER_B, sleep_without_end, NULL);
    own = unit_start(USER_A, sleep_without_end, NULL);
    add(&env, init);
    add(&env, process_of(theirs));
    add(&env, process_of(getpid()));
    assert_false(prune(&env));
    add(&env, process_of(theirs));
    add(&env, process_of(own));
    assert_true(prune(&env));
    assert_int_equal(env.process_count, 1);
    assert_int_equal(env.processes[0].pid, own);
    env.uid = 0; /* root acts for others */
    add(&env, process_of(theirs));
    assert_true(prune(&env));
    assert_int_equal(env.process_count, 2);
    kill(theirs, SIGKILL), kill(own, SIGKILL);
    unit_wait(theirs), unit_wait(own);
    env_release(&env);
}

static int start_of_root(void *data)
{
    int *told = data;
    pid_t pid = fork();

    if (pid == 0) { /* as root by a set-uid program, whose effective user is root and parent is not */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return pause();
    }
    require(pid > 0 && setresuid(USER_A, USER_A, USER_A) == 0 && write(told[1], &pid, sizeof(pid)) == sizeof(pid));
    return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

static void what_its_user_started_as_root_keeps_it_alive(void **state)
{
    struct genv_env env = {.uid = USER_A};
    pid_t parent, pid;
    int told[2];

    (void)state;
    skip_unless_root();
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    parent = unit_start((uid_t)-1, start_of_root, told);
    assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
    add(&env, process_of(pid));
    assert_true(prune(&env));
    env.uid = USER_B;
    assert_false(prune(&env));
    kill(pid, SIGKILL);
    unit_wait(parent);
    close(told[0]), close(told[1]);
    env_release(&env);
}

static bool prune_in(struct genv_env *env, int directory)
{
    cleanup_liveness_look struct liveness_look look = {.pid_namespace = proc_pid_namespace(), .directory = &directory};

    return liveness_prune_next(&look, env);
}

static int plant_vouched(void *data)
{
    cleanup_free char *path = unit_path(data, "vouched");

    return mkdir(path, 0777) < 0;
}

static void what_root_vouches_for_keeps_it_alive(void **state)
{
    struct genv_process own = process_of(getpid()), gone = own, other = own;
    cleanup_free char *path = unit_path(*state, "vouched");
    struct genv_env env = {.uid = USER_A};
    cleanup_close int directory = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct genv_error err = {0};
    struct stat st;

    skip_unless_root();
    assert_int_equal(chmod(*state, 01777), 0);
    assert_int_equal(unit_fork(USER_A, plant_vouched, *state), 0); /* a user was there first */
    add(&env, own);
    assert_false(prune_in(&env, directory));
    gone.start_time--;
    umask(077);
    assert_int_equal(vouch_for(directory, "", &gone, USER_A, &err), 0);
    assert_int_equal(vouch_for(directory, "", &own, USER_A, &err), 0);
    assert_int_equal(vouch_for(directory, "", &own, USER_A, &err), 0);
    umask(022);
    assert_true(is_vouched_for(directory, &own, USER_A));
    assert_false(is_vouched_for(directory, &gone, USER_A)); /* swept */
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_uid == 0 && (st.st_mode & ALLPERMS) == 0755);
    add(&env, own);
    assert_true(prune_in(&env, directory));
    assert_true(prune_in(&env, directory));
    env.uid = USER_B; /* for A alone */
    assert_false(prune_in(&env, directory));
    env.uid = USER_A;
    other.pid = 1;
    assert_int_equal(proc_stat_read(1, &(struct proc_stat){0}), 0);
    other.start_time = 0;
    add(&env, other);
    assert_false(prune_in(&env, directory));
    add(&env, own);
    assert_int_equal(chmod(path, 0777), 0); /* anybody can have written there */
    assert_false(prune_in(&env, directory));
    env_release(&env);
}

/* Others' processes cost a look each, which one user's records may have us take so many of. */
static void of_others_processes_so_many_are_looked_at(void **state)
{
    cleanup_close int directory = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct genv_process vouched = process_of(getpid()), other;
    struct genv_env env = {.uid = USER_A};
    pid_t theirs;

    skip_unless_root();
    theirs = unit_start(USER_B, sleep_without_end, NULL);
    other = process_of(theirs);
    assert_int_equal(vouch_for(directory, "", &vouched, USER_A, NULL), 0);
    env.processes = calloc(1000, sizeof(*env.processes));
    for (env.process_count = 0; env.process_count < 1000; env.process_count++) /* no two alike in a row */
        env.processes[env.process_count] = env.process_count % 2 ? vouched : other;
    assert_true(prune_in(&env, directory));
    assert_in_range(env.process_count, 1, 64);
    assert_int_equal(env.processes[0].pid, vouched.pid);
    kill(theirs, SIGKILL);
    unit_wait(theirs);
    env_release(&env);
}

static int become_root_as_by_sudo(void *data)
{
    char text[16];
    int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

    (void)data;
    snprintf(text, sizeof(text), "%d", USER_A);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? 77 : pause();
}

static void what_became_root_since_is_still_its_users(void **state)
{
    struct genv_env env = {.uid = USER_A};
    pid_t pid;

    (void)state;
    skip_unless_root();
    pid = unit_start((uid_t)-1, become_root_as_by_sudo, NULL);
    for (int i = 0; i < 2000 && proc_login_uid(pid) != USER_A; i++)
        usleep(1000);
    if (proc_login_uid(pid) != USER_A) {
        kill(pid, SIGKILL);
        unit_wait(pid);
        skip_unless(false, "the kernel knows no logins, or they are not ours to set");
    }
    add(&env, process_of(pid));
    assert_true(prune(&env));
    env.uid = USER_B;
    assert_false(prune(&env));
    kill(pid, SIGKILL);
    unit_wait(pid);
    env_release(&env);
}

static void add_kernel(struct genv_env *env, const char *directory, const char *name)
{
    char path[GENV_CONNECTION_FILE_SIZE];
    struct genv_kernel kernel = {.connection_file = path};

    copy_string(kernel.id, sizeof(kernel.id), name);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
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
    assert_true(prune(&env));
    assert_int_equal(env.kernel_count, 2);
    assert_string_equal(env.kernels[0].id, "one");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(unlink(link), 0);
    assert_false(prune(&env));
    assert_int_equal(env.kernel_count, 0);
    env_release(&env);
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    unit_wait(pid);
}

static void set_manager(struct genv_kernel *kernel, struct genv_process manager)
{
    kernel->manager = manager.pid;
    kernel->manager_start_time = manager.start_time;
    kernel->manager_pid_namespace = manager.pid_namespace;
}

/* Its connection file stays where they were killed. */
static void a_kernel_lives_no_longer_than_what_can_restart_it(void **state)
{
    pid_t manager = unit_start((uid_t)-1, sleep_without_end, NULL);
    pid_t running = unit_start((uid_t)-1, sleep_without_end, NULL);
    struct genv_env env = {.uid = getuid()};

    unit_write(*state, "kernel", "{}");
    add_kernel(&env, *state, "kernel");
    set_manager(&env.kernels[0], process_of(manager));
    assert_true(prune(&env));
    add(&env, process_of(running));
    end(manager);
    assert_true(prune(&env));
    assert_int_equal(env.kernel_count, 1); /* it runs, and another manager may take it over */
    end(running);
    assert_false(prune(&env));
    assert_int_equal(env.kernel_count, 0);
    env_release(&env);
}

static void a_manager_is_not_whatever_has_its_pid(void **state)
{
    struct genv_process earlier = process_of(getpid());
    struct genv_env env = {.uid = getuid()};

    unit_write(*state, "kernel", "{}");
    add_kernel(&env, *state, "kernel");
    earlier.start_time--;
    set_manager(&env.kernels[0], earlier);
    assert_false(prune(&env));
    add_kernel(&env, *state, "kernel");
    set_manager(&env.kernels[0], process_of(1)); /* another user's says nothing */
    assert_int_equal(prune(&env), proc_uid(1) == getuid());
    env_release(&env);
}

static int look_into_private_directory(void *data)
{
    return prune(data) ? 0 : 1;
}

static void a_kernel_in_anothers_private_directory_counts_as_alive(void **state)
{
    cleanup_free char *private = unit_path(*state, "private");
    struct genv_env env = {0};

    skip_unless_root();
    assert_int_equal(mkdir(private, 0700), 0);
    add_kernel(&env, private, "kernel");
    assert_int_equal(unit_fork(USER_A, look_into_private_directory, &env), 0);
    assert_false(prune(&env)); /* root sees that it is not there */
    env_release(&env);
}

static int look_at_silent(void *data)
{
    const char *path = data;
    struct genv_env env = {.uid = USER_A}, below = {.uid = USER_A};

    alarm(30); /* ends the test where it would wait without end */
    if (unit_mount_silent(path, USER_A) < 0)
        return 77;
    add_kernel(&env, path, "kernel");
    require(unit_fork(USER_B, look_into_private_directory, &env) == 0);
    require(unit_fork((uid_t)-1, look_into_private_directory, &env) == 0);
    /* By a way that tells nothing of it. */
    add_kernel(&below, path, "../silent/kernel");
    require(unit_fork(USER_B, look_into_private_directory, &below) == 0);
    return 0;
}

static void nobody_waits_for_a_file_system_that_does_not_answer(void **state)
{
    cleanup_free char *silent = unit_path(*state, "silent");
    int r;

    skip_unless_root();
    assert_int_equal(mkdir(silent, 0755), 0);
    r = unit_fork((uid_t)-1, look_at_silent, silent);
    skip_unless(r != 77, "may not mount");
    assert_int_equal(r, 0);
}

/* A path that exists for good keeps nobody's environment. */
static void a_kernels_file_is_its_owners(void **state)
{
    cleanup_free char *file = unit_path(*state, "theirs"), *private = unit_path(*state, "private");
    struct genv_env env = {.uid = USER_A};

    skip_unless_root();
    unit_write(*state, "theirs", "{}");
    assert_int_equal(mkdir(private, 0700), 0);
    add_kernel(&env, "/etc", "passwd");
    add_kernel(&env, *state, "theirs");
    add_kernel(&env, private, "unseen");
    assert_int_equal(unit_fork(USER_B, look_into_private_directory, &env), 1);
    assert_int_equal(chown(private, USER_A, USER_A), 0);
    assert_int_equal(unit_fork(USER_B, look_into_private_directory, &env), 0); /* it may be there */
    assert_int_equal(unit_fork(USER_A, look_into_private_directory, &env), 1);
    assert_int_equal(chown(file, USER_A, USER_A), 0);
    assert_true(prune(&env));
    assert_int_equal(env.kernel_count, 1);
    env_release(&env);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_environment_without_members_is_dead),
    cmocka_unit_test(a_process_of_several_environments_is_looked_at_once),
    cmocka_unit_test(members_that_are_gone_are_dropped),
    cmocka_unit_test(a_pid_that_is_used_again_is_another_process),
    cmocka_unit_test(zombies_and_impossible_pids_are_dead),
    cmocka_unit_test(a_process_of_another_namespace_can_not_be_judged_from_every_one),
    cmocka_unit_test(what_lives_in_a_namespace_below_is_seen_from_the_first),
    cmocka_unit_test(what_others_started_keeps_nothing_alive),
    cmocka_unit_test(what_its_user_started_as_root_keeps_it_alive),
    test_in_directory(what_root_vouches_for_keeps_it_alive),
    test_in_directory(of_others_processes_so_many_are_looked_at),
    cmocka_unit_test(what_became_root_since_is_still_its_users),
    test_in_directory(a_kernel_lives_as_long_as_its_file_exists),
    test_in_directory(a_kernel_lives_no_longer_than_what_can_restart_it),
    test_in_directory(a_manager_is_not_whatever_has_its_pid),
    test_in_directory(nobody_waits_for_a_file_system_that_does_not_answer),
    test_in_directory(a_kernels_file_is_its_owners),
    test_in_directory(a_kernel_in_anothers_private_directory_counts_as_alive),
};

UNIT_MAIN(tests)
