/* The default journal, which lies where everybody may write: what others put in its place goes, for root. */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "enforce/journal.h"

static int write_line(struct log *journal, const char *message, struct genv_error *err)
{
    static const struct violation found = {.rule = RULE_NON_ENV_PROCESSES, .pid = 42, .start_time = 98765};
    cleanup_json json_t *entry = journal_entry("found", "", &found, NULL, message);

    assert_non_null(entry);
    return log_write(journal, entry, err);
}

static void count_one(json_t *entry, void *data)
{
    (void)entry;
    ++*(size_t *)data;
}

static size_t count_entries(const char *path)
{
    size_t count = 0;

    assert_int_equal(journal_read(path, count_one, &count, NULL), 0);
    return count;
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? -1 : st.st_size;
}

/* That root's journal at @path is root's own once it was opened, and written to. */
static void check_replaced(const char *path)
{
    struct log *journal = NULL;
    struct genv_error err = {0};
    struct stat st;

    if (log_open_own(path, &journal, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(err.message, "");
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_uid == 0 && st.st_nlink == 1 && st.st_size == 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(write_line(journal, "roots", NULL), 0);
    assert_int_equal(count_entries(path), 1);
    log_close(journal);
    assert_int_equal(unlink(path), 0);
}

/* Whoever made it alone could remove it. */
static void make_full_directory(const char *directory, const char *name)
{
    cleanup_free char *path = unit_path(directory, name);

    assert_int_equal(mkdir(path, 0777), 0);
    unit_write(path, "file", "");
    assert_int_equal(chown(path, USER_A, USER_A), 0);
}

static void the_default_journal_cannot_be_planted(void **state)
{
    cleanup_free char *target = unit_path(*state, "target"), *path = unit_path(*state, "log");
    struct log *journal = NULL;

    skip_unless_root();
    unit_write(*state, "target", "precious");
    unit_write(*state, "log", "{}");
    assert_int_equal(chown(path, USER_A, USER_A), 0);
    check_replaced(path);
    assert_int_equal(symlink(target, path), 0);
    check_replaced(path);
    assert_int_equal(mkfifo(path, 0666), 0);
    check_replaced(path);
    assert_int_equal(link(target, path), 0);
    check_replaced(path);
    assert_int_equal(log_open_own(path, &journal, NULL), 0);
    assert_int_equal(size_of(path), -1); /* nothing was in its place */
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(write_line(journal, "later", NULL), 0);
    assert_int_equal(count_entries(path), 1);
    assert_int_equal(write_line(journal, "more", NULL), 0);
    assert_int_equal(count_entries(path), 2); /* root's own stays */
    log_close(journal);
    assert_int_equal(log_open_own(path, &journal, NULL), 0);
    assert_int_equal(count_entries(path), 2);
    log_close(journal);
    assert_int_equal(unlink(path), 0);
    make_full_directory(*state, "log");
    check_replaced(path);
    assert_int_equal(size_of(target), 8);
}

/* Puts something of a stranger's in the place of log.1. */
static void plant_rotated(const char *directory, const char *path, int what)
{
    cleanup_free char *target = unit_path(directory, "target"), *nowhere = unit_path(directory, "nowhere");

    if (what == 0 || what == 1)
        unit_write(directory, "log.1", "{\"time\": \"2026-01-01T00:00:00Z\", \"event\": \"forged\"}\n");
    else if (what == 2)
        assert_int_equal(link(target, path), 0);
    else if (what == 3)
        assert_int_equal(mkfifo(path, 0666), 0);
    else if (what < 6)
        assert_int_equal(symlink(what == 4 ? target : nowhere, path), 0);
    else
        make_full_directory(directory, "log.1");
    if (what == 1)
        assert_int_equal(chmod(path, 0600), 0);
    if (what != 2)
        assert_int_equal(lchown(path, USER_A, USER_A), 0);
}

static int read_two(void *data)
{
    size_t count = 0;

    require(journal_read(data, count_one, &count, NULL) == 0 && count == 2);
    return 0;
}

/* It hides nothing, adds nothing, and stops no rotation. */
static void nor_can_what_it_is_rotated_to(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *rotated = unit_path(*state, "log.1");
    cleanup_free char *target = unit_path(*state, "target");
    struct genv_error err = {0};
    struct stat st;

    skip_unless_root();
    unit_write(*state, "target", "precious");
    for (int what = 0; what < 7; what++) {
        struct log *journal = NULL;

        assert_int_equal(log_open_own(path, &journal, NULL), 0);
        assert_int_equal(write_line(journal, "one", NULL), 0);
        plant_rotated(*state, rotated, what);
        assert_int_equal(write_line(journal, "two", NULL), 0);
        assert_int_equal(count_entries(path), 2);
        assert_int_equal(unit_fork(USER_B, read_two, path), 0);
        assert_int_equal(truncate(path, LOG_SIZE_MAX), 0);
        if (write_line(journal, "three", &err) < 0)
            fail_msg("%d: %s", what, err.message);
        assert_int_equal(lstat(rotated, &st), 0);
        assert_true(S_ISREG(st.st_mode) && st.st_uid == 0 && st.st_size == LOG_SIZE_MAX);
        assert_int_equal(count_entries(path), 3);
        log_close(journal);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(rotated), 0);
    }
    assert_int_equal(size_of(target), 8);
}

static int open_the_default(void *data)
{
    struct log *journal = NULL;

    require(log_open_own(data, &journal, NULL) == -EPERM);
    return 0;
}

static void only_root_removes_what_was_planted(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");

    skip_unless_root();
    unit_write(*state, "log", "{}");
    assert_int_equal(chmod(*state, 0777), 0);
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(chown(path, USER_B, USER_B), 0);
    assert_int_equal(unit_fork(USER_A, open_the_default, path), 0);
    assert_int_equal(size_of(path), 2);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(the_default_journal_cannot_be_planted),
    test_in_directory(nor_can_what_it_is_rotated_to),
    test_in_directory(only_root_removes_what_was_planted),
};

UNIT_MAIN(tests)
