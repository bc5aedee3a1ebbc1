/* The lock of the state directory, and those of devices. */
#include "store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void a_glance_takes_no_lock(void **state)
{
    cleanup_store struct store *store = world_open(state), *writer = world_open(state);
    struct genv_env env;

    assert_int_equal(store_begin(store, STORE_GLANCE, NULL), 0); /* a missing directory is empty */
    assert_int_equal(store_load_one(store, "a", &env, NULL), -ENOENT);
    store_end(store);
    world_save(store, "a", geteuid());
    assert_int_equal(store_begin(store, STORE_GLANCE, NULL), 0);
    assert_int_equal(store_begin(writer, STORE_WRITE, NULL), 0); /* which would wait for 10 seconds, and fail */
    assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
    env_release(&env);
}

struct crowd {
    const char *path;
    volatile int *inside;
};

static int change_often(void *data)
{
    const struct crowd *crowd = data;
    struct store *store;

    require(store_new(crowd->path, NULL, NULL, &store, NULL) == 0);
    for (int i = 0; i < 50; i++) {
        struct genv_env env;

        require(store_begin(store, STORE_WRITE, NULL) == 0);
        require((*crowd->inside)++ == 0);
        require(store_load_one(store, "counter", &env, NULL) == 0);
        env.config.gpus++;
        require(store_save(store, &env, NULL) == 0);
        require(--*crowd->inside == 0);
        store_end(store);
        env_release(&env);
    }
    store_free(store);
    return 0;
}

static void no_change_is_lost_among_many(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = world_open(state);
    struct crowd crowd = {path, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    struct genv_env env;
    pid_t pids[6];

    world_save(store, "counter", geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        pids[i] = unit_start((uid_t)-1, change_often, &crowd);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        assert_int_equal(unit_wait(pids[i]), 0);
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "counter", &env, NULL), 0);
    assert_int_equal(env.config.gpus, -1 + 6 * 50);
    env_release(&env);
    assert_int_equal(unit_count_entries(envs), 1);
    munmap((void *)crowd.inside, 4096);
}

static int open_lock_file(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/genv.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void who_holds_the_lock_stops_no_look_and_is_named_to_who_would_change(void **state)
{
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *holder = NULL;
    struct genv_error err = {0};
    cleanup_close int lock = -1;

    world_save(store, "a", geteuid());
    lock = open_lock_file(state);
    world_check_load(store, STORE_READ, "a");
    store_set_timeout(store, 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.message, "state has been locked for 1 second by "));
    assert_true(asprintf(&holder, "by process %d (", getpid()) > 0);
    if (access("/proc/locks", R_OK) == 0)
        assert_non_null(strstr(err.message, holder));
    close(steal_fd(&lock));
    world_check_load(store, STORE_WRITE, "a");
}

struct waiter {
    const char *path;
    int inherited[2];
    volatile int *released;
};

static int wait_for_the_lock(void *data)
{
    const struct waiter *waiter = data;
    struct store *store;

    close(waiter->inherited[0]);
    *waiter->released = 1; /* under way */
    require(store_new(waiter->path, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(*waiter->released == 2);
    return 0;
}

static void a_lock_that_is_replaced_while_waiting_is_waited_for_anew(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_store struct store *store = world_open(state);
    struct waiter waiter = {.path = path};
    cleanup_close int old = -1, new = -1;
    pid_t pid;

    waiter.released = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world_save(store, "a", geteuid());
    old = waiter.inherited[0] = open_lock_file(state);
    pid = unit_start((uid_t)-1, wait_for_the_lock, &waiter);
    while (*waiter.released == 0)
        usleep(1000);
    usleep(50000); /* let it open the old file; the test holds without, but tests less */
    assert_int_equal(unlink(lock), 0);
    new = open_lock_file(state);
    close(steal_fd(&old));
    usleep(100000); /* let it enter, if it would */
    *waiter.released = 2;
    close(steal_fd(&new));
    assert_int_equal(unit_wait(pid), 0);
    munmap((void *)waiter.released, 4096);
}

struct forking {
    const char *path;
    int forked[2], end[2];
};

static int fork_under_the_lock(void *data)
{
    struct forking *forking = data;
    struct store *store;
    char byte;

    require(store_new(forking->path, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    if (fork() == 0) { /* as another thread may */
        close(forking->end[1]);
        require(write(forking->forked[1], "", 1) == 1);
        require(read(forking->end[0], &byte, 1) == 0);
        _exit(0);
    }
    pause();
    return 0;
}

static void a_child_does_not_keep_the_lock_of_its_parent(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = world_open(state);
    struct forking forking = {.path = path};
    pid_t parent;
    char byte;

    assert_int_equal(pipe2(forking.forked, O_CLOEXEC), 0);
    assert_int_equal(pipe2(forking.end, O_CLOEXEC), 0);
    parent = unit_start((uid_t)-1, fork_under_the_lock, &forking);
    assert_int_equal(read(forking.forked[0], &byte, 1), 1);
    assert_int_equal(store_begin(store, STORE_TRY, NULL), -ETIMEDOUT); /* the parent's own holds on */
    kill(parent, SIGKILL);
    assert_int_equal(unit_wait(parent), -SIGKILL);
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    for (int i = 0; i < 2; i++)
        close(forking.forked[i]), close(forking.end[i]);
}

static int change_without_end(void *data)
{
    struct store *store;
    struct genv_env env;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_load_one(store, "a", &env, NULL) == 0);
    for (;;)
        require(store_save(store, &env, NULL) == 0);
}

static void a_look_without_the_lock_finds_what_is_being_replaced(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = world_open(state);
    pid_t writer;

    world_save(store, "a", geteuid());
    writer = unit_start((uid_t)-1, change_without_end, path);
    usleep(50000); /* let it take the lock; the test holds without, but tests less */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    for (int i = 0; i < 5000; i++) {
        struct genv_env env;

        assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
        env_release(&env);
    }
    kill(writer, SIGKILL);
    assert_int_equal(unit_wait(writer), -SIGKILL);
    assert_int_equal(world_count_warnings(), 0);
}

static void device_locks_are_for_everybody_and_inherited(void **state)
{
    cleanup_close int first = -1, second = -1;
    cleanup_store struct store *store = world_open(state);
    mode_t before = umask(0777);
    int r = store_open_device_lock(store, "GPU-3", &first, NULL);

    umask(before);
    assert_int_equal(r, 0);
    assert_int_equal(world_mode(state, "state/devices"), S_IFDIR | 01777);
    assert_int_equal(world_mode(state, "state/devices/GPU-3.lock"), S_IFREG | 0666);
    assert_int_equal(fcntl(first, F_GETFD), 0);
    assert_int_equal(store_open_device_lock(store, "GPU-3", &second, NULL), 0);
    assert_int_equal(flock(first, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flock(second, LOCK_EX | LOCK_NB), -1);
}

static void a_planted_device_lock_is_refused(void **state)
{
    cleanup_free char *lock = unit_path(*state, "state/devices/GPU-0.lock");
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};
    int fd = -1;

    assert_int_equal(store_open_device_lock(store, "GPU-0", &fd, NULL), 0);
    close(fd);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(symlink("/etc/passwd", lock), 0);
    assert_int_equal(store_open_device_lock(store, "GPU-0", &fd, &err), -ELOOP);
    assert_non_null(strstr(err.message, "state/devices/GPU-0.lock is not a regular file"));
}

static const struct CMUnitTest tests[] = {
    TEST(a_glance_takes_no_lock),
    TEST(no_change_is_lost_among_many),
    TEST(who_holds_the_lock_stops_no_look_and_is_named_to_who_would_change),
    TEST(a_lock_that_is_replaced_while_waiting_is_waited_for_anew),
    TEST(a_child_does_not_keep_the_lock_of_its_parent),
    TEST(a_look_without_the_lock_finds_what_is_being_replaced),
    TEST(device_locks_are_for_everybody_and_inherited),
    TEST(a_planted_device_lock_is_refused),
};

UNIT_MAIN(tests)
