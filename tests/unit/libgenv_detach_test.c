/* Many attachments go at once. */
#include "machine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>

#include "base/text.h"

/* What @eid is attached to, as what is to go. Returns how many there are. */
static size_t collect(struct genv *g, const char *eid, struct genv_detachment *ret_detachments)
{
    cleanup_env struct genv_env *env = NULL;

    assert_int_equal(genv_env_get(g, eid, &env, NULL), 0);
    for (size_t i = 0; i < env->attachment_count; i++) {
        ret_detachments[i] = (struct genv_detachment){.attached = env->attachments[i].time, .result = 1};
        copy_string(ret_detachments[i].eid, sizeof(ret_detachments[i].eid), eid);
        copy_string(ret_detachments[i].uuid, sizeof(ret_detachments[i].uuid), env->attachments[i].device.uuid);
    }
    return env->attachment_count;
}

/* How often something was written aside in the records' folder since @fd watches it. */
static unsigned count_commits(int fd)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length = read(fd, events, sizeof(events));
    unsigned count = 0;

    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(events + at);

        count += (event->mask & IN_CREATE) != 0;
        at += (ssize_t)sizeof(*event) + event->len;
    }
    return count;
}

static void each_environment_is_one_commit(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_close int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    cleanup_free char *records = unit_path(*state, "state/envs");
    struct genv_detachment all[8];
    size_t count;

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_attach(g, "a", 3, NULL), 0);
    assert_int_equal(machine_attach(g, "b", 1, NULL), 0);
    count = collect(g, "a", all);
    count += collect(g, "b", &all[count]);
    assert_int_equal(count, 4);
    assert_true(inotify_add_watch(fd, records, IN_CREATE) >= 0);
    assert_int_equal(genv_detach_many(g, all, count, NULL), 0);
    assert_int_equal(count_commits(fd), 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(all[i].result, 0);
    assert_string_equal(machine_indices(g, "a"), "");
    assert_string_equal(machine_indices(g, "b"), "");
}

static void only_what_is_meant_goes(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_detachment all[4], none = {.eid = "nobody", .uuid = "GPU-x"};

    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 3, NULL), 0);
    assert_int_equal(collect(g, "a", all), 3);
    all[0].attached.tv_nsec ^= 1000000; /* another attachment */
    copy_string(all[1].uuid, sizeof(all[1].uuid), "GPU-x");
    all[3] = none;
    assert_int_equal(genv_detach_many(g, all, 4, NULL), 0);
    assert_int_equal(all[0].result, -ENODEV);
    assert_int_equal(all[1].result, -ENODEV);
    assert_int_equal(all[2].result, 0);
    assert_int_equal(all[3].result, -ENOENT);
    assert_string_equal(all[3].err.message, "there is no environment nobody");
    assert_string_equal(machine_indices(g, "a"), "0,1");
    assert_int_equal(genv_detach_many(g, NULL, 0, NULL), 0);
}

static int detach_as_another(void *data)
{
    cleanup_genv struct genv *g = machine_open(data);
    struct genv_detachment all[2];

    require(collect(g, "a", all) == 2);
    require(genv_detach_many(g, all, 2, NULL) == 0);
    require(all[0].result == -EPERM && all[1].result == -EPERM);
    require(strstr(all[1].err.message, "environment a belongs to"));
    return 0;
}

static void nobody_detaches_others(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);

    skip_unless_root();
    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    assert_int_equal(unit_fork(USER_A, detach_as_another, *state), 0);
    assert_string_equal(machine_indices(g, "a"), "0,1");
}

static void a_held_lock_is_not_waited_for(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_free char *path = unit_path(*state, "state/genv.lock");
    cleanup_close int lock = -1;
    struct genv_detachment one[1];
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 1, NULL), 0);
    assert_int_equal(collect(g, "a", one), 1);
    lock = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(genv_detach_many(g, one, 1, &err), -ETIMEDOUT);
    machine_check_error(&err, ETIMEDOUT, "is locked by ");
    assert_int_equal(one[0].result, 1); /* untouched */
    assert_int_equal(flock(lock, LOCK_UN), 0);
    assert_string_equal(machine_indices(g, "a"), "0");
    assert_int_equal(genv_detach_many(g, one, 1, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "");
}

static const struct CMUnitTest tests[] = {
    TEST(each_environment_is_one_commit),
    TEST(only_what_is_meant_goes),
    TEST(nobody_detaches_others),
    TEST(a_held_lock_is_not_waited_for),
};

UNIT_MAIN(tests)
