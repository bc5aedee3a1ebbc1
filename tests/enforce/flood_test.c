/* What one user causes much of: summed up, and kept apart from what was done to processes. */
#include "world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/text.h"
#include "enforce/journal.h"
#include "enforce/tally.h"
#include "enforce/warning.h"

static struct violation violation_of(const char *username, pid_t pid)
{
    struct violation violation = {.rule = RULE_MAX_DEVICES,
                                  .remedy = pid ? REMEDY_TERMINATE : REMEDY_DETACH,
                                  .uid = USER_A,
                                  .eid = "x",
                                  .pid = pid};

    snprintf(violation.username, sizeof(violation.username), "%s", username);
    return violation;
}

static json_t *entry_of_host(const char *event, const char *host, const char *username, const char *message)
{
    const struct violation violation = violation_of(username, 0);
    json_t *entry = journal_entry(event, host, &violation, NULL, message);

    assert_non_null(entry);
    return entry;
}

static json_t *entry_of(const char *event, const char *username, const char *message)
{
    return entry_of_host(event, "", username, message);
}

static struct journal *open_journal(const char *path)
{
    struct journal *journal = NULL;
    struct genv_error err = {0};

    if (journal_open(path, false, &journal, &err) < 0)
        fail_msg("%s", err.message);
    return journal;
}

static void write_entry(struct journal *journal, const char *event, const char *message)
{
    cleanup_json json_t *entry = entry_of(event, "paul", message);

    assert_int_equal(journal_write(journal, entry, NULL), 0);
}

struct reading {
    size_t count;
    char first[64], last[64];
    struct text processes; /* what is not about detachments */
};

static void take(json_t *entry, void *data)
{
    struct reading *reading = data;
    const char *message = json_string_value(json_object_get(entry, "message"));

    snprintf(reading->last, sizeof(reading->last), "%.60s", message ? message : "");
    if (!reading->count++)
        memcpy(reading->first, reading->last, sizeof(reading->first));
    if (strcmp(json_string_value(json_object_get(entry, "event")), "detached") != 0) {
        text_add(&reading->processes, reading->last);
        text_add(&reading->processes, " ");
    }
}

/* text_release() its processes. */
static struct reading read_all(const char *path)
{
    struct reading reading = {0};
    struct genv_error err = {0};

    if (journal_read(path, take, &reading, &err) < 0)
        fail_msg("%s", err.message);
    return reading;
}

static size_t count_all(const char *path)
{
    struct reading reading = read_all(path);

    text_release(&reading.processes);
    return reading.count;
}

static void no_flood_drops_what_was_done_to_processes(void **state)
{
    cleanup_free char *path = unit_path(*state, "log");
    struct journal *journal = open_journal(path);
    struct reading reading;
    char message[1024];

    write_entry(journal, "terminated", "one");
    write_entry(journal, "killed", "two");
    memset(message, 'x', sizeof(message));
    message[sizeof(message) - 1] = '\0';
    for (size_t i = 0; i < 3 * LOG_SIZE_MAX / sizeof(message); i++)
        write_entry(journal, "detached", message);
    usleep(2000); /* times are in milliseconds */
    write_entry(journal, "terminated", "three");
    reading = read_all(path);
    assert_string_equal(reading.processes.data, "one two three ");
    assert_string_equal(reading.first, "one");
    assert_string_equal(reading.last, "three");
    text_release(&reading.processes);
    journal_close(journal);
}

static void both_logs_read_as_one(void **state)
{
    static const char *const events[] = {"found", "terminated", "detached", "killed", "found"};
    cleanup_free char *path = unit_path(*state, "log"), *processes = unit_path(*state, "log" JOURNAL_PROCESSES);
    struct journal *journal = open_journal(path);
    struct reading reading = {0};
    struct genv_error err = {0};
    char expected[64] = "", message[16];

    assert_int_equal(journal_read(path, take, &reading, &err), -ENOENT);
    for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
        snprintf(message, sizeof(message), "%zu", i);
        write_entry(journal, events[i], message);
        if (strcmp(events[i], "detached") != 0)
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%zu ", i);
        usleep(2000); /* times are in milliseconds */
    }
    reading = read_all(path);
    assert_int_equal(reading.count, ARRAY_SIZE(events));
    assert_string_equal(reading.processes.data, expected);
    text_release(&reading.processes);
    assert_int_equal(unlink(path), 0); /* either of them may be missing */
    assert_int_equal(count_all(path), 2);
    assert_int_equal(unlink(processes), 0);
    write_entry(journal, "found", "again");
    assert_int_equal(count_all(path), 1);
    assert_int_equal(mkdir(processes, 0755), 0);
    assert_int_equal(count_all(path), 1); /* whatever anybody puts there */
    journal_close(journal);
}

/* How many entries are told one by one, of @count. */
static size_t admit(struct tally *tally, const char *event, const char *username, size_t count, int64_t now_ms)
{
    size_t told = 0;

    for (size_t i = 0; i < count; i++) {
        cleanup_json json_t *entry = entry_of(event, username, "message");

        told += tally_admit(tally, entry, now_ms);
    }
    return told;
}

static void take_sum(json_t *entry, void *data)
{
    struct text *summed = data;

    assert_true(json_is_integer(json_object_get(entry, "count")));
    assert_string_equal(json_string_value(json_object_get(entry, "rule")), "max-devices-per-user");
    text_addf(summed, "%s\n", json_string_value(json_object_get(entry, "message")));
}

/* That it comes to @expected. */
static void check_sum(struct tally *tally, int64_t now_ms, bool all, const char *expected)
{
    cleanup_text struct text summed = TEXT_INIT;

    text_add(&summed, "");
    tally_sum(tally, now_ms, all, take_sum, &summed);
    assert_string_equal(summed.data, expected);
}

static void many_are_summed_up(void **state)
{
    struct tally tally = {0};

    (void)state;
    assert_int_equal(admit(&tally, "found", "paul", TALLY_LINES, 0), TALLY_LINES);
    check_sum(&tally, 0, false, "");
    assert_int_equal(admit(&tally, "found", "paul", 5, 0), 0);
    assert_int_equal(admit(&tally, "found", "mary", 5, 0), 5); /* she is not to blame */
    assert_int_equal(admit(&tally, "detached", "paul", 5, 0), 5);
    check_sum(&tally, 0, false, "5 more 'found' entries about paul\n");
    assert_int_equal(admit(&tally, "found", "paul", 3, 1), 0);
    check_sum(&tally, 1, false, ""); /* said a moment ago */
    assert_int_equal(admit(&tally, "found", "paul", 1, TALLY_MS), 0);
    check_sum(&tally, TALLY_MS, false, "4 more 'found' entries about paul\n");
    assert_int_equal(admit(&tally, "found", "paul", TALLY_LINES + 1, TALLY_MS + 1), TALLY_LINES);
    check_sum(&tally, TALLY_MS + 2, true, "1 more 'found' entries about paul\n");
    check_sum(&tally, TALLY_MS + 2, true, "");
    tally_release(&tally);
}

/* A host may say anything, also that it has a hundred thousand users. */
static void users_who_are_made_up_take_no_memory(void **state)
{
    struct tally tally = {0};
    size_t told = 0;
    char username[16];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(username, sizeof(username), "u%d", i);
        told += admit(&tally, "found", username, 1, 0);
    }
    assert_int_equal(told, 5000 - 3945);
    assert_int_equal(tally.count, 1024);
    check_sum(&tally, 0, false, "3945 more 'found' entries about u4999\n");
    check_sum(&tally, TALLY_MS, false, "");
    assert_int_equal(tally.count, 0);
    tally_release(&tally);
}

/* What such a host says costs the others nothing: each of their users is told of by name. */
static void a_host_that_makes_users_up_shares_nothing_with_others(void **state)
{
    static const char *const hosts[] = {"hostile", "honest", "honest"}, *const users[] = {NULL, "paul", "mary"};
    struct tally tally = {0};
    char username[16];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        cleanup_json json_t *entry = NULL;

        snprintf(username, sizeof(username), "u%d", i);
        entry = entry_of_host("found", hosts[0], username, "message");
        tally_admit(&tally, entry, 0);
    }
    for (size_t user = 1; user < ARRAY_SIZE(users); user++) {
        for (size_t i = 0; i < TALLY_LINES + user; i++) {
            cleanup_json json_t *entry = entry_of_host("found", hosts[user], users[user], "message");

            assert_int_equal(tally_admit(&tally, entry, 0), i < TALLY_LINES);
        }
    }
    check_sum(&tally, 0, false,
              "945 more 'found' entries about u1999\n"
              "1 more 'found' entries about paul\n"
              "2 more 'found' entries about mary\n");
    tally_release(&tally);
}

static void a_user_is_warned_of_as_much_as_he_reads(void **state)
{
    cleanup_violation_list struct violation_list list = {0}, chosen = {0};
    struct violation theirs = violation_of("mary", 7);

    (void)state;
    theirs.uid = USER_B;
    for (pid_t pid = 1; pid <= 3 * WARNINGS_MAX; pid++) {
        const struct violation violation = violation_of("paul", pid);

        assert_int_equal(violation_list_add(&list, &violation), 0);
    }
    assert_int_equal(violation_list_add(&list, &theirs), 0);
    assert_int_equal(warnings_choose(&list, &chosen), 0);
    assert_int_equal(chosen.count, WARNINGS_MAX + 1);
    assert_int_equal(chosen.items[0].pid, 1);
    assert_int_equal(chosen.items[WARNINGS_MAX].uid, USER_B);
}

static const struct CMUnitTest tests[] = {
    TEST(no_flood_drops_what_was_done_to_processes),
    TEST(both_logs_read_as_one),
    TEST(many_are_summed_up),
    TEST(users_who_are_made_up_take_no_memory),
    TEST(a_host_that_makes_users_up_shares_nothing_with_others),
    TEST(a_user_is_warned_of_as_much_as_he_reads),
};

WORLD_MAIN(tests)
