/* Access locks: one environment at a time on a device that several share. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/proc.h"

/* Of simulated devices. They are locked in the order 3, 1, 0, 2. */
#define UUID_0 "GPU-5692161d-100b-05e5-dbd2-38973a2b148a"
#define UUID_2 "GPU-b6bf613d-bebb-45dc-d177-07977078336c"

static inline void unlockp(struct genv_lock **lock)
{
    genv_unlock(*lock);
}
#define cleanup_lock cleanup_with(unlockp)

/* @eid, attached to the devices @indices, shared with whoever has them. */
static void make_env(struct genv *g, const char *eid, const int *indices, size_t count)
{
    machine_activate(g, eid);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(machine_attach_index(g, eid, indices[i], true, NULL), 0);
}

/* genv_lock() without waiting, and letting go at once. */
static int try_lock(struct genv *g, const char *eid, struct genv_error *err)
{
    struct genv_lock *lock;
    int r = genv_lock(g, eid, 0, &lock, err);

    if (r == 0)
        genv_unlock(lock);
    return r;
}

static void who_shares_a_device_waits_for_it(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state), *other = machine_open(*state);
    struct genv_lock *lock, *none = (struct genv_lock *)0x1;
    struct genv_error err = {0};

    make_env(g, "a", (int[]){1, 3}, 2);
    make_env(g, "b", (int[]){0, 3}, 2);
    make_env(g, "c", (int[]){0, 2}, 2);
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    assert_int_equal(try_lock(other, "c", NULL), 0);
    assert_int_equal(genv_lock(other, "b", 0, &none, &err), -EAGAIN);
    machine_check_error(&err, EAGAIN, "device 3 is locked by process ");
    assert_ptr_equal(none, (void *)0x1);
    assert_int_equal(try_lock(other, "c", NULL), 0); /* the failure let go of device 0 */
    assert_int_equal(genv_lock(other, "b", 0.05, &none, &err), -ETIMEDOUT);
    machine_check_error(&err, ETIMEDOUT, "device 3 is locked by process ");
    assert_int_equal(genv_lock(other, "b", 0.0001, &none, &err), -ETIMEDOUT);
    genv_unlock(lock);
    assert_int_equal(try_lock(other, "b", NULL), 0);
    genv_unlock(NULL);
}

static void a_detached_environment_locks_nothing(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_free char *devices = unit_path(*state, "state/devices");
    cleanup_lock struct genv_lock *lock = NULL;
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(genv_lock(g, "a", -1, &lock, NULL), 0);
    assert_non_null(genv_lock_token(lock));
    assert_int_not_equal(access(devices, F_OK), 0);
    assert_int_equal(try_lock(g, "none", &err), -ENOENT);
}

struct waiter {
    const char *directory;
    int locked[2], ready[2];
    double timeout;
};

static int wait_for_lock(void *data)
{
    const struct waiter *waiter = data;
    struct genv *g = machine_open(waiter->directory);
    struct genv_lock *lock;
    char byte;

    require(read(waiter->locked[0], &byte, 1) == 1);
    require(try_lock(g, "a", NULL) == -EAGAIN);
    require(write(waiter->ready[1], "", 1) == 1);
    require(genv_lock(g, "a", waiter->timeout, &lock, NULL) == 0);
    return 0;
}

static void waiting_ends_when_the_lock_is_let_go(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    static const double timeouts[] = {-1, 60, 1e300};

    make_env(g, "a", (int[]){1, 3}, 2);
    for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
        struct waiter waiter = {.directory = *state, .timeout = timeouts[i]};
        struct genv_lock *lock;
        pid_t pid;
        char byte;

        assert_int_equal(pipe2(waiter.locked, O_CLOEXEC), 0);
        assert_int_equal(pipe2(waiter.ready, O_CLOEXEC), 0);
        pid = unit_start((uid_t)-1, wait_for_lock, &waiter); /* ahead of the lock, which it would inherit */
        assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
        assert_int_equal(write(waiter.locked[1], "", 1), 1);
        assert_int_equal(read(waiter.ready[0], &byte, 1), 1);
        genv_unlock(lock);
        assert_int_equal(unit_wait(pid), 0);
        for (int k = 0; k < 2; k++)
            close(waiter.locked[k]), close(waiter.ready[k]);
    }
}

static void note_signal(int number)
{
    (void)number;
}

/* Gives up when asked for the third time. */
static bool is_third(void *data)
{
    return ++*(int *)data == 3;
}

/* Has a signal come every few milliseconds, or none any more. */
static void disturb(bool on)
{
    const struct sigaction action = {.sa_handler = note_signal};
    const struct timeval interval = {.tv_usec = on ? 5000 : 0};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){interval, interval}, NULL);
}

static void whoever_is_interrupted_may_give_up(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/genv.lock");
    cleanup_genv struct genv *g = machine_open(*state), *other = machine_open(*state);
    static const double timeouts[] = {-1, 60};
    struct genv_lock *lock, *none;
    struct genv_error err = {0};
    cleanup_close int fd = -1;
    int asked = 0;

    make_env(g, "a", (int[]){0}, 1);
    genv_set_interrupt(other, is_third, &asked);
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    disturb(true);
    for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++, asked = 0) {
        assert_int_equal(genv_lock(other, "a", timeouts[i], &none, &err), -ECANCELED);
        machine_check_error(&err, ECANCELED, "interrupted while waiting for device 0");
        assert_int_equal(asked, 3);
    }
    genv_unlock(lock);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(machine_attach(other, "a", 2, &err), -ECANCELED);
    disturb(false);
    machine_check_error(&err, ECANCELED, "interrupted while waiting for the lock of ");
}

static int hold_until_told(void *data)
{
    const struct waiter *waiter = data;
    struct genv_lock *lock;
    char byte;

    require(genv_lock(machine_open(waiter->directory), "a", 0, &lock, NULL) == 0);
    require(write(waiter->locked[1], "", 1) == 1);
    require(read(waiter->ready[0], &byte, 1) == 1);
    return 0;
}

struct forking {
    int holder;
    pid_t child;
};

/* Forks, as another thread may, and then has the holder let go. */
static bool fork_meanwhile(void *data)
{
    struct forking *forking = data;

    if (!forking->child) {
        forking->child = unit_start((uid_t)-1, machine_sleep, NULL);
        assert_int_equal(write(forking->holder, "", 1), 1);
    }
    return false;
}

static void a_child_does_not_keep_what_its_parent_waited_for(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct waiter waiter = {.directory = *state};
    struct forking forking = {.child = 0};
    struct genv_lock *lock;
    pid_t holder;
    char byte;

    make_env(g, "a", (int[]){1, 3}, 2);
    assert_int_equal(pipe2(waiter.locked, O_CLOEXEC), 0);
    assert_int_equal(pipe2(waiter.ready, O_CLOEXEC), 0);
    holder = unit_start((uid_t)-1, hold_until_told, &waiter);
    assert_int_equal(read(waiter.locked[0], &byte, 1), 1);
    forking.holder = waiter.ready[1];
    genv_set_interrupt(g, fork_meanwhile, &forking);
    assert_int_equal(genv_lock(g, "a", 60, &lock, NULL), 0);
    assert_int_equal(unit_wait(holder), 0);
    genv_unlock(lock);
    assert_int_equal(try_lock(g, "a", NULL), 0);
    machine_end(forking.child);
    for (int k = 0; k < 2; k++)
        close(waiter.locked[k]), close(waiter.ready[k]);
}

static void inside_a_lock_there_is_no_waiting_for_oneself(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_lock struct genv_lock *outer = NULL, *inner = NULL, *innermost = NULL;

    make_env(g, "a", (int[]){0, 3}, 2);
    assert_int_equal(genv_lock(g, "a", 0, &outer, NULL), 0);
    assert_int_equal(try_lock(g, "a", NULL), -EAGAIN);
    setenv("GENV_LOCK", genv_lock_token(outer), 1);
    assert_int_equal(genv_lock(g, "a", 0, &inner, NULL), 0);
    make_env(g, "a", (int[]){2}, 1); /* one more meanwhile, which is locked after those that are held */
    setenv("GENV_LOCK", genv_lock_token(inner), 1);
    assert_int_equal(genv_lock(g, "a", 0, &innermost, NULL), 0);
    setenv("GENV_LOCK", genv_lock_token(outer), 1);
    assert_int_equal(try_lock(g, "a", NULL), -EAGAIN); /* device 2 is the innermost's */
    setenv("GENV_LOCK", genv_lock_token(innermost), 1);
    assert_int_equal(try_lock(g, "a", NULL), 0);
}

static void a_lock_of_hundreds_of_devices_holds_inside_itself(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_lock struct genv_lock *outer = NULL;

    setenv("GENV_DEVICES", "400", 1);
    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 400, NULL), 0);
    assert_int_equal(genv_lock(g, "a", 0, &outer, NULL), 0);
    setenv("GENV_LOCK", genv_lock_token(outer), 1);
    assert_int_equal(try_lock(g, "a", NULL), 0);
}

static void what_could_be_a_deadlock_is_refused(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_lock struct genv_lock *outer = NULL;
    struct genv_error err = {0};

    make_env(g, "a", (int[]){2}, 1);
    assert_int_equal(genv_lock(g, "a", 0, &outer, NULL), 0);
    make_env(g, "a", (int[]){0, 3}, 2);
    setenv("GENV_LOCK", genv_lock_token(outer), 1);
    assert_int_equal(try_lock(g, "a", &err), -EDEADLK);
    machine_check_error(&err, EDEADLK,
                        "cannot lock device 3 inside another lock, which could wait forever: attach all devices before "
                        "the first 'genv lock'");
}

static int die(void *data)
{
    (void)data;
    return 0;
}

static void tokens_that_mean_nothing_are_not_believed(void **state)
{
    static const char *const tokens[] = {"",
                                         "x",
                                         "1",
                                         "1:2",
                                         ":::",
                                         "0:0:" UUID_0 ",",
                                         "-1:1:" UUID_0 ",",
                                         "1:",
                                         "1:0:" UUID_0 ",",
                                         "99999999999:1:" UUID_0 ",",
                                         "%s%n:1:",
                                         "2147483647:1:" UUID_0 ","};
    cleanup_genv struct genv *g = machine_open(*state), *other = machine_open(*state);
    cleanup_lock struct genv_lock *lock = NULL;
    cleanup_free char *reused = NULL, *dead = NULL, *real = NULL;
    struct proc_stat stat;
    pid_t pid = unit_start((uid_t)-1, die, NULL);

    make_env(g, "a", (int[]){0, 2}, 2);
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        setenv("GENV_LOCK", tokens[i], 1);
        assert_int_equal(try_lock(other, "a", NULL), -EAGAIN);
    }
    assert_int_equal(proc_stat_read(getpid(), &stat), 0);
    assert_true(asprintf(&reused, "%d:%llu:" UUID_0 "," UUID_2 ",", getpid(), (unsigned long long)stat.start_time - 1) >
                0);
    setenv("GENV_LOCK", reused, 1);
    assert_int_equal(try_lock(other, "a", NULL), -EAGAIN);
    unit_wait(pid);
    assert_true(asprintf(&dead, "%d:%llu:" UUID_0 "," UUID_2 ",", pid, (unsigned long long)stat.start_time) > 0);
    setenv("GENV_LOCK", dead, 1);
    assert_int_equal(try_lock(other, "a", NULL), -EAGAIN);
    assert_true(asprintf(&real, "%d:%llu:" UUID_0 "," UUID_2 ",", getpid(), (unsigned long long)stat.start_time) > 0);
    assert_string_equal(genv_lock_token(lock), real);
    setenv("GENV_LOCK", real, 1);
    assert_int_equal(try_lock(other, "a", NULL), 0);
}

/* Runs `read` of sh with the lock's descriptors, as a command under genv lock would. */
static pid_t start_command(int *ret_input)
{
    int input[2], output[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        dup2(input[0], 0);
        dup2(output[1], 1);
        execl("/bin/sh", "sh", "-c", "echo; read line", NULL);
        _exit(127);
    }
    close(input[0]), close(output[1]);
    assert_int_equal(read(output[0], &byte, 1), 1);
    close(output[0]);
    *ret_input = input[1];
    return pid;
}

static void a_command_holds_what_was_locked_for_it(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_lock *lock;
    int input;
    pid_t pid;

    make_env(g, "a", (int[]){0, 2}, 2);
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    pid = start_command(&input);
    genv_unlock(lock); /* as if genv lock had been killed */
    assert_int_equal(try_lock(g, "a", NULL), -EAGAIN);
    close(input);
    unit_wait(pid);
    assert_int_equal(try_lock(g, "a", NULL), 0);
}

static void a_lock_leaves_no_descriptors_behind(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_lock *lock, *none;
    int before, held;

    make_env(g, "a", (int[]){0, 2}, 2);
    before = unit_count_entries("/proc/self/fd");
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    held = unit_count_entries("/proc/self/fd");
    assert_int_equal(held, before + 2);
    assert_int_equal(genv_lock(g, "a", 0, &none, NULL), -EAGAIN);
    assert_int_equal(unit_count_entries("/proc/self/fd"), held);
    genv_unlock(lock);
    assert_int_equal(unit_count_entries("/proc/self/fd"), before);
}

static void a_planted_lock_file_is_refused(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/devices/" UUID_0 ".lock");
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    make_env(g, "a", (int[]){0}, 1);
    assert_int_equal(try_lock(g, "a", NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_true(try_lock(g, "a", &err) < 0);
    assert_non_null(strstr(err.message, UUID_0 ".lock is not a regular file"));
}

static int lock_the_replaced(void *data)
{
    const struct waiter *waiter = data;
    struct genv *g = machine_open(waiter->directory);
    struct genv_lock *lock;
    char byte;

    require(read(waiter->locked[0], &byte, 1) == 1);
    return genv_lock(g, "a", waiter->timeout, &lock, NULL) == -ETIMEDOUT ? 0 : 1;
}

/* Whether the process has a file open that is called so, or has ended. */
static bool has_open(pid_t pid, const char *path)
{
    char link[64], target[PATH_MAX] = "";

    for (int fd = 0; fd < 64; fd++) {
        ssize_t length;

        snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
        length = readlink(link, target, sizeof(target) - 1);
        if (length > 0 && (target[length] = '\0', strcmp(target, path) == 0))
            return true;
    }
    return !proc_is_alive(pid, 0);
}

/* Who waited for a file that is removed meanwhile waits for the new one. */
static void a_lock_that_was_replaced_excludes_all_the_same(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/devices/" UUID_0 ".lock");
    cleanup_genv struct genv *g = machine_open(*state);
    struct waiter waiter = {.directory = *state, .timeout = 1};
    struct genv_lock *first, *second;
    pid_t pid;

    make_env(g, "a", (int[]){0}, 1);
    assert_int_equal(pipe2(waiter.locked, O_CLOEXEC), 0);
    pid = unit_start((uid_t)-1, lock_the_replaced, &waiter); /* ahead of the lock, which it would inherit */
    assert_int_equal(genv_lock(g, "a", 0, &first, NULL), 0);
    assert_int_equal(write(waiter.locked[1], "", 1), 1);
    while (!has_open(pid, path))
        usleep(1000);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(genv_lock(g, "a", 0, &second, NULL), 0);
    genv_unlock(first);
    assert_int_equal(unit_wait(pid), 0);
    genv_unlock(second);
    close(waiter.locked[0]), close(waiter.locked[1]);
}

static int lock_as_another_user(void *data)
{
    return try_lock(machine_open(data), "b", NULL) == 0 ? 0 : 1;
}

static void users_lock_each_other_out(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_activation activation = {
        .eid = "b", .uid = USER_A, .member = {.pid = getpid()}, .config = GENV_CONFIG_INIT};
    struct genv_lock *lock;
    pid_t pid;

    skip_unless_root();
    make_env(g, "a", (int[]){0}, 1);
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach_index(g, "b", 0, true, NULL), 0);
    assert_int_equal(unit_fork(USER_A, lock_as_another_user, *state), 0);
    assert_int_equal(genv_lock(g, "a", 0, &lock, NULL), 0);
    pid = unit_start(USER_A, lock_as_another_user, *state);
    assert_int_equal(unit_wait(pid), 1);
    genv_unlock(lock);
    assert_int_equal(unit_fork(USER_A, lock_as_another_user, *state), 0);
}

static const struct CMUnitTest tests[] = {
    TEST(who_shares_a_device_waits_for_it),
    TEST(a_detached_environment_locks_nothing),
    TEST(waiting_ends_when_the_lock_is_let_go),
    TEST(whoever_is_interrupted_may_give_up),
    TEST(a_child_does_not_keep_what_its_parent_waited_for),
    TEST(inside_a_lock_there_is_no_waiting_for_oneself),
    TEST(a_lock_of_hundreds_of_devices_holds_inside_itself),
    TEST(what_could_be_a_deadlock_is_refused),
    TEST(tokens_that_mean_nothing_are_not_believed),
    TEST(a_command_holds_what_was_locked_for_it),
    TEST(a_lock_leaves_no_descriptors_behind),
    TEST(a_lock_that_was_replaced_excludes_all_the_same),
    TEST(a_planted_lock_file_is_refused),
    TEST(users_lock_each_other_out),
};

UNIT_MAIN(tests)
