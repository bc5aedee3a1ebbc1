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

static void the_default_journal_cannot_be_planted(void **state)
{
    cleanup_free char *target = unit_path(*state, "target"), *path = unit_path(*state, "log");
    struct log *journal = NULL;
    struct genv_error err = {0};

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
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(log_open_own(path, &journal, &err), -EPERM);
    assert_non_null(strstr(err.message, path));
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
    test_in_directory(only_root_removes_what_was_planted),
};

UNIT_MAIN(tests)
