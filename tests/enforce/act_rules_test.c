/* Acting on what each rule found: the largest, the newest, and no more of them than it takes. */
#include "world.h"

#include <signal.h>

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
    world_survey_and_act(g, acts, MEMORY, NULL, 0);
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
    world_survey_and_act(g, acts, MEMORY, let_another_end,
                         0); /* 10 GiB at the survey, 8 now: without the largest it fits */
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
    pid_t large = world_start_stubborn(), medium = world_start((uid_t)-1);

    (void)state;
    world_activate(g, "memory", 1, 4 * GIB);
    world_use(0, large, 3 * GIB);
    world_use(0, medium, 2 * GIB);
    world_survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(1, large, ACT_TERMINATED);
    world_use(0, medium, 5 * GIB); /* now it is the larger one, and alone too much */
    world_survey_and_act(g, acts, MEMORY, NULL, 0);
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
    world_survey_and_act(g, acts, MEMORY, remember_nothing, pid);
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
    world_survey_and_act(g, dry, DEVICES | MEMORY, NULL, 0);
    world_check(1, pid, ACT_WITHHELD);
    assert_true(world_lives(pid));
    assert_int_equal(acts_next_ms(dry), -1);
    world_survey_and_act(g, acts, DEVICES | MEMORY, NULL, 0);
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
    world_survey_and_act(g, dry, MAXIMUM, NULL, 0);
    world_check(1, 0, ACT_WITHHELD);
    assert_int_equal(world_attached(g, "new"), 1);
    /* Both processes are old's, the first environment in which this process is: its own device is another. */
    world_use(1, second, GIB);
    world_survey_and_act(g, acts, MAXIMUM, NULL, 0);
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
    assert_int_equal(genv_detach(changing, "one", NULL, NULL, NULL), 0);
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
    world_check(4, 0, ACT_GONE);
    assert_int_equal(world_attached(g, "one"), 2);
    assert_true(world_lives(pid));
    violation_list_release(&found);
    world_survey_and_act(g, acts, MAXIMUM, NULL, 0); /* one of the two, and who is there */
    world_check(2, 0, ACT_DETACHED);
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
    skip_unless_users_too();
    world_activate(g, "root", 2, 0);
    world_survey(g, MAXIMUM, 1, &found);
    assert_int_equal(found.count, 1);
    assert_int_equal(unit_fork(USER_A, detach_as_a_user, &found), 0);
    genv_close(g);
}

#define CROWD 150

static int compare_pids(const void *left, const void *right)
{
    return *(const pid_t *)left - *(const pid_t *)right;
}

/* Processes that use a 64th of a GiB each, by PID. */
static void start_crowd(pid_t pids[CROWD])
{
    for (size_t i = 0; i < CROWD; i++) {
        pids[i] = world_start((uid_t)-1);
        world_use(0, pids[i], GIB / 64);
    }
    qsort(pids, CROWD, sizeof(*pids), compare_pids);
}

static void a_crowd_is_terminated_to_the_last_one(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pids[CROWD];

    (void)state;
    start_crowd(pids);
    world_survey_and_act(g, acts, NON_ENV, NULL, 0);
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
    start_crowd(pids);
    world_survey_and_act(g, acts, MEMORY, NULL, 0);
    world_check(CROWD - 10, pids[10], ACT_WITHHELD); /* of equals the youngest first */
    for (size_t i = 0; i < CROWD; i++)
        world_end(pids[i]);
    acts_free(acts);
    genv_close(g);
}

static const struct CMUnitTest tests[] = {
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
};

WORLD_MAIN(tests)
