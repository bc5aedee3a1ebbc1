/* Acting on real processes of several users: the right ones, and no more of them than it takes. */
#include "world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NON_ENV (1U << RULE_NON_ENV_PROCESSES)
#define DEVICES (1U << RULE_ENV_DEVICES)
#define MEMORY  (1U << RULE_ENV_MEMORY)
#define MAXIMUM (1U << RULE_MAX_DEVICES)

/* Surveys, lets @between happen, and acts. */
static void survey_and_act(struct genv *g, struct acts *acts, unsigned rules, void (*between)(pid_t pid), pid_t pid)
{
    cleanup_violation_list struct violation_list found = {0};
    struct genv_error err = {0};

    world_survey(g, rules, 1, &found);
    if (between)
        between(pid);
    if (acts_apply(acts, found.items, found.count, &err) < 0)
        fail_msg("%s", err.message);
}

static void a_process_outside_environments_is_terminated(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t guilty = world_start((uid_t)-1), idle = world_start((uid_t)-1);

    (void)state;
    world_use(1, guilty, GIB);
    survey_and_act(g, acts, NON_ENV, NULL, 0);
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
    survey_and_act(g, acts, NON_ENV, end_and_reap, ended);
    world_check(1, ended, ACT_GONE);
    world_use_nothing();
    world_use(0, zombie, GIB);
    survey_and_act(g, acts, NON_ENV, end_and_leave, zombie);
    world_check(1, zombie, ACT_GONE);
    survey_and_act(g, acts, NON_ENV, NULL, 0); /* a zombie at the time of the survey too */
    world_check(1, zombie, ACT_GONE);
    unit_wait(zombie);
    world_use_nothing();
    world_use(0, better, GIB);
    survey_and_act(g, acts, NON_ENV, stop_using, better);
    world_check(1, better, ACT_GONE);
    assert_true(world_lives(better));
    assert_int_equal(acts_next_ms(acts), -1);
    world_end(better);
    acts_free(acts);
    genv_close(g);
}

static int turned[2]; /* a pipe: who turned into something else says so */

static void become_a_sleep(int number)
{
    (void)number;
    execlp("sleep", "sleep", "1000", NULL);
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
    survey_and_act(g, acts, NON_ENV, let_it_exec, pid);
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
        prctl(PR_SET_PDEATHSIG, 0);
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
    survey_and_act(g, acts, NON_ENV, let_it_fork, pid);
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

static void let_it_become_root(pid_t pid)
{
    cleanup_free char *path = NULL;
    char line[256];
    unsigned uid = USER_A;

    assert_true(asprintf(&path, "/proc/%d/status", (int)pid) > 0);
    assert_int_equal(write(turned[1], "g", 1), 1);
    while (uid != 0) {
        cleanup_fclose FILE *file = fopen(path, "re");

        assert_non_null(file);
        while (fgets(line, sizeof(line), file) && sscanf(line, "Uid: %u", &uid) != 1)
            ;
    }
}

static int act_on_the_changed(void *data)
{
    const pid_t pid = *(pid_t *)data;
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);

    survey_and_act(g, acts, NON_ENV, let_it_become_root, pid);
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
    assert_int_equal(pipe(turned), 0);
    pid = unit_start((uid_t)-1, wait_privileged, NULL);
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
    survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_in_range(acts_next_ms(acts), 0, 50);
    survey_and_act(g, acts, NON_ENV, NULL, 0); /* it was told: nothing new */
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
    survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(0, 0, ACT_GONE);
    survey_and_act(g, hasty, NON_ENV, NULL, 0);
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
    survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(1, pid, ACT_KILLED);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    close(turned[0]), close(turned[1]);
    acts_free(acts);
    genv_close(g);
}

static void the_largest_go_first_and_no_more_than_it_takes(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t large = world_start((uid_t)-1), medium = world_start((uid_t)-1), small = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "memory", 1, 4 * GIB);
    world_use(0, small, 2 * GIB);
    world_use(0, large, 5 * GIB);
    world_use(0, medium, 3 * GIB);
    survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(2, medium, ACT_TERMINATED);
    assert_int_equal(unit_wait(large), -SIGTERM);
    assert_int_equal(unit_wait(medium), -SIGTERM);
    assert_true(world_lives(small));
    world_end(small);
    acts_free(acts);
    genv_close(g);
}

static pid_t helped;

static void let_another_end(pid_t pid)
{
    (void)pid;
    world_use(0, helped, 0);
}

static void what_became_superfluous_is_spared(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t large = world_start((uid_t)-1), medium = world_start((uid_t)-1);

    (void)state;
    helped = world_start((uid_t)-1);
    world_activate(g, "memory", 1, 4 * GIB);
    world_use(0, large, 5 * GIB);
    world_use(0, medium, 3 * GIB);
    world_use(0, helped, 2 * GIB);
    survey_and_act(g, acts, MEMORY, let_another_end, 0); /* 10 GiB at the survey, 8 now: without the largest it fits */
    world_check(2, medium, ACT_GONE);
    assert_int_equal(unit_wait(large), -SIGTERM);
    assert_true(world_lives(medium));
    world_end(medium);
    world_end(helped);
    acts_free(acts);
    genv_close(g);
}

/* The first apply tells the largest to end, which takes its time: the second counts it as gone. */
static void what_was_told_to_end_counts_as_gone(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    cleanup_violation_list struct violation_list before = {0};
    pid_t large = world_start_stubborn(), medium = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "memory", 1, 4 * GIB);
    world_use(0, large, 3 * GIB);
    world_use(0, medium, 2 * GIB);
    survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(1, large, ACT_TERMINATED);
    world_use(0, medium, 5 * GIB); /* now it is the larger one, and alone too much */
    survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(1, medium, ACT_TERMINATED);
    assert_int_equal(unit_wait(medium), -SIGTERM);
    world_end(large);
    acts_free(acts);
    genv_close(g);
}

static void remember_nothing(pid_t pid)
{
    world_use(0, pid, GENV_UNKNOWN_U64);
}

static void an_unknown_amount_is_no_reason(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pid = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "memory", 1, 4 * GIB);
    world_use(0, pid, 5 * GIB);
    survey_and_act(g, acts, MEMORY, remember_nothing, pid);
    world_check(1, pid, ACT_GONE);
    assert_true(world_lives(pid));
    world_end(pid);
    acts_free(acts);
    genv_close(g);
}

static void each_process_is_told_once_whatever_it_breaks(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60), *dry = world_acts(g, true, 60);
    pid_t pid = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "both", 1, GIB);
    world_use(0, pid, 2 * GIB);
    world_use(1, pid, 2 * GIB);
    survey_and_act(g, dry, DEVICES | MEMORY, NULL, 0);
    world_check(1, pid, ACT_WITHHELD);
    assert_true(world_lives(pid));
    assert_int_equal(acts_next_ms(dry), -1);
    survey_and_act(g, acts, DEVICES | MEMORY, NULL, 0);
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(unit_wait(pid), -SIGTERM);
    acts_free(acts);
    acts_free(dry);
    genv_close(g);
}

static void a_maximum_takes_the_attachment_and_its_processes(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60), *dry = world_acts(g, true, 60);
    pid_t first = world_start((uid_t)-1), second = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "old", 1, 0);
    usleep(2000); /* times are in milliseconds */
    world_activate(g, "new", 1, 0);
    world_use(0, first, GIB);
    survey_and_act(g, dry, MAXIMUM, NULL, 0);
    world_check(1, 0, ACT_WITHHELD);
    assert_int_equal(world_attached(g, "new"), 1);
    /* Both processes are old's, the first environment in which this process is: its own device is another. */
    world_use(1, second, GIB);
    survey_and_act(g, acts, MAXIMUM, NULL, 0);
    world_check(1, 0, ACT_DETACHED);
    assert_int_equal(world_attached(g, "new"), 0);
    assert_int_equal(world_attached(g, "old"), 1);
    assert_true(world_lives(first) && world_lives(second));
    world_end(first);
    world_end(second);
    acts_free(acts);
    acts_free(dry);
    genv_close(g);
}

static struct genv *changing;

static void attach_anew(pid_t pid)
{
    const struct genv_attach_request request = GENV_ATTACH_INIT;

    (void)pid;
    assert_int_equal(genv_detach(changing, "one", -1, NULL, NULL), 0);
    usleep(2000);
    assert_int_equal(genv_attach(changing, "one", &request, NULL, NULL), 0);
}

static void an_attachment_that_was_made_anew_is_another(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    cleanup_violation_list struct violation_list found = {0};
    pid_t pid = world_start((uid_t)-1);

    (void)state;
    changing = g;
    world_activate(g, "one", 2, 0);
    world_use(0, pid, GIB);
    world_use(1, pid, GIB);
    world_survey(g, MAXIMUM, 0, &found);
    assert_int_equal(found.count, 4);
    attach_anew(0);
    assert_int_equal(acts_apply(acts, found.items, found.count, NULL), 0);
    world_check(4, pid, ACT_GONE);
    assert_int_equal(world_attached(g, "one"), 2);
    assert_true(world_lives(pid));
    violation_list_release(&found);
    survey_and_act(g, acts, MAXIMUM, NULL, 0); /* one of the two, and who is there */
    world_check(2, pid, ACT_TERMINATED);
    assert_int_equal(world_attached(g, "one"), 1);
    assert_int_equal(unit_wait(pid), -SIGTERM);
    acts_free(acts);
    genv_close(g);
}

static int detach_as_a_user(void *data)
{
    const struct violation_list *found = data;
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);

    require(acts_apply(acts, found->items, found->count, NULL) == 0);
    require(world_matches(1, 0, ACT_FORBIDDEN));
    require(world_attached(g, "root") == 2);
    acts_free(acts);
    genv_close(g);
    return 0;
}

static void nobody_detaches_what_is_not_his(void **state)
{
    struct genv *g = world_open();
    cleanup_violation_list struct violation_list found = {0};

    (void)state;
    skip_unless_root();
    world_activate(g, "root", 2, 0);
    world_survey(g, MAXIMUM, 1, &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(unit_fork(USER_A, detach_as_a_user, &found), 0);
    genv_close(g);
}

#define CROWD 150

static void a_crowd_is_terminated_to_the_last_one(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pids[CROWD];

    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        pids[i] = world_start((uid_t)-1);
        world_use(0, pids[i], GIB / 64);
    }
    survey_and_act(g, acts, NON_ENV, NULL, 0);
    world_check(CROWD, pids[CROWD - 1], ACT_TERMINATED);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(unit_wait(pids[i]), -SIGTERM);
    acts_free(acts);
    genv_close(g);
}

/* Also where the members of a memory rule are more than are held at once. */
static void no_more_of_a_crowd_than_it_takes(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, true, 60);
    pid_t pids[CROWD];

    (void)state;
    world_activate(g, "crowd", 1, 10 * (GIB / 64));
    for (size_t i = 0; i < CROWD; i++) {
        pids[i] = world_start((uid_t)-1);
        world_use(0, pids[i], GIB / 64);
    }
    survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(CROWD - 10, pids[10], ACT_WITHHELD); /* of equals the youngest first */
    for (size_t i = 0; i < CROWD; i++)
        world_end(pids[i]);
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
    TEST(the_largest_go_first_and_no_more_than_it_takes),
    TEST(what_became_superfluous_is_spared),
    TEST(what_was_told_to_end_counts_as_gone),
    TEST(an_unknown_amount_is_no_reason),
    TEST(each_process_is_told_once_whatever_it_breaks),
    TEST(a_maximum_takes_the_attachment_and_its_processes),
    TEST(an_attachment_that_was_made_anew_is_another),
    TEST(nobody_detaches_what_is_not_his),
    TEST(a_crowd_is_terminated_to_the_last_one),
    TEST(no_more_of_a_crowd_than_it_takes),
    TEST(without_a_look_nothing_is_done),
};

UNIT_MAIN(tests)
