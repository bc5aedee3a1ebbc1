/* Detaching as the lock can be had, which anybody can hold, while processes end. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "base/text.h"

/* A held lock; flock(…, LOCK_UN) on it gives it back. */
static int hold_lock(const char *directory)
{
    cleanup_free char *path = unit_path(directory, "state/genv.lock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    return fd;
}

static void work_off(struct acts *acts)
{
    while (acts_next_ms(acts) >= 0) {
        usleep(1000);
        assert_int_equal(acts_continue(acts, NULL), 0);
    }
}

static void a_held_lock_delays_no_process(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    pid_t pid = world_start((uid_t)-1);
    cleanup_close int lock = -1;

    world_activate(g, "two", 2, 0);
    world_use(1, pid, GIB);
    lock = hold_lock(*state);
    world_survey_and_act(g, acts, MAXIMUM, NULL, 0); /* device 1 is too much, and who uses it */
    assert_true(acts_next_ms(acts) >= 0);            /* there is something left to do */
    world_check(1, pid, ACT_TERMINATED);
    assert_int_equal(unit_wait(pid), -SIGTERM);
    flock(lock, LOCK_UN);
    work_off(acts);
    world_check(1, 0, ACT_DETACHED);
    assert_int_equal(world_attached(g, "two"), 1);
    acts_free(acts);
    genv_close(g);
}

/* Not even who ignored SIGTERM lives longer for it. */
static void nor_that_one_is_killed(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 0);
    pid_t stubborn = world_start_stubborn();
    cleanup_close int lock = -1;

    world_activate(g, "two", 2, 0);
    world_use(1, stubborn, GIB);
    lock = hold_lock(*state);
    world_survey_and_act(g, acts, MAXIMUM, NULL, 0);
    world_check(1, stubborn, ACT_TERMINATED);
    assert_int_equal(acts_continue(acts, NULL), 0);
    world_check(1, stubborn, ACT_KILLED);
    assert_int_equal(unit_wait(stubborn), -SIGKILL);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    acts_free(acts);
    genv_close(g);
}

#define ENVS 100 /* more than are detached under one lock */

static void many_environments_give_all_back(void **state)
{
    struct genv *g = world_open();
    struct acts *acts = world_acts(g, false, 60);
    cleanup_violation_list struct violation_list found = {0};
    char eid[16];

    (void)state;
    for (int i = 0; i < ENVS; i++) {
        snprintf(eid, sizeof(eid), "e%d", i);
        world_activate(g, eid, 2, GIB / 64);
    }
    world_survey(g, MAXIMUM, 0, &found);
    assert_int_equal(found.count, 2 * ENVS);
    assert_int_equal(acts_apply(acts, found.items, found.count, NULL), 0);
    work_off(acts);
    world_check(2 * ENVS, 0, ACT_DETACHED);
    for (int i = 0; i < ENVS; i++) {
        snprintf(eid, sizeof(eid), "e%d", i);
        assert_int_equal(world_attached(g, eid), 0);
    }
    acts_free(acts);
    genv_close(g);
}

static bool is_refused; /* what renames a record, as where it is immutable */

static long rename_unless_refused(int old_directory, const char *old, int directory, const char *name, unsigned flags)
{
    if (!is_refused || strcmp(name, "two.json") != 0)
        return syscall(SYS_renameat2, old_directory, old, directory, name, flags);
    errno = EPERM;
    return -1;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int renameat2(int old_directory, const char *old, int directory, const char *name, unsigned flags)
{
    return (int)rename_unless_refused(old_directory, old, directory, name, flags);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int renameat(int old_directory, const char *old, int directory, const char *name)
{
    return (int)rename_unless_refused(old_directory, old, directory, name, 0);
}

static void keep_sentence(const struct act_report *report, void *data)
{
    text_release(data);
    act_report_describe(report, data);
}

static void what_root_is_refused_is_said_as_it_is(void **state)
{
    cleanup_text struct text sentence = TEXT_INIT;
    cleanup_violation_list struct violation_list found = {0};
    const struct act_options options = {.report = keep_sentence, .data = &sentence};
    struct genv *g = world_open();
    struct acts *acts = NULL;

    (void)state;
    skip_unless_root();
    world_activate(g, "two", 2, 0);
    world_survey(g, MAXIMUM, 1, &found);
    assert_int_equal(acts_new(g, &options, &acts, NULL), 0);
    is_refused = true;
    assert_int_equal(acts_apply(acts, found.items, found.count, NULL), 0);
    work_off(acts);
    is_refused = false;
    assert_non_null(strstr(sentence.data, "Cannot detach device "));
    assert_non_null(strstr(sentence.data, ": cannot save environment two in "));
    assert_null(strstr(sentence.data, "signal"));
    assert_int_equal(world_attached(g, "two"), 2);
    acts_free(acts);
    genv_close(g);
}

static const struct CMUnitTest tests[] = {
    TEST(a_held_lock_delays_no_process),
    TEST(nor_that_one_is_killed),
    TEST(many_environments_give_all_back),
    TEST(what_root_is_refused_is_said_as_it_is),
};

WORLD_MAIN(tests)
