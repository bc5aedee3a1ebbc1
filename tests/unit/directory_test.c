/* The state directory: made whole, opened without trust. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/directory.h"

static int open_parent(void **state)
{
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void a_missing_directory_is_made_for_everybody(void **state)
{
    cleanup_close int parent = open_parent(state);
    static const mode_t masks[] = {0, 022, 077, 0777};

    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        cleanup_close int fd = -1;
        mode_t before = umask(masks[i]);
        int r = directory_open(parent, "new", true, "new", &fd, NULL);
        struct stat st;

        umask(before);
        assert_int_equal(r, 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 01777);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(unit_count_entries(*state), 1); /* nothing is left aside */
        assert_int_equal(unlinkat(parent, "new", AT_REMOVEDIR), 0);
    }
}

static void a_path_works_like_a_name(void **state)
{
    cleanup_free char *path = unit_path(*state, "new");
    cleanup_close int fd = -1, again = -1;

    assert_int_equal(directory_open(AT_FDCWD, path, true, path, &fd, NULL), 0);
    assert_int_equal(directory_open(AT_FDCWD, path, true, path, &again, NULL), 0);
    assert_int_equal(unit_count_entries(*state), 1);
}

static void an_existing_directory_stays_as_it_is(void **state)
{
    cleanup_close int parent = open_parent(state), fd = -1;
    struct stat st;

    assert_int_equal(mkdirat(parent, "old", 0700), 0);
    assert_int_equal(directory_open(parent, "old", true, "old", &fd, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void without_create_nothing_is_made(void **state)
{
    cleanup_close int parent = open_parent(state);
    struct genv_error err = {0};
    int fd = -7;

    assert_int_equal(directory_open(parent, "new", false, "/shown", &fd, &err), -ENOENT);
    assert_string_equal(err.message, "cannot open /shown: No such file or directory");
    assert_int_equal(directory_open_lock(parent, "lock", false, "/shown", &fd, &err), -ENOENT);
    assert_string_equal(err.message, "cannot open /shown/lock: No such file or directory");
    assert_int_equal(fd, -7);
    assert_int_equal(unit_count_entries(*state), 0);
}

static void links_and_files_in_its_place_are_refused(void **state)
{
    static const char *const planted[] = {"link", "dangling", "loop", "file", "fifo"};
    cleanup_close int parent = open_parent(state);

    assert_int_equal(mkdirat(parent, "target", 0755), 0);
    assert_int_equal(symlinkat("target", parent, "link"), 0);
    assert_int_equal(symlinkat("nowhere", parent, "dangling"), 0);
    assert_int_equal(symlinkat("loop", parent, "loop"), 0);
    assert_int_equal(mkfifoat(parent, "fifo", 0600), 0);
    unit_write(*state, "file", "");
    for (size_t i = 0; i < ARRAY_SIZE(planted); i++) {
        struct genv_error err = {0};
        int fd = -7;

        assert_int_equal(directory_open(parent, planted[i], true, "/shown", &fd, &err), -ENOTDIR);
        assert_non_null(strstr(err.message, "/shown is not a directory, or is a symbolic link"));
        assert_int_equal(fd, -7);
    }
    assert_int_equal(unit_count_entries(*state), 6);
}

static void a_parent_that_is_missing_is_told(void **state)
{
    cleanup_free char *path = unit_path(*state, "no/such");
    struct genv_error err = {0};
    int fd;

    assert_int_equal(directory_open(AT_FDCWD, path, true, "/shown", &fd, &err), -ENOENT);
    assert_string_equal(err.message, "cannot create /shown: No such file or directory");
}

static int make_in_anothers_directory(void *data)
{
    struct genv_error err = {0};
    int fd;

    require(directory_open(AT_FDCWD, data, true, data, &fd, &err) == -EACCES);
    require(strstr(err.message, "cannot create") && strstr(err.message, "Permission denied"));
    return 0;
}

static void a_directory_that_may_not_be_made_is_told(void **state)
{
    cleanup_free char *path = unit_path(*state, "new");

    skip_unless_root();
    assert_int_equal(unit_fork(USER_A, make_in_anothers_directory, path), 0);
    assert_int_equal(unit_count_entries(*state), 0);
}

static void a_missing_lock_is_made_for_everybody(void **state)
{
    cleanup_close int parent = open_parent(state), fd = -1, again = -1;
    mode_t before = umask(0777);
    int r = directory_open_lock(parent, "lock", true, *state, &fd, NULL);
    struct stat first, second;

    umask(before);
    assert_int_equal(r, 0);
    assert_int_equal(fstat(fd, &first), 0);
    assert_int_equal(first.st_mode, S_IFREG | 0666);
    assert_int_equal(first.st_nlink, 1);
    assert_int_equal(unit_count_entries(*state), 1);
    assert_int_equal(directory_open_lock(parent, "lock", true, *state, &again, NULL), 0);
    assert_int_equal(fstat(again, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
}

static void what_is_planted_as_a_lock_is_refused(void **state)
{
    static const char *const planted[] = {"link", "dangling", "fifo", "directory"};
    cleanup_close int parent = open_parent(state);

    unit_write(*state, "file", "");
    assert_int_equal(symlinkat("file", parent, "link"), 0);
    assert_int_equal(symlinkat("nowhere", parent, "dangling"), 0);
    assert_int_equal(mkfifoat(parent, "fifo", 0666), 0);
    assert_int_equal(mkdirat(parent, "directory", 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(planted); i++) {
        struct genv_error err = {0};
        int fd = -7;

        assert_true(directory_open_lock(parent, planted[i], true, "/shown", &fd, &err) < 0);
        assert_non_null(strstr(err.message, "is not a regular file: ask an administrator"));
        assert_int_equal(fd, -7);
    }
    assert_int_equal(unit_count_entries(*state), 5);
}

struct race {
    const char *path;
    int start[2];
};

static int make_all(void *data)
{
    const struct race *race = data;
    char byte;
    int directory, lock;

    require(read(race->start[0], &byte, 1) == 1);
    require(directory_open(AT_FDCWD, race->path, true, race->path, &directory, NULL) == 0);
    require(directory_open_lock(directory, "lock", true, race->path, &lock, NULL) == 0);
    return 0;
}

static int expect_closed(void *data)
{
    cleanup_close int parent = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct genv_error err = {0};
    int fd;

    require(directory_open_lock(parent, "lock", true, "/shown", &fd, &err) == -EACCES);
    require(strcmp(err.message, "cannot open /shown/lock: it belongs to 60601 and is not readable by others") == 0);
    return 0;
}

static int open_planted(void *data)
{
    cleanup_close int parent = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct genv_error err = {0};
    int fd;

    require(directory_open_lock(parent, "lock", true, "/shown", &fd, &err) < 0 && *err.message);
    return 0;
}

/* Whoever makes a lock first could keep it to himself: he is named. */
static void a_lock_that_is_closed_is_told_with_its_owner(void **state)
{
    cleanup_free char *path = unit_path(*state, "lock");

    skip_unless_root();
    unit_write(*state, "lock", "");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chown(path, USER_A, USER_A), 0);
    assert_int_equal(unit_fork(USER_B, expect_closed, *state), 0);
}

/* What a user put there first keeps nobody from locking once root has come by, and is not harmed. */
static void root_makes_a_lock_in_the_place_of_what_was_planted(void **state)
{
    cleanup_close int parent = open_parent(state);
    cleanup_free char *path = unit_path(*state, "lock"), *target = unit_path(*state, "target");
    struct stat st;

    skip_unless_root();
    assert_int_equal(chmod(*state, 01777), 0);
    unit_write(*state, "target", "");
    for (int what = 0; what < 3; what++) {
        cleanup_close int fd = -1;

        if (what == 0)
            assert_int_equal(mkdir(path, 0777), 0);
        else if (what == 1)
            assert_int_equal(symlink(target, path), 0);
        else
            assert_int_equal(mkfifo(path, 0666), 0);
        if (what == 0)
            unit_write(path, "file", "");
        assert_int_equal(lchown(path, USER_A, USER_A), 0);
        assert_int_equal(unit_fork(USER_B, open_planted, *state), 0);
        assert_int_equal(directory_open_lock(parent, "lock", true, "/shown", &fd, NULL), 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0666);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(unit_count_entries(*state), 2); /* the target, and the directory under another name */
}

static void many_make_it_at_once(void **state)
{
    cleanup_free char *path = unit_path(*state, "new");

    for (int round = 0; round < 20; round++) {
        cleanup_free char *lock = unit_path(path, "lock");
        struct race race = {.path = path};
        pid_t pids[8];

        assert_int_equal(pipe2(race.start, O_CLOEXEC), 0);
        for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
            pids[i] = unit_start((uid_t)-1, make_all, &race);
        assert_int_equal(write(race.start[1], "12345678", ARRAY_SIZE(pids)), ARRAY_SIZE(pids));
        for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
            assert_int_equal(unit_wait(pids[i]), 0);
        close(race.start[0]), close(race.start[1]);
        assert_int_equal(unit_count_entries(*state), 1);
        assert_int_equal(unit_count_entries(path), 1);
        assert_int_equal(unlink(lock), 0);
        assert_int_equal(rmdir(path), 0);
    }
}

static const struct CMUnitTest tests[] = {
    test_in_directory(a_missing_directory_is_made_for_everybody),
    test_in_directory(a_path_works_like_a_name),
    test_in_directory(an_existing_directory_stays_as_it_is),
    test_in_directory(without_create_nothing_is_made),
    test_in_directory(links_and_files_in_its_place_are_refused),
    test_in_directory(a_parent_that_is_missing_is_told),
    test_in_directory(a_directory_that_may_not_be_made_is_told),
    test_in_directory(a_missing_lock_is_made_for_everybody),
    test_in_directory(what_is_planted_as_a_lock_is_refused),
    test_in_directory(a_lock_that_is_closed_is_told_with_its_owner),
    test_in_directory(root_makes_a_lock_in_the_place_of_what_was_planted),
    test_in_directory(many_make_it_at_once),
};

UNIT_MAIN(tests)
