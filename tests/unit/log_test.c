/* Logs: what is read of a file that may say anything. Planted files, rotation, several writers and full disks:
 * enforce/journal_test.c, over the same code. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "store/log.h"

static void take_line(const char *line, size_t length, void *data)
{
    text_add_bytes(data, line, length);
    text_add(data, "|");
}

static void check_lines(const char *path, const char *expected)
{
    cleanup_text struct text lines = TEXT_INIT;

    assert_int_equal(log_read(path, take_line, &lines, NULL), 0);
    assert_string_equal(lines.data ? lines.data : "", expected);
}

static void lines_are_read_oldest_first(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");

    assert_int_equal(log_read(path, take_line, NULL, NULL), -ENOENT);
    unit_write(*state, "log.1", "\n1\n\n2\n");
    check_lines(path, "1|2|");
    unit_write(*state, "log", "3\n4");
    check_lines(path, "1|2|3|4|");
}

/* A file of @length bytes in one line, with a line before it and one behind. */
static void write_long(const char *directory, size_t length)
{
    cleanup_text struct text text = TEXT_INIT;

    text_add(&text, "before\n");
    for (size_t i = 0; i < length; i++)
        text_add(&text, "x");
    text_add(&text, "\nbehind\n");
    unit_write(directory, "log", text.data);
}

static void a_line_without_end_is_not_kept(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");
    cleanup_text struct text lines = TEXT_INIT;

    write_long(*state, (size_t)LOG_LINE_SIZE * 16);
    check_lines(path, "before|behind|");
    write_long(*state, LOG_LINE_SIZE);
    check_lines(path, "before|behind|");
    write_long(*state, LOG_LINE_SIZE - 1);
    assert_int_equal(log_read(path, take_line, &lines, NULL), 0);
    assert_int_equal(lines.length, strlen("before||behind|") + LOG_LINE_SIZE - 1);
}

static void what_nobody_would_read_is_not_written(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *text = calloc(1, LOG_LINE_SIZE + 1);
    cleanup_json json_t *entry = NULL;
    struct genv_error err = {0};
    struct log *log = NULL;

    require(text && log_open(path, &log, NULL) == 0);
    memset(text, 'x', LOG_LINE_SIZE);
    entry = json_pack("[s]", text);
    assert_int_equal(log_write(log, entry, &err), -EFBIG);
    assert_non_null(strstr(err.message, path));
    json_decref(entry);
    entry = json_pack("[s]", "short");
    assert_int_equal(log_write(log, entry, NULL), 0);
    check_lines(path, "[\"short\"]|");
    log_close(log);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(lines_are_read_oldest_first),
    test_in_directory(a_line_without_end_is_not_kept),
    test_in_directory(what_nobody_would_read_is_not_written),
};

UNIT_MAIN(tests)
