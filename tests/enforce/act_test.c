/* Acting on real processes of several users: the right ones, and no more of them than it takes. */
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/proc.h"

static void a_process_outside_environments_is_terminated(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t guilty = world_start((uid_t)-1), idle = world_start((uid_t)-1);

    (void)state;
    world_use(1, guilty, GIB);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, guilty, ACT_TERMINATED);
    assert_int_equal(unit_wait(guilty), -SIGTERM);
    assert_true(world_lives(idle));
    assert_int_equal(acts_continue(acts, NULL), 0);
    assert_int_equal(acts_next_ms(acts), -1); /* it has ended by now */
    world_check(0, 0, ACT_GONE);
    world_end(idle);
    acts_free(acts);
    genv_close(g);
}

static void end_and_reap(pid_t pid)
{
    world_end(pid);
}

static void end_and_leave(pid_t pid)
{
    siginfo_t info;

    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void stop_using(pid_t pid)
{
    world_use(0, pid, 0);
}

static void what_is_over_by_then_is_left_alone(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t ended = world_start((uid_t)-1), zombie = world_start((uid_t)-1), better = world_start((uid_t)-1);

    (void)state;
    world_use(0, ended, GIB);
    world_survey_and_act(g, acts, NON_ENV, end_and_reap, ended);
    world_check(1, ended, ACT_GONE);
    world_use_nothing();
    world_use(0, zombie, GIB);
    world_survey_and_act(g, acts, NON_ENV, end_and_leave, zombie);
    world_check(1, zombie, ACT_GONE);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0); /* a zombie at the time of the survey too */
    world_check(1, zombie, ACT_GONE);
    unit_wait(zombie);
    world_use_nothing();
    world_use(0, better, GIB);
    world_survey_and_act(g, acts, NON_ENV, stop_using, better);
    world_check(1, better, ACT_GONE);
    assert_true(world_lives(better));
    assert_int_equal(acts_next_ms(acts), -1);
    world_end(better);
    acts_free(acts);
    genv_close(g);
}

#define LEFT_SECONDS 60

static int turned[2]; /* a pipe: who turned into something else says so */

static void become_a_sleep(int number)
{
    (void)number;
    execve("/bin/sleep", (char *[]){"sleep", "1000", NULL}, environ);
}

static int wait_to_become(void *data)
{
    (void)data;
    signal(SIGUSR1, become_a_sleep);
    require(write(turned[1], "r", 1) == 1);
    while (pause() < 0)
        ;
    return 0;
}

static void let_it_exec(pid_t pid)
{
    char command[64] = "";

    kill(pid, SIGUSR1);
    while (!strstr(command, "sleep")) {
        cleanup_free char *path = NULL;
        cleanup_fclose FILE *file = NULL;

        assert_true(asprintf(&path, "/proc/%d/comm", (int)pid) > 0);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(command, sizeof(command), file));
    }
}

static void an_exec_makes_no_other_process_of_it(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pid;
    char ready;

    (void)state;
    assert_int_equal(pipe(turned), 0);
    pid = unit_start((uid_t)-1, wait_to_become, NULL);
    assert_int_equal(read(turned[0], &ready, 1), 1);
    world_use(0, pid, GIB);
    world_survey_and_act(g, acts, NON_ENV, let_it_exec, pid);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(unit_wait(pid), -SIGTERM);
    close(turned[0]), close(turned[1]);
    acts_free(acts);
    genv_close(g);
}

static void fork_once(int number)
{
    pid_t child = fork();

    (void)number;
    if (child == 0) {
        alarm(LEFT_SECONDS); /* it outlives its parent, and no test that failed */
        while (pause() < 0)
            ;
    }
    if (write(turned[1], &child, sizeof(child)) != sizeof(child))
        _exit(1);
}

static int wait_to_fork(void *data)
{
    const pid_t none = 0;

    (void)data;
    signal(SIGUSR1, fork_once);
    require(write(turned[1], &none, sizeof(none)) == sizeof(none));
    while (pause() < 0)
        ;
    return 0;
}

static pid_t forked;

static void let_it_fork(pid_t pid)
{
    kill(pid, SIGUSR1);
    assert_int_equal(read(turned[0], &forked, sizeof(forked)), sizeof(forked));
}

static void a_child_does_not_answer_for_its_parent(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pid, none;

    (void)state;
    assert_int_equal(pipe(turned), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid = unit_start((uid_t)-1, wait_to_fork, NULL);
    assert_int_equal(read(turned[0], &none, sizeof(none)), sizeof(none));
    world_use(0, pid, GIB);
    world_survey_and_act(g, acts, NON_ENV, let_it_fork, pid);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(unit_wait(pid), -SIGTERM);
    assert_true(world_lives(forked));
    world_end(forked);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(turned[0]), close(turned[1]);
    acts_free(acts);
    genv_close(g);
}

struct pair {
    pid_t own, others;
};

/* As user A, who may not end B's process, nor one that was A's and is root's now. */
static int act_as_a_user(void *data)
{
    const struct pair *pair = data;
    cleanup_violation_list struct violation_list found = {0};
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);

    world_survey(g, NON_ENV, 0, &found);
    require(found.count == 2);
    require(acts_apply(acts, found.items, found.count, NULL) == 0);
    require(world_matches(2, pair->own > pair->others ? pair->own : pair->others,
                          pair->own > pair->others ? ACT_TERMINATED : ACT_FORBIDDEN));
    acts_free(acts);
    genv_close(g);
    return 0;
}

static void who_has_no_right_says_so_and_goes_on(void **state)
{
    struct pair pair;

    (void)state;
    skip_unless_root();
    skip_unless_users_too();
    for (int turn = 0; turn < 2; turn++) { /* the one that may not be ended first, and last */
        pair.others = turn ? world_start(USER_B) : 0;
        pair.own = world_start(USER_A);
        if (!turn)
            pair.others = world_start(USER_B);
        world_use_nothing();
        world_use(0, pair.own, GIB);
        world_use(0, pair.others, GIB);
        assert_int_equal(unit_fork(USER_A, act_as_a_user, &pair), 0);
        assert_int_equal(unit_wait(pair.own), -SIGTERM);
        assert_true(world_lives(pair.others));
        world_end(pair.others);
    }
}

static int become_user(void *data)
{
    char go;

    (void)data;
    require(read(turned[0], &go, 1) == 1);
    require(setresuid(0, 0, 0) == 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user's: that is unset */
    while (pause() < 0)
        ;
    return 0;
}

static int wait_privileged(void *data)
{
    (void)data;
    require(seteuid(USER_A) == 0 && setresuid(USER_A, USER_A, 0) == 0);
    return become_user(data);
}

static void wait_for_user(pid_t pid, uid_t uid)
{
    while (proc_uid(pid) != uid)
        usleep(1000);
}

static void let_it_become_root(pid_t pid)
{
    assert_int_equal(write(turned[1], "g", 1), 1);
    wait_for_user(pid, 0);
}

static int act_on_the_changed(void *data)
{
    const pid_t pid = *(pid_t *)data;
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);

    world_survey_and_act(g, acts, NON_ENV, let_it_become_root, pid);
    require(world_matches(1, pid, ACT_FORBIDDEN));
    acts_free(acts);
    genv_close(g);
    return 0;
}

static void a_process_that_changed_its_user_is_out_of_reach(void **state)
{
    pid_t pid;

    (void)state;
    skip_unless_root();
    skip_unless_users_too();
    assert_int_equal(pipe(turned), 0);
    pid = unit_start((uid_t)-1, wait_privileged, NULL);
    wait_for_user(pid, USER_A);
    world_use(0, pid, GIB);
    assert_int_equal(unit_fork(USER_A, act_on_the_changed, &pid), 0);
    assert_true(world_lives(pid));
    world_end(pid);
    close(turned[0]), close(turned[1]);
}

static void who_ignores_it_is_killed(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 0.05);
    pid_t pid = world_start_stubborn();

    (void)state;
    world_use(0, pid, GIB);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_in_range(acts_next_ms(acts), 0, 50);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0); /* it was told: nothing new */
    world_check(0, 0, ACT_GONE);
    while (acts_next_ms(acts) > 0)
        usleep(1000);
    assert_true(world_lives(pid));
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(1, pid, ACT_KILLED);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    assert_int_equal(acts_next_ms(acts), -1);
    acts_free(acts);
    genv_close(g);
}

static void but_not_before_its_time_nor_if_it_has_mended_its_ways(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 1000), *hasty = world_acts(g, false, 0);
    pid_t pid = world_start_stubborn();

    (void)state;
    world_use(0, pid, GIB);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(0, 0, ACT_GONE);
    world_survey_and_act(g, hasty, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(acts_next_ms(hasty), 0);
    world_use_nothing();
    assert_int_equal(acts_continue(hasty, NULL), 0);
    world_check(1, pid, ACT_GONE);
    assert_int_equal(acts_next_ms(hasty), -1);
    assert_true(world_lives(pid));
    world_end(pid);
    acts_free(acts);
    acts_free(hasty);
    genv_close(g);
}

static void *wait_in_a_thread(void *data)
{
    (void)data;
    require(write(turned[1], "r", 1) == 1);
    while (pause() < 0)
        ;
    return NULL;
}

/* A process whose first thread has ended looks like a zombie to /proc. */
static int live_on_in_a_thread(void *data)
{
    pthread_t thread;

    (void)data;
    signal(SIGTERM, SIG_IGN);
    require(pthread_create(&thread, NULL, wait_in_a_thread, NULL) == 0);
    pthread_exit(NULL);
}

static void a_process_without_its_first_thread_is_no_zombie(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 0);
    char ready;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(turned), 0);
    pid = unit_start((uid_t)-1, live_on_in_a_thread, NULL);
    assert_int_equal(read(turned[0], &ready, 1), 1);
    world_use(0, pid, GIB);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(1, pid, ACT_KILLED);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    close(turned[0]), close(turned[1]);
    acts_free(acts);
    genv_close(g);
}

static void without_a_look_nothing_is_done(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 0);
    cleanup_violation_list struct violation_list found = {0};
    struct genv_error err = {0};
    pid_t pid = world_start_stubborn();

    (void)state;
    world_use(0, pid, GIB);
    world_survey(g, NON_ENV, 0, &found);
    setenv("GENV_DEVICES", "nonsense", 1);
    assert_int_equal(acts_apply(acts, found.items, found.count, &err), -EINVAL);
    assert_string_not_equal(err.message, "");
    world_check(0, 0, ACT_GONE);
    unsetenv("GENV_DEVICES");
    assert_int_equal(acts_apply(acts, found.items, found.count, NULL), 0);
    world_check(1, pid, ACT_TERMINATED);
    setenv("GENV_DEVICES", "nonsense", 1);
    assert_int_equal(acts_continue(acts, NULL), -EINVAL);
    world_check(0, 0, ACT_GONE);
    assert_true(acts_next_ms(acts) > 0); /* later, not at once again and again */
    unsetenv("GENV_DEVICES");
    world_end(pid);
    acts_free(acts);
    genv_close(g);
}

static const struct CMUnitTest tests[] = {
    TEST(a_process_outside_environments_is_terminated),
    TEST(what_is_over_by_then_is_left_alone),
    TEST(an_exec_makes_no_other_process_of_it),
    TEST(a_child_does_not_answer_for_its_parent),
    TEST(who_has_no_right_says_so_and_goes_on),
    TEST(a_process_that_changed_its_user_is_out_of_reach),
    TEST(who_ignores_it_is_killed),
    TEST(but_not_before_its_time_nor_if_it_has_mended_its_ways),
    TEST(a_process_without_its_first_thread_is_no_zombie),
    TEST(without_a_look_nothing_is_done),
};

WORLD_MAIN(tests)
