/* A configuration that is saved together with a change of the environment. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"

/* The system calls that publish are the test's: what a file system lacks, and
 * what somebody else does in between. */

static struct {
    const char *always; /* a file that has to be there after each of them */
    const char *theirs; /* what somebody else writes to it when a record is to be committed, which fails then */
    const char *record; /* the name of that record's file */
    bool lacks_exchange, lacks_links;
    unsigned misses;
    int waits; /* what is told that the lock of the state directory is asked for, or 0 */
} world;

static int watched(long r)
{
    if (world.always && access(world.always, F_OK) < 0)
        world.misses++;
    return (int)r;
}

static bool fails_to_commit(const char *name)
{
    cleanup_close int fd = -1;

    if (!world.record || strcmp(name, world.record) != 0)
        return false;
    if (world.theirs) {
        assert_int_equal(unlink(world.theirs), 0);
        fd = open(world.theirs, O_WRONLY | O_CREAT | O_EXCL, 0644);
        assert_int_equal(write(fd, "7\n", 2), 2);
    }
    errno = ENOSPC;
    return true;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int renameat2(int old_directory, const char *old, int directory, const char *name, unsigned flags)
{
    if (fails_to_commit(name))
        return -1;
    if (flags && world.lacks_exchange) {
        errno = EINVAL;
        return -1;
    }
    return watched(syscall(SYS_renameat2, old_directory, old, directory, name, flags));
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int renameat(int old_directory, const char *old, int directory, const char *name)
{
    if (fails_to_commit(name))
        return -1;
    return watched(syscall(SYS_renameat2, old_directory, old, directory, name, 0));
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names of glibc are reserved */
int linkat(int old_directory, const char *old, int directory, const char *name, int flags)
{
    if (world.lacks_links) {
        errno = EPERM;
        return -1;
    }
    return watched(syscall(SYS_linkat, old_directory, old, directory, name, flags));
}

int flock(int fd, int operation)
{
    struct stat st;

    if (world.waits && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        require(write(world.waits, "", 1) == 1);
        world.waits = 0;
    }
    return (int)syscall(SYS_flock, fd, operation);
}

static void check_file(const char *directory, const char *name, const char *expected)
{
    cleanup_free char *path = unit_path(directory, name), *text = NULL;

    assert_int_equal(file_read_at(AT_FDCWD, path, 64, &text, NULL), 0);
    assert_string_equal(text, expected);
}

static void make(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static int make_saved(void **state)
{
    cleanup_genv struct genv *g = NULL;

    memset(&world, 0, sizeof(world));
    if (machine_make(state) < 0)
        return -1;
    make(*state, "home");
    unit_write(*state, "home/gpus", "2\n");
    g = machine_open(*state);
    machine_activate(g, "e");
    return 0;
}

static int remove_saved(void **state)
{
    memset(&world, 0, sizeof(world));
    return machine_remove(state);
}

#define SAVED(test) cmocka_unit_test_setup_teardown(test, make_saved, remove_saved)

static int configure_and_save(const char *directory, int gpus, const char *name, struct genv_error *err)
{
    cleanup_genv struct genv *g = machine_open(directory);
    cleanup_free char *home = unit_path(directory, "home");
    struct genv_config config = {.gpus = gpus};

    snprintf(config.name, sizeof(config.name), "%s", name);
    return genv_configure_and_save(g, "e", &config, GENV_CONFIG_GPUS | GENV_CONFIG_NAME, home, NULL, err);
}

static int configured_gpus(const char *directory)
{
    cleanup_genv struct genv *g = machine_open(directory);
    cleanup_env struct genv_env *env = NULL;

    assert_int_equal(genv_env_get(g, "e", &env, NULL), 0);
    return env->config.gpus;
}

static void both_are_done(void **state)
{
    cleanup_free char *home = unit_path(*state, "home");

    assert_int_equal(configure_and_save(*state, 3, "x", NULL), 0);
    check_file(*state, "home/gpus", "3\n");
    check_file(*state, "home/name", "x\n");
    assert_int_equal(configured_gpus(*state), 3);
    assert_int_equal(unit_count_entries(home), 2);
}

static int save_without_patience(void *data)
{
    struct genv_error err = {0};

    setenv("GENV_STATE_TIMEOUT", "1", 1);
    require(configure_and_save(data, 3, "x", &err) == -ETIMEDOUT);
    return 0;
}

/* Starts one that saves and waits for @lock; returns when it does. */
static pid_t start_to_save(void *directory, int lock)
{
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    world.waits = ends[1];
    pid = unit_start((uid_t)-1, save_without_patience, directory);
    world.waits = 0;
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

/* Meanwhile readers find the old one, and what somebody else saves stays. */
static void nothing_is_seen_of_what_waits_for_the_lock(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_close int fd = open(lock, O_RDONLY | O_CLOEXEC);
    struct genv_config theirs = {.gpus = 5};
    pid_t pid = start_to_save(*state, fd);

    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(genv_home_save(home, &theirs, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_wait(pid), 0);
    check_file(*state, "home/gpus", "5\n");
    assert_int_equal(unit_count_entries(home), 1);
}

static void a_commit_that_fails_leaves_everything_as_it_was(void **state)
{
    cleanup_free char *home = unit_path(*state, "home");
    struct genv_error err = {0};

    world.record = "e.json";
    assert_int_equal(configure_and_save(*state, 3, "x", &err), -ENOSPC);
    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(unit_count_entries(home), 1);
    assert_int_equal(configured_gpus(*state), -1);
}

static void what_somebody_else_saved_before_the_commit_failed_stays(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *theirs = unit_path(*state, "home/gpus");

    world.record = "e.json";
    world.theirs = theirs;
    assert_int_equal(configure_and_save(*state, 3, "x", NULL), -ENOSPC);
    check_file(*state, "home/gpus", "7\n");
    assert_int_equal(unit_count_entries(home), 1);
}

static void what_cannot_be_published_is_not_committed(void **state)
{
    struct genv_error err = {0};

    make(*state, "home/name");
    assert_int_equal(configure_and_save(*state, 3, "x", &err), -EISDIR);
    machine_check_error(&err, EISDIR, "home/name");
    check_file(*state, "home/gpus", "2\n");
    assert_int_equal(configured_gpus(*state), -1);
}

/* Such as NFS, which cannot exchange, and FAT, which has no links. */
static void there_is_a_file_at_any_moment(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *gpus = unit_path(*state, "home/gpus");

    world.always = gpus;
    for (int i = 0; i < 3; i++) {
        world.lacks_exchange = i > 0;
        world.lacks_links = i > 1;
        assert_int_equal(configure_and_save(*state, 3, "", NULL), 0);
        check_file(*state, "home/gpus", "3\n");
        world.record = "e.json";
        assert_int_equal(configure_and_save(*state, 4, "", NULL), -ENOSPC);
        world.record = NULL;
        check_file(*state, "home/gpus", "3\n");
        assert_int_equal(unit_count_entries(home), 1);
    }
    assert_int_equal(world.misses, 0);
}

/* Killed ones leave files, which the next one removes, but not those of who is at work. */
static void what_killed_writers_left_is_removed(void **state)
{
    cleanup_free char *home = unit_path(*state, "home"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_close int fd = open(lock, O_RDONLY | O_CLOEXEC);
    struct genv_config config = {.gpus = 5};
    pid_t pid = start_to_save(*state, fd);

    assert_int_equal(unit_count_entries(home), 3);
    assert_int_equal(genv_home_save(home, &config, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_count_entries(home), 3);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(unit_wait(pid), -SIGKILL);
    assert_int_equal(unit_count_entries(home), 3);
    unit_write(*state, "home/.aside", "not genv's");
    assert_int_equal(genv_home_save(home, &config, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(unit_count_entries(home), 2);
}

static const struct CMUnitTest tests[] = {
    SAVED(both_are_done),
    SAVED(nothing_is_seen_of_what_waits_for_the_lock),
    SAVED(a_commit_that_fails_leaves_everything_as_it_was),
    SAVED(what_somebody_else_saved_before_the_commit_failed_stays),
    SAVED(what_cannot_be_published_is_not_committed),
    SAVED(there_is_a_file_at_any_moment),
    SAVED(what_killed_writers_left_is_removed),
};

UNIT_MAIN(tests)
