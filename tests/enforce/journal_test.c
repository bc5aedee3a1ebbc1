/* The journal: planted files, rotation, several writers, full disks. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/json.h"
#include "enforce/journal.h"

static const struct violation found = {
    .rule = RULE_ENV_MEMORY,
    .remedy = REMEDY_TERMINATE,
    .uuid = "GPU-1",
    .index = 1,
    .uid = USER_A,
    .username = "paul",
    .eid = "1573",
    .pid = 42,
    .start_time = 98765,
    .command = "python train.py",
    .used = 5000000000,
    .allowed = 4000000000,
};

static struct log *open_journal(const char *path)
{
    struct log *journal = NULL;
    struct genv_error err = {0};

    if (log_open(path, &journal, &err) < 0)
        fail_msg("%s", err.message);
    return journal;
}

/* Writes a line that says @message. */
static int write_line(struct log *journal, const char *message, struct genv_error *err)
{
    cleanup_json json_t *entry = journal_entry("found", "", &found, NULL, message);

    require(entry);
    return log_write(journal, entry, err);
}

/* What was read: the messages, and how many. */
struct reading {
    size_t count;
    char last[64], first[64];
};

static void take_entry(json_t *entry, void *data)
{
    struct reading *reading = data;
    const char *message = json_string_value(json_object_get(entry, "message"));

    snprintf(reading->last, sizeof(reading->last), "%.60s", message ? message : "");
    if (!reading->count++)
        memcpy(reading->first, reading->last, sizeof(reading->first));
}

static size_t count_entries(const char *path, struct reading *reading)
{
    struct genv_error err = {0};
    struct reading own;

    reading = reading ? reading : &own;
    memset(reading, 0, sizeof(*reading));
    if (journal_read(path, take_entry, reading, &err) < 0)
        fail_msg("%s", err.message);
    return reading->count;
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) < 0 ? -1 : st.st_size;
}

static void check_text(const json_t *entry, const char *key, const char *expected)
{
    const char *text = json_string_value(json_object_get(entry, key));

    if (!expected)
        assert_null(json_object_get(entry, key));
    else if (!text || strcmp(text, expected) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", key, text ? text : "nothing", expected);
}

static json_int_t number_of(const json_t *entry, const char *key)
{
    return json_integer_value(json_object_get(entry, key));
}

static void an_entry_says_what_applies(void **state)
{
    const struct violation stranger = {.rule = RULE_NON_ENV_PROCESSES,
                                       .remedy = REMEDY_TERMINATE,
                                       .uid = (uid_t)-1,
                                       .pid = 7,
                                       .command = "a\033\377b"};
    const struct violation attachment = {
        .rule = RULE_MAX_DEVICES, .remedy = REMEDY_DETACH, .uid = 0, .eid = "x", .used = UINT64_MAX, .allowed = 0};
    cleanup_json json_t *all = journal_entry("failed", "gpu-1", &found, "no", "Cannot");
    cleanup_json json_t *little = journal_entry("found", "", &stranger, NULL, NULL);
    cleanup_json json_t *other = journal_entry("detached", "", &attachment, NULL, "");
    struct timespec time;

    (void)state;
    assert_int_equal(json_object_size(all), 16);
    assert_int_equal(rfc3339_parse(json_string_value(json_object_get(all, "time")), &time), 0);
    check_text(all, "event", "failed");
    check_text(all, "host", "gpu-1");
    check_text(all, "rule", "env-memory");
    check_text(all, "command", "python train.py");
    check_text(all, "eid", "1573");
    check_text(all, "username", "paul");
    check_text(all, "error", "no");
    check_text(all, "message", "Cannot");
    assert_int_equal(number_of(all, "pid"), 42);
    assert_int_equal(number_of(all, "start_time"), 98765);
    assert_int_equal(number_of(all, "uid"), USER_A);
    assert_int_equal(number_of(all, "device"), 1);
    assert_int_equal(number_of(all, "used"), 5000000000);
    assert_int_equal(number_of(all, "allowed"), 4000000000);

    assert_int_equal(json_object_size(little), 6);
    check_text(little, "command", "a??b");
    assert_int_equal(number_of(little, "device"), 0);
    assert_true(json_is_integer(json_object_get(little, "device")));

    assert_int_equal(json_object_size(other), 8);
    assert_null(json_object_get(other, "pid"));
    assert_true(json_is_integer(json_object_get(other, "uid")));
    assert_true(number_of(other, "used") == INT64_MAX && json_is_integer(json_object_get(other, "allowed")));
}

static void expect_no_entry(const char *line)
{
    if (journal_entry_from_line(line, strlen(line)))
        fail_msg("taken for an entry: %s", line);
}

/* Another host may send anything, and its lines end up on terminals and in the journal. */
static void nothing_harmful_gets_into_an_entry(void **state)
{
    static const char line[] = "{\"message\": \"a\\u001b[2J\\nb\", \"event\": \"found\", \"pid\": 7, \"used\": 1.5,"
                               " \"\\u009b2J\": 1, \"eid\": {\"a\": \"\\u009b2J\"}, \"error\": [\"\\u202e\"],"
                               " \"time\": \"2026-11-20T10:14:12Z\"}\n";
    cleanup_json json_t *entry = journal_entry_from_line(line, strlen(line));
    cleanup_free char *printed = entry ? json_dumps(entry, JSON_COMPACT) : NULL;

    (void)state;
    assert_non_null(printed);
    assert_string_equal(printed,
                        "{\"time\":\"2026-11-20T10:14:12Z\",\"event\":\"found\",\"pid\":7,\"message\":\"a?[2J?b\"}");
    expect_no_entry("");
    expect_no_entry("Welcome to one");
    expect_no_entry("{\"event\": \"found\"}");
    expect_no_entry("{\"time\": \"2026-11-20T10:14:12Z\", \"event\": 1}");
    expect_no_entry("{\"time\": \"2026-11-20T10:14:12Z\", \"event\": \"\"}");
    expect_no_entry("[\"time\", \"event\"]");
}

static void what_is_written_reads_again(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");
    struct log *journal = open_journal(path);
    struct genv_error err = {0};
    struct reading reading;
    struct stat st;
    mode_t mask = umask(077);

    assert_int_equal(journal_read(path, take_entry, &reading, &err), -ENOENT);
    assert_int_equal(size_of(path), -1); /* no line, no file */
    assert_int_equal(write_line(journal, "one\ntwo", NULL), 0);
    assert_int_equal(write_line(journal, "last", NULL), 0);
    umask(mask);
    assert_int_equal(count_entries(path, &reading), 2);
    assert_string_equal(reading.first, "one?two");
    assert_string_equal(reading.last, "last");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    log_close(journal);
    journal = open_journal(path);
    assert_int_equal(write_line(journal, "more", NULL), 0);
    assert_int_equal(count_entries(path, NULL), 3);
    log_close(journal);
    log_close(NULL);
}

static void what_is_no_entry_is_passed_over(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");
    struct log *journal = open_journal(path);
    struct reading reading;

    unit_write(*state, "log",
               "nonsense\n\n[]\n{\"time\": 1, \"event\": \"found\"}\n{\"time\": \"now\"}\n\377\n{\"time\": \"cut");
    assert_int_equal(count_entries(path, NULL), 0);
    assert_int_equal(write_line(journal, "whole", NULL), 0); /* not glued to what a killed writer left */
    assert_int_equal(count_entries(path, &reading), 1);
    assert_string_equal(reading.last, "whole");
    log_close(journal);
}

/* That @path is neither written to nor read from, at once or after it was opened in peace. */
static void check_refused(const char *path)
{
    struct log *journal = NULL;
    struct genv_error err = {0}, reading = {0};

    assert_int_equal(log_open(path, &journal, &err), -EPERM);
    assert_null(journal);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(journal_read(path, take_entry, &(struct reading){0}, &reading), -EPERM);
    assert_string_not_equal(reading.message, "");
}

static void planted_files_are_refused(void **state)
{
    cleanup_free char *target = unit_path(*state, "target"), *link = unit_path(*state, "link");
    cleanup_free char *dangling = unit_path(*state, "dangling"), *nothing = unit_path(*state, "nothing");
    cleanup_free char *fifo = unit_path(*state, "fifo"), *folder = unit_path(*state, "folder");
    cleanup_free char *second = unit_path(*state, "second"), *theirs = unit_path(*state, "theirs");

    unit_write(*state, "target", "precious");
    assert_int_equal(symlink(target, link), 0);
    check_refused(link);
    assert_int_equal(symlink(nothing, dangling), 0);
    check_refused(dangling);
    assert_int_equal(size_of(nothing), -1);
    assert_int_equal(mkfifo(fifo, 0666), 0);
    check_refused(fifo);
    assert_int_equal(mkdir(folder, 0777), 0);
    check_refused(folder);
    if (unit_can_be_others()) {
        unit_write(*state, "theirs", "{}");
        assert_int_equal(chown(theirs, USER_A, USER_A), 0);
        check_refused(theirs);
        assert_int_equal(size_of(theirs), 2);
    }
    assert_int_equal(size_of(target), 8);
    assert_int_equal(linkat(AT_FDCWD, target, AT_FDCWD, second, 0), 0);
    check_refused(second);
    assert_int_equal(size_of(target), 8);
}

static void also_when_they_are_planted_later(void **state)
{
    cleanup_free char *target = unit_path(*state, "target"), *path = unit_path(*state, "log");
    struct log *journal = open_journal(path);
    struct genv_error err = {0};

    unit_write(*state, "target", "precious");
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(write_line(journal, "no", &err), -EPERM);
    unlink(path);
    assert_int_equal(write_line(journal, "yes", NULL), 0);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(write_line(journal, "no", &err), -EPERM);
    assert_int_equal(size_of(target), 8);
    unlink(path);
    assert_int_equal(write_line(journal, "yes", NULL), 0);
    assert_int_equal(count_entries(path, NULL), 1);
    log_close(journal);
}

static int read_and_write_roots(void *data)
{
    cleanup_free char *path = unit_path(data, "log"), *planted = unit_path(data, "planted");
    struct log *journal = NULL;
    struct genv_error err = {0};
    struct reading reading = {0};

    require(journal_read(path, take_entry, &reading, NULL) == 0 && reading.count == 1);
    require(log_open(path, &journal, &err) == -EACCES && *err.message);
    require(journal_read(planted, take_entry, &reading, NULL) == -EPERM);
    return 0;
}

static void everybody_reads_what_root_wrote(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *planted = unit_path(*state, "planted");
    struct log *journal = open_journal(path);

    skip_unless_root();
    assert_int_equal(write_line(journal, "roots", NULL), 0);
    unit_write(*state, "planted", "{}");
    assert_int_equal(chown(planted, USER_B, USER_B), 0);
    assert_int_equal(unit_fork(USER_A, read_and_write_roots, *state), 0);
    log_close(journal);
}

static void a_folder_behind_a_strangers_link_is_refused(void **state)
{
    cleanup_free char *folder = unit_path(*state, "folder"), *link = unit_path(*state, "link");
    cleanup_free char *path = unit_path(link, "log");
    struct log *journal = NULL;

    skip_unless_root();
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(symlink(folder, link), 0);
    assert_int_equal(log_open(path, &journal, NULL), 0);
    log_close(journal);
    assert_int_equal(lchown(link, USER_A, USER_A), 0);
    assert_int_equal(log_open(path, &journal, NULL), -ELOOP);
}

static void a_full_file_makes_way(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *rotated = unit_path(*state, "log.1");
    struct log *journal = open_journal(path), *other = open_journal(path);
    size_t written = 0, before;
    struct reading reading;
    char message[64];

    while (size_of(rotated) < 0) {
        snprintf(message, sizeof(message), "line %zu", written++);
        assert_int_equal(write_line(journal, message, NULL), 0);
        assert_true(size_of(path) < LOG_SIZE_MAX + 1024);
    }
    assert_int_equal(write_line(other, "of another", NULL), 0); /* to the new file */
    assert_int_equal(count_entries(path, &reading), written + 1);
    assert_string_equal(reading.first, "line 0");
    assert_string_equal(reading.last, "of another");
    before = (size_t)size_of(rotated);
    assert_true(before >= LOG_SIZE_MAX && size_of(path) < 1024);
    while (size_of(path) >= 1024 || size_of(path) < 700) /* once more: what was rotated first is gone */
        assert_int_equal(write_line(journal, "second", NULL), 0);
    while (size_of(path) > 700)
        assert_int_equal(write_line(other, "second", NULL), 0);
    assert_true(count_entries(path, &reading) > 1000);
    assert_string_not_equal(reading.first, "line 0");
    assert_int_equal(unit_count_entries(*state), 3); /* and the world's */
    log_close(journal);
    log_close(other);
}

static void a_rotation_that_fails_is_said_once_and_loses_nothing(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *rotated = unit_path(*state, "log.1");
    cleanup_free char *file = NULL;
    struct log *journal = open_journal(path);
    struct genv_error err = {0};
    struct reading reading = {0};

    assert_int_equal(mkdir(rotated, 0777), 0);
    unit_write(rotated, "file", "");
    assert_int_equal(write_line(journal, "small", NULL), 0);
    assert_int_equal(truncate(path, LOG_SIZE_MAX), 0);
    assert_true(write_line(journal, "large", &err) < 0);
    assert_non_null(strstr(err.message, "cannot rotate"));
    assert_int_equal(write_line(journal, "larger", NULL), 0);
    file = unit_path(rotated, "file");
    unlink(file);
    rmdir(rotated);
    assert_int_equal(write_line(journal, "small again", NULL), 0);
    assert_int_equal(count_entries(path, &reading), 4);
    assert_string_equal(reading.last, "small again");
    assert_true(size_of(path) < 1024);
    log_close(journal);
}

#define WRITERS 2
#define LINES   2500

static int write_many(void *data)
{
    struct log *journal = open_journal(data);
    char message[200];

    for (int i = 0; i < LINES; i++) {
        memset(message, 'a' + i % 26, sizeof(message));
        message[i % (int)sizeof(message)] = '\0';
        require(write_line(journal, message, NULL) == 0);
    }
    log_close(journal);
    return 0;
}

/* More than one file holds, so that one of the writers rotates it. */
static void lines_of_several_writers_stay_whole(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *rotated = unit_path(*state, "log.1");
    pid_t pids[WRITERS];

    for (size_t i = 0; i < WRITERS; i++)
        pids[i] = unit_start((uid_t)-1, write_many, path);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(unit_wait(pids[i]), 0);
    assert_true(size_of(rotated) >= LOG_SIZE_MAX);
    assert_int_equal(count_entries(path, NULL), WRITERS * LINES);
}

static int hold_the_lock(void *data)
{
    int fd = open(data, O_RDONLY | O_CLOEXEC);

    require(fd >= 0 && flock(fd, LOCK_SH) == 0);
    while (pause() < 0)
        ;
    return 0;
}

static void nobody_keeps_it_from_writing(void **state)
{
    cleanup_free char *path = unit_path(*state, "log"), *rotated = unit_path(*state, "log.1");
    struct log *journal = open_journal(path);
    pid_t holder;
    int fd;

    assert_int_equal(write_line(journal, "first", NULL), 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    holder = unit_start(unit_can_be_others() ? USER_A : (uid_t)-1, hold_the_lock, path);
    while (flock(fd, LOCK_EX | LOCK_NB) == 0) { /* until it is his */
        flock(fd, LOCK_UN);
        usleep(1000);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(write_line(journal, "locked", NULL), 0);
    assert_int_equal(count_entries(path, NULL), 101);
    assert_int_equal(truncate(path, 2 * LOG_SIZE_MAX), 0); /* nor from rotating for ever */
    assert_int_equal(write_line(journal, "rotated", NULL), 0);
    assert_true(size_of(path) < 1024 && size_of(rotated) >= LOG_SIZE_MAX);
    world_end(holder);
    close(fd);
    log_close(journal);
}

static bool ends_in_a_line(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char last = '\0';

    return fd >= 0 && pread(fd, &last, 1, size_of(path) - 1) == 1 && last == '\n';
}

static int fill_a_disk(void *data)
{
    cleanup_free char *path = unit_path(data, "log"), *filler = unit_path(data, "filler");
    struct genv_error err = {0};
    struct reading reading = {0};
    struct log *journal;
    size_t written = 0;
    int fd, r;

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77; /* the latter in a chroot */
    require(mount("tmpfs", data, "tmpfs", 0, "size=64k") == 0);
    fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    require(fd >= 0 && ftruncate(fd, 0) == 0 && posix_fallocate(fd, 0, 32768) == 0);
    require(log_open(path, &journal, NULL) == 0);
    while ((r = write_line(journal, "a line that does not divide a page", &err)) == 0)
        written++;
    require(r == -ENOSPC && *err.message && written > 50);
    require(write_line(journal, "no room", NULL) == -ENOSPC);
    require(ends_in_a_line(path)); /* the half that there was room for was taken back */
    require(journal_read(path, take_entry, &reading, NULL) == 0 && reading.count == written);
    require(ftruncate(fd, 0) == 0);
    require(write_line(journal, "room again", NULL) == 0);
    reading.count = 0;
    require(journal_read(path, take_entry, &reading, NULL) == 0 && reading.count == written + 1);
    require(strcmp(reading.last, "room again") == 0);
    log_close(journal);
    return 0;
}

static void a_full_disk_is_an_error_and_leaves_whole_lines(void **state)
{
    int status;

    skip_unless_root();
    status = unit_fork((uid_t)-1, fill_a_disk, *state);
    skip_unless(status != 77, "no mount namespace of one's own is to be had");
    assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
    TEST(an_entry_says_what_applies),
    TEST(nothing_harmful_gets_into_an_entry),
    TEST(what_is_written_reads_again),
    TEST(what_is_no_entry_is_passed_over),
    TEST(planted_files_are_refused),
    TEST(also_when_they_are_planted_later),
    TEST(everybody_reads_what_root_wrote),
    TEST(a_folder_behind_a_strangers_link_is_refused),
    TEST(a_full_file_makes_way),
    TEST(a_rotation_that_fails_is_said_once_and_loses_nothing),
    TEST(lines_of_several_writers_stay_whole),
    TEST(nobody_keeps_it_from_writing),
    TEST(a_full_disk_is_an_error_and_leaves_whole_lines),
};

UNIT_MAIN(tests)
