/* Events as data: lines that anybody may have written, and what makes one environment of another. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "model/event.h"

#define ATTACHED                                                                                                       \
    "{\"time\":\"2026-11-20T10:14:12.345Z\",\"event\":\"attached\",\"reason\":\"asked\",\"eid\":\"1573\","             \
    "\"created\":\"2026-11-20T10:14:10.000Z\",\"uid\":1004,\"by\":0,\"name\":\"Yesterday\",\"gpus\":0,"                \
    "\"gpu_memory\":4000000000,\"uuid\":\"GPU-1\",\"device\":0,\"capacity\":4000000000,"                               \
    "\"attached\":\"2026-11-20T10:14:12.345Z\"}"

static char *encode(const struct genv_event *event)
{
    cleanup_json json_t *json = event_encode(event);

    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static void a_line_reads_as_it_was_written(void **state)
{
    static const char *const lines[] = {
        ATTACHED,
        "{\"time\":\"2026-11-20T10:14:12.345Z\",\"event\":\"ended\",\"reason\":\"gone\",\"eid\":\"1573\","
        "\"created\":\"1970-01-01T00:00:00.000Z\",\"uid\":4294967294,\"by\":0}",
        "{\"time\":\"2026-11-20T10:14:12.345Z\",\"event\":\"entered\",\"reason\":\"asked\",\"eid\":\"1573\","
        "\"created\":\"2026-11-20T10:14:10.000Z\",\"uid\":0,\"by\":0,\"pid\":4242,\"start_time\":98765,"
        "\"pid_namespace\":4026531836}",
        "{\"time\":\"2026-11-20T10:14:12.345Z\",\"event\":\"left\",\"reason\":\"left\",\"eid\":\"1573\","
        "\"created\":\"2026-11-20T10:14:10.000Z\",\"uid\":0,\"by\":0,\"kernel\":\"f00d\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct genv_event event;
        struct genv_error err = {0};
        cleanup_free char *again = NULL;

        if (event_decode(lines[i], strlen(lines[i]), &event, &err) < 0)
            fail_msg("%s: %s", lines[i], err.message);
        again = encode(&event);
        assert_string_equal(again, lines[i]);
    }
}

/* ATTACHED with the first @part of it replaced. */
static char *replaced(const char *part, const char *with)
{
    const char *at = strstr(ATTACHED, part);
    char *line = NULL;

    assert_non_null(at);
    assert_true(asprintf(&line, "%.*s%s%s", (int)(at - ATTACHED), ATTACHED, with, at + strlen(part)) > 0);
    return line;
}

static void what_is_not_an_event_is_refused(void **state)
{
    static const char *const changes[][2] = {
        {"{", ""},
        {"\"attached\"", "\"exploded\""},
        {"\"attached\"", "\"entered\""},
        {"\"attached\"", "\"ended\""},
        {"\"attached\"", "1"},
        {"\"asked\"", "\"\""},
        {"\"asked\"", "\"a reason that is far too long\""},
        {"\"1573\"", "\"../1573\""},
        {"\"1573\"", "\"\""},
        {"1004", "4294967295"},
        {"1004", "-1"},
        {"1004", "18446744073709551617"},
        {"\"by\":0", "\"by\":1e3"},
        {"Yesterday", "\\u001b[2J"},
        {"Yesterday", "\\u202e"},
        {"\"gpus\":0", "\"gpus\":65536"},
        {"\"device\":0", "\"device\":65536"},
        {"\"device\":0", "\"device\":-1"},
        {"GPU-1", ""},
        {"GPU-1", "GPU\\u0000-1"},
        {"\"uuid\"", "\"pid\":7,\"uuid\""},
        {"\"uuid\"", "\"kernel\":\"x\",\"uuid\""},
        {"\"time\"", "\"when\""},
        {"2026-11-20T10:14:12.345Z", "yesterday"},
        {"\"eid\"", "\"eid\":\"1\",\"eid\""},
        {"4000000000", "-1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        cleanup_free char *line = replaced(changes[i][0], changes[i][1]);
        struct genv_event event = {.uid = 4711};
        struct genv_error err = {0};

        if (event_decode(line, strlen(line), &event, &err) != -EINVAL || !*err.message)
            fail_msg("taken for an event: %s", line);
        assert_int_equal(event.uid, 4711);
    }
}

static void what_a_later_version_adds_is_ignored(void **state)
{
    cleanup_free char *line = replaced("\"uid\"", "\"energy_j\":5,\"uid\""), *again = NULL;
    struct genv_event event;

    (void)state;
    assert_int_equal(event_decode(line, strlen(line), &event, NULL), 0);
    again = encode(&event);
    assert_string_equal(again, ATTACHED);
}

static void a_drivers_uuid_is_made_printable(void **state)
{
    struct genv_event event;
    cleanup_free char *line = NULL;

    (void)state;
    assert_int_equal(event_decode(ATTACHED, strlen(ATTACHED), &event, NULL), 0);
    strcpy(event.attachment.device.uuid, "\377\033");
    line = encode(&event);
    assert_non_null(strstr(line, "\"uuid\":\"??\""));
}

#define MANY 20000

/* As many as a record of a megabyte holds. */
static void of_many_devices_the_one_that_goes_is_told(void **state)
{
    struct genv_env before = {.eid = "x", .attachments = calloc(MANY, sizeof(*before.attachments))}, after = before;
    const struct event_cause cause = {.reason = GENV_REASON_ASKED};
    struct event_list list = {0};

    (void)state;
    require(before.attachments);
    for (int i = 0; i < MANY; i++)
        snprintf(before.attachments[i].device.uuid, GENV_UUID_SIZE, "GPU-%d", i);
    before.attachment_count = MANY;
    after.attachments = before.attachments + 1; /* all but the first */
    after.attachment_count = MANY - 1;
    assert_int_equal(event_list_add_changes(&list, &before, &after, &cause), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.events[0].kind, GENV_EVENT_DETACHED);
    assert_string_equal(list.events[0].attachment.device.uuid, "GPU-0");
    assert_int_equal(event_list_add_changes(&list, &after, NULL, &cause), 0);
    assert_int_equal(list.count, MANY + 1); /* all others, and the end */
    assert_int_equal(list.events[MANY].kind, GENV_EVENT_ENDED);
    event_list_release(&list);
    free(before.attachments);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_line_reads_as_it_was_written),
    cmocka_unit_test(what_is_not_an_event_is_refused),
    cmocka_unit_test(what_a_later_version_adds_is_ignored),
    cmocka_unit_test(a_drivers_uuid_is_made_printable),
    cmocka_unit_test(of_many_devices_the_one_that_goes_is_told),
};

UNIT_MAIN(tests)
