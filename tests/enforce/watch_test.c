/* Noticing changes of the state directory, wherever it comes from. */
#include "world.h"

#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "enforce/watch.h"

#define BOUND_MS 10000 /* a change is there at once; the test fails after so long */

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    return poll(&waiting, 1, timeout_ms) > 0;
}

#define check_change(fd, path)                                                                                         \
    do {                                                                                                               \
        assert_true(is_readable(fd, BOUND_MS));                                                                        \
        watch_drain(fd, path);                                                                                         \
        assert_false(is_readable(fd, 0));                                                                              \
    } while (0)

static void what_genv_changes_is_noticed(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    const struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv *g = world_open();
    struct genv_snapshot *snapshot;
    int fd;

    world_activate(g, "first", 1, 0);
    assert_int_equal(watch_open(path, &fd, NULL), 0);
    assert_false(is_readable(fd, 0));
    world_activate(g, "second", 1, 0);
    check_change(fd, path);
    assert_int_equal(genv_detach(g, "second", NULL, NULL, NULL), 0);
    check_change(fd, path);
    assert_int_equal(genv_attach(g, "second", &request, NULL, NULL), 0);
    check_change(fd, path);
    assert_int_equal(genv_deactivate(g, "second", &(struct genv_member){.pid = getpid()}, NULL), 0);
    check_change(fd, path);
    assert_int_equal(genv_snapshot_take(g, GENV_DEPTH_LIVE, &snapshot, NULL), 0);
    genv_snapshot_free(snapshot);
    unit_write(path, "enforcement.log", "{}\n");
    assert_false(is_readable(fd, 0)); /* a look, and what enforcement writes there, change nothing */
    close(fd);
    genv_close(g);
}

static void what_others_write_is_noticed(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(path, "envs");
    cleanup_free char *record = unit_path(envs, "7.json"), *other = unit_path(envs, "8.json");
    int fd;

    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(mkdir(envs, 0777), 0);
    assert_int_equal(watch_open(path, &fd, NULL), 0);
    unit_write(envs, "7.json", "{}");
    check_change(fd, path);
    unit_write(envs, "7.json", "{ }");
    check_change(fd, path);
    assert_int_equal(rename(record, other), 0);
    check_change(fd, path);
    assert_int_equal(unlink(other), 0);
    check_change(fd, path);
    close(fd);
}

static void a_directory_that_comes_later_is_watched(void **state)
{
    cleanup_free char *above = unit_path(*state, "above"), *path = unit_path(above, "state");
    cleanup_free char *envs = unit_path(path, "envs");
    int fd;

    assert_int_equal(watch_open(path, &fd, NULL), 0);
    assert_false(is_readable(fd, 0));
    assert_int_equal(mkdir(above, 0777), 0);
    check_change(fd, path);
    assert_int_equal(mkdir(path, 0777), 0);
    check_change(fd, path);
    assert_int_equal(mkdir(envs, 0777), 0);
    check_change(fd, path);
    unit_write(envs, "7.json", "{}");
    check_change(fd, path);
    unit_write(path, "enforcement.log", "{}\n");
    assert_false(is_readable(fd, 0));
    close(fd);
}

static void a_directory_that_comes_at_once_is_watched(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    struct genv *g = world_open();
    int fd;

    assert_int_equal(watch_open(path, &fd, NULL), 0);
    world_activate(g, "first", 1, 0); /* makes it, whole, in one go */
    check_change(fd, path);
    world_activate(g, "second", 1, 0);
    check_change(fd, path);
    close(fd);
    genv_close(g);
}

static void a_directory_that_is_replaced_is_watched(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(path, "envs");
    cleanup_free char *away = unit_path(*state, "away");
    int fd;

    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(mkdir(envs, 0777), 0);
    assert_int_equal(watch_open(path, &fd, NULL), 0);
    assert_int_equal(rmdir(envs), 0);
    check_change(fd, path);
    assert_int_equal(rmdir(path), 0);
    check_change(fd, path);
    assert_int_equal(mkdir(path, 0777), 0);
    check_change(fd, path);
    assert_int_equal(mkdir(envs, 0777), 0);
    check_change(fd, path);
    unit_write(envs, "7.json", "{}");
    check_change(fd, path);
    assert_int_equal(rename(path, away), 0); /* not told at once, but followed */
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(mkdir(envs, 0777), 0);
    watch_drain(fd, path);
    unit_write(envs, "7.json", "{}");
    check_change(fd, path);
    close(fd);
}

static void what_cannot_be_watched_is_said(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    struct genv_error err = {0};
    int fd = -2;

    unit_write(*state, "state", "a file");
    assert_true(watch_open(path, &fd, &err) < 0);
    assert_non_null(strstr(err.message, "cannot watch"));
    assert_int_equal(fd, -2);
}

static const struct CMUnitTest tests[] = {
    TEST(what_genv_changes_is_noticed),
    TEST(what_others_write_is_noticed),
    TEST(a_directory_that_comes_later_is_watched),
    TEST(a_directory_that_comes_at_once_is_watched),
    TEST(a_directory_that_is_replaced_is_watched),
    TEST(what_cannot_be_watched_is_said),
};

UNIT_MAIN(tests)
