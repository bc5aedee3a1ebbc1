/* File locks with a time limit. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store/lock.h"

#define SKIPPED 77

/* A lock file, opened anew: flock(2) is of the opening. */
static int open_lock(const char *directory)
{
    cleanup_free char *path = unit_path(directory, "lock");
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    return fd;
}

static void a_free_lock_is_taken_without_waiting(void **state)
{
    cleanup_close int fd = open_lock(*state), other = open_lock(*state);

    assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
    assert_int_equal(lock_wait(other, LOCK_EX, 0), -EAGAIN);
    assert_int_equal(lock_wait(other, LOCK_SH, 0), -EAGAIN);
    assert_int_equal(lock_wait(fd, LOCK_SH, 0), 0);
    assert_int_equal(lock_wait(other, LOCK_SH, 0), 0);
    assert_int_equal(lock_wait(other, LOCK_EX, 0), -EAGAIN);
}

static void a_held_lock_is_given_up_after_the_time(void **state)
{
    cleanup_close int fd = open_lock(*state), other = open_lock(*state);
    struct timespec before, after;

    assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(lock_wait(other, LOCK_EX, 100), -EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 99);
}

struct shared {
    const char *directory;
    int ready[2], release[2];
    int64_t timeout_ms;
    int inherited; /* the parent's lock, which a child would hold on to, or -1 */
};

static void shared_make(struct shared *shared, const char *directory, int64_t timeout_ms, int inherited)
{
    *shared = (struct shared){.directory = directory, .timeout_ms = timeout_ms, .inherited = inherited};
    assert_int_equal(pipe2(shared->ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(shared->release, O_CLOEXEC), 0);
}

static void shared_close(struct shared *shared)
{
    close(shared->ready[0]), close(shared->ready[1]), close(shared->release[0]), close(shared->release[1]);
}

static void say(const int fds[2])
{
    require(write(fds[1], "", 1) == 1);
}

static void hear(const int fds[2])
{
    char byte;

    require(read(fds[0], &byte, 1) == 1);
}

static int hold(void *data)
{
    struct shared *shared = data;

    require(lock_wait(open_lock(shared->directory), LOCK_EX, 0) == 0);
    say(shared->ready);
    hear(shared->release);
    return 0;
}

static int wait_for_lock(void *data)
{
    struct shared *shared = data;
    int fd = open_lock(shared->directory);

    require(lock_wait(fd, LOCK_EX, 0) == -EAGAIN);
    close(shared->inherited);
    say(shared->ready);
    return lock_wait(fd, LOCK_EX, shared->timeout_ms) == 0 ? 0 : 1;
}

static void a_waiter_gets_the_lock_when_it_is_let_go(void **state)
{
    static const int64_t timeouts[] = {-1, 60000, INT64_C(1) << 32}; /* the last one is more than an int holds */

    for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
        cleanup_close int fd = open_lock(*state);
        struct shared shared;
        pid_t waiter;

        shared_make(&shared, *state, timeouts[i], fd);
        assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
        waiter = unit_start((uid_t)-1, wait_for_lock, &shared);
        hear(shared.ready);
        close(steal_fd(&fd));
        assert_int_equal(unit_wait(waiter), 0);
        shared_close(&shared);
    }
}

static void ignore_signal(int number)
{
    (void)number;
}

static int wait_through_signals(void *data)
{
    const struct sigaction action = {.sa_handler = ignore_signal}; /* no SA_RESTART */

    require(sigaction(SIGUSR1, &action, NULL) == 0);
    return wait_for_lock(data);
}

static int wait_without_threads(void *data)
{
    require(setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1}) == 0);
    return wait_for_lock(data);
}

static void a_user_at_his_limit_of_processes_waits_too(void **state)
{
    cleanup_close int fd = open_lock(*state);
    struct shared shared;
    pid_t waiter;

    skip_unless_root();
    shared_make(&shared, *state, 60000, fd);
    assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
    waiter = unit_start(USER_A, wait_without_threads, &shared);
    hear(shared.ready);
    usleep(20000); /* let it wait; the test holds without, but tests less */
    close(steal_fd(&fd));
    assert_int_equal(unit_wait(waiter), 0);
    shared_close(&shared);
}

/* The library is a guest in other programs: it starts no thread in them, and no child. */
static void waiting_starts_nothing(void **state)
{
    cleanup_close int fd = open_lock(*state);
    struct shared shared;
    pid_t waiter;
    bool alone = true;

    shared_make(&shared, *state, 60000, fd);
    assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
    waiter = unit_start((uid_t)-1, wait_for_lock, &shared);
    hear(shared.ready);
    for (int i = 0; i < 20; i++) {
        cleanup_free char *tasks = NULL, *children = NULL;
        char first[16] = "";
        FILE *file;

        assert_true(asprintf(&tasks, "/proc/%d/task", waiter) > 0);
        assert_true(asprintf(&children, "/proc/%d/task/%d/children", waiter, waiter) > 0);
        alone = alone && unit_count_entries(tasks) == 1;
        file = fopen(children, "re");
        if (file) {
            alone = alone && !fgets(first, sizeof(first), file);
            fclose(file);
        }
        usleep(1000);
    }
    close(steal_fd(&fd));
    assert_int_equal(unit_wait(waiter), 0);
    assert_true(alone);
    shared_close(&shared);
}

static void signals_do_not_end_the_wait(void **state)
{
    cleanup_close int fd = open_lock(*state);
    struct shared shared;
    pid_t waiter;

    shared_make(&shared, *state, -1, fd);
    assert_int_equal(lock_wait(fd, LOCK_EX, 0), 0);
    waiter = unit_start((uid_t)-1, wait_through_signals, &shared);
    hear(shared.ready);
    for (int i = 0; i < 20; i++) {
        kill(waiter, SIGUSR1);
        usleep(1000);
    }
    close(steal_fd(&fd));
    assert_int_equal(unit_wait(waiter), 0);
    shared_close(&shared);
}

static void a_lock_that_is_no_file_fails(void **state)
{
    (void)state;
    assert_int_equal(lock_wait(-1, LOCK_EX, 0), -EBADF);
    assert_int_equal(lock_wait(-1, LOCK_EX, 1000), -EBADF);
    assert_int_equal(lock_wait(-1, LOCK_EX, -1), -EBADF);
}

static void the_holder_is_named(void **state)
{
    cleanup_close int fd = open_lock(*state);
    cleanup_free char *expected = NULL;
    char text[LOCK_HOLDER_SIZE];
    struct shared shared;
    pid_t holder;

    skip_unless(access("/proc/locks", R_OK) == 0, "there is no /proc/locks");
    lock_describe_holder(fd, text);
    assert_string_equal(text, "another process"); /* it let go meanwhile */
    shared_make(&shared, *state, 0, -1);
    holder = unit_start(unit_can_be_others() ? USER_A : (uid_t)-1, hold, &shared);
    hear(shared.ready);
    assert_int_equal(lock_wait(fd, LOCK_EX, 0), -EAGAIN);
    lock_describe_holder(fd, text);
    assert_true(asprintf(&expected, "process %d (", holder) > 0);
    assert_memory_equal(text, expected, strlen(expected));
    if (unit_can_be_others())
        assert_string_equal(text + strlen(text) - 9, " of 60601");
    say(shared.release);
    assert_int_equal(unit_wait(holder), 0);
    shared_close(&shared);
}

/* Takes the lock, leaves it to a child, which tells its PID, and ends. */
static int bequeath(void *data)
{
    struct shared *shared = data;
    int fd = open_lock(shared->directory);
    pid_t self;

    require(lock_wait(fd, LOCK_EX, 0) == 0);
    if (fork() > 0)
        return 0;
    self = getpid();
    require(write(shared->ready[1], &self, sizeof(self)) == sizeof(self));
    hear(shared->release);
    _exit(0);
}

static void a_child_that_kept_the_lock_is_named_and_not_who_took_it(void **state)
{
    cleanup_close int fd = open_lock(*state);
    cleanup_free char *expected = NULL;
    char text[LOCK_HOLDER_SIZE];
    struct shared shared;
    pid_t heir;

    skip_unless(access("/proc/locks", R_OK) == 0, "there is no /proc/locks");
    shared_make(&shared, *state, 0, -1);
    assert_int_equal(unit_wait(unit_start((uid_t)-1, bequeath, &shared)), 0);
    assert_int_equal(read(shared.ready[0], &heir, sizeof(heir)), sizeof(heir));
    lock_describe_holder(fd, text);
    assert_true(asprintf(&expected, "process %d (", heir) > 0);
    say(shared.release);
    assert_memory_equal(text, expected, strlen(expected));
    shared_close(&shared);
}

/* Holds the lock of the first of two file systems, asks about that of the second, of the same inode number. */
static int hold_another(void *data)
{
    const char *directory = data;
    char *paths[] = {unit_path(directory, "a"), unit_path(directory, "b")};
    struct stat st[2];
    char text[LOCK_HOLDER_SIZE], expected[32];
    int fds[2];

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return SKIPPED;
    for (int i = 0; i < 2; i++) {
        require(mkdir(paths[i], 0755) == 0);
        if (mount("tmpfs", paths[i], "tmpfs", 0, NULL) < 0)
            return SKIPPED;
        fds[i] = open_lock(paths[i]);
        require(fstat(fds[i], &st[i]) == 0);
    }
    if (st[0].st_ino != st[1].st_ino)
        return SKIPPED;
    require(lock_wait(fds[0], LOCK_EX, 0) == 0);
    require(!lock_describe_holder(fds[1], text));
    require(strcmp(text, "another process") == 0);
    require(lock_describe_holder(fds[0], text));
    snprintf(expected, sizeof(expected), "process %d (", getpid());
    require(strncmp(text, expected, strlen(expected)) == 0);
    return 0;
}

static void the_holder_of_another_file_is_not_named(void **state)
{
    int r;

    skip_unless(access("/proc/locks", R_OK) == 0, "there is no /proc/locks");
    r = unit_fork((uid_t)-1, hold_another, *state);
    skip_unless(r != SKIPPED, "two file systems with the same inode numbers can't be mounted here");
    assert_int_equal(r, 0);
}

struct tally {
    const char *directory;
    volatile int *inside, *total;
};

static int enter_often(void *data)
{
    struct tally *tally = data;

    for (int i = 0; i < 200; i++) {
        int fd = open_lock(tally->directory);

        require(lock_wait(fd, LOCK_EX, i % 2 ? -1 : 60000) == 0);
        require((*tally->inside)++ == 0);
        (*tally->total)++;
        require(--*tally->inside == 0);
        close(fd);
    }
    return 0;
}

static void one_at_a_time_is_inside(void **state)
{
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tally tally = {*state, shared, shared + 1};
    pid_t pids[4];

    assert_true(shared != MAP_FAILED);
    close(open_lock(*state));
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        pids[i] = unit_start((uid_t)-1, enter_often, &tally);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        assert_int_equal(unit_wait(pids[i]), 0);
    assert_int_equal(shared[1], 800);
    munmap(shared, 4096);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(a_free_lock_is_taken_without_waiting),
    test_in_directory(a_held_lock_is_given_up_after_the_time),
    test_in_directory(a_waiter_gets_the_lock_when_it_is_let_go),
    test_in_directory(a_user_at_his_limit_of_processes_waits_too),
    test_in_directory(waiting_starts_nothing),
    test_in_directory(signals_do_not_end_the_wait),
    cmocka_unit_test(a_lock_that_is_no_file_fails),
    test_in_directory(the_holder_is_named),
    test_in_directory(a_child_that_kept_the_lock_is_named_and_not_who_took_it),
    test_in_directory(the_holder_of_another_file_is_not_named),
    test_in_directory(one_at_a_time_is_inside),
};

UNIT_MAIN(tests)
