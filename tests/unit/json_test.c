/* JSON by table. */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct point {
    int x;
    char label[8];
};

struct sample {
    char text[8];
    char note[8];
    uint64_t number;
    uint64_t maybe_number;
    int small;
    int maybe_small;
    bool flag;
    bool maybe_flag;
    struct timespec time;
    struct point *points;
    size_t point_count;
};

static const struct json_field point_fields[] = {
    {.key = "x", .kind = JSON_KIND_I32, .offset = offsetof(struct point, x), .identity = true},
    {.key = "label", .kind = JSON_KIND_TEXT, .offset = offsetof(struct point, label), .size = 8},
};
static const struct json_table point_table = {sizeof(struct point), ARRAY_SIZE(point_fields), point_fields};

static const struct json_field fields[] = {
    {.key = "text", .kind = JSON_KIND_TEXT, .offset = offsetof(struct sample, text), .size = 8},
    {.key = "note", .kind = JSON_KIND_TEXT, .offset = offsetof(struct sample, note), .size = 8, .optional = true},
    {.key = "number", .kind = JSON_KIND_U64, .offset = offsetof(struct sample, number)},
    {.key = "maybe_number",
     .kind = JSON_KIND_U64,
     .offset = offsetof(struct sample, maybe_number),
     .optional = true,
     .absent = 7},
    {.key = "small", .kind = JSON_KIND_I32, .offset = offsetof(struct sample, small)},
    {.key = "maybe_small",
     .kind = JSON_KIND_I32,
     .offset = offsetof(struct sample, maybe_small),
     .optional = true,
     .absent = -1},
    {.key = "flag", .kind = JSON_KIND_BOOL, .offset = offsetof(struct sample, flag)},
    {.key = "maybe_flag", .kind = JSON_KIND_BOOL, .offset = offsetof(struct sample, maybe_flag), .optional = true},
    {.key = "time", .kind = JSON_KIND_TIME, .offset = offsetof(struct sample, time)},
    {.key = "points",
     .kind = JSON_KIND_ARRAY,
     .offset = offsetof(struct sample, points),
     .count_offset = offsetof(struct sample, point_count),
     .element = &point_table},
};
static const struct json_table table = {sizeof(struct sample), ARRAY_SIZE(fields), fields};

/* A whole object, with the value of @key replaced by @value (NULL: removed). */
static char *make_text(const char *key, const char *value)
{
    static const struct {
        const char *key, *value;
    } values[] = {
        {"text", "\"abc\""},
        {"number", "42"},
        {"small", "3"},
        {"flag", "true"},
        {"time", "\"2026-11-20T10:14:12.345Z\""},
        {"points", "[{\"x\": 1, \"label\": \"a\"}, {\"x\": 2, \"label\": \"\"}]"},
    };
    struct text text = TEXT_INIT;
    const char *separator = "{";
    bool placed = false;

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        bool mine = strcmp(values[i].key, key) == 0;

        placed |= mine;
        if (mine && !value)
            continue;
        text_addf(&text, "%s\"%s\": %s", separator, values[i].key, mine ? value : values[i].value);
        separator = ", ";
    }
    if (!placed && value)
        text_addf(&text, "%s\"%s\": %s", separator, key, value);
    text_add(&text, "}");
    return text_take(&text);
}

static int decode(const char *text, struct sample *sample, struct genv_error *err)
{
    cleanup_json json_t *json = json_parse(text, strlen(text), err);

    memset(sample, 0, sizeof(*sample));
    return json ? json_decode(json, &table, sample, err) : -EINVAL;
}

static void every_kind_is_decoded(void **state)
{
    cleanup_free char *text = make_text("unknown", "[null, 1.5, {}]"); /* a key of a later version */
    struct sample sample;

    (void)state;
    assert_int_equal(decode(text, &sample, NULL), 0);
    assert_string_equal(sample.text, "abc");
    assert_string_equal(sample.note, "");
    assert_int_equal(sample.number, 42);
    assert_int_equal(sample.maybe_number, 7);
    assert_int_equal(sample.small, 3);
    assert_int_equal(sample.maybe_small, -1);
    assert_true(sample.flag);
    assert_false(sample.maybe_flag);
    assert_int_equal(sample.time.tv_sec, 1795169652);
    assert_int_equal(sample.time.tv_nsec, 345000000);
    assert_int_equal(sample.point_count, 2);
    assert_int_equal(sample.points[1].x, 2);
    assert_string_equal(sample.points[0].label, "a");
    free(sample.points);
}

static void what_does_not_fit_is_refused_with_its_key(void **state)
{
    static const struct {
        const char *key, *value;
    } refused[] = {
        {"text", NULL},
        {"text", "1"},
        {"text", "null"},
        {"text", "\"12345678\""}, /* no room for its end */
        {"text", "\"a\\nb\""},
        {"text", "\"\\u001b\""},
        {"text", "\"\\u202e\""},
        {"note", "5"},
        {"note", "\"much too long\""},
        {"number", NULL},
        {"number", "-1"},
        {"number", "1.0"},
        {"number", "\"1\""},
        {"number", "true"},
        {"maybe_number", "null"},
        {"small", NULL},
        {"small", "-1"},
        {"small", "2147483648"},
        {"small", "4294967297"},
        {"maybe_small", "\"\""},
        {"flag", NULL},
        {"flag", "1"},
        {"flag", "\"true\""},
        {"maybe_flag", "0"},
        {"time", NULL},
        {"time", "0"},
        {"time", "\"yesterday\""},
        {"points", NULL},
        {"points", "{}"},
        {"points", "\"\""},
        {"points", "[1]"},
        {"points", "[{\"x\": 1, \"label\": \"a\"}, {\"x\": 1}]"},
        {"points", "[[]]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        cleanup_free char *text = make_text(refused[i].key, refused[i].value), *quoted = NULL, *element = NULL;
        struct genv_error err = {0};
        struct sample sample;
        int r = decode(text, &sample, &err);

        free(sample.points);
        if (r != -EINVAL)
            fail_msg("accepted: %s", text);
        assert_int_equal(err.code, EINVAL);
        assert_true(asprintf(&quoted, "'%s' ", refused[i].key) > 0 && asprintf(&element, "%s[", refused[i].key) > 0);
        assert_true(strncmp(err.message, quoted, strlen(quoted)) == 0 ||
                    strncmp(err.message, element, strlen(element)) == 0);
    }
}

static void the_place_in_an_array_is_told(void **state)
{
    cleanup_free char *text = make_text("points", "[{\"x\": 1, \"label\": \"a\"}, {\"x\": -1, \"label\": \"\"}]");
    struct genv_error err = {0};
    struct sample sample;

    (void)state;
    assert_int_equal(decode(text, &sample, &err), -EINVAL);
    assert_string_equal(err.message, "points[1]: 'x' is not a whole number below 2^31");
    free(sample.points);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        " ",
        "{",
        "{}}",
        "{} x",
        "{\"a\": 1, \"a\": 2}", /* which one would count? */
        "{\"a\": \"\\u0000\"}", /* two different texts would read alike */
        "{'a': 1}",
        "{\"a\": 1,}",
        "{\"a\": 99999999999999999999}",
        "{\"a\": \"\xff\"}",
        "{\"a\": \"\xed\xa0\x80\"}",
        "{\"a\": \"\\ud800\"}",
        "// comment\n{}",
        "\xef\xbb\xbf{}",
        "nonsense \x1b[31m\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct genv_error err = {0};
        json_t *json = json_parse(refused[i], strlen(refused[i]), &err);

        if (json)
            fail_msg("accepted: %s", refused[i]);
        assert_int_equal(err.code, EINVAL);
        assert_true(utf8_is_printable(err.message));
    }
    assert_null(json_parse("{}\0", 3, NULL)); /* a NUL behind it */
}

static void values_that_are_no_objects_do_not_decode(void **state)
{
    static const char *const values[] = {"[]", "[{}]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct sample sample;

        assert_int_equal(decode(values[i], &sample, NULL), -EINVAL);
    }
}

static void depth_has_a_limit(void **state)
{
    static const char quoted[] = "[\"[[[[[[[[[[[[[[[[[[[[[\\\"{{{{{{\", \"]]]\"]";
    static char deep[200001];
    json_t *json;

    (void)state;
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        json = json_parse(deep, 2 * depth, NULL);
        assert_int_equal(json != NULL, depth <= JSON_DEPTH_MAX);
        json_decref(json);
    }
    json = json_parse(quoted, strlen(quoted), NULL);
    assert_non_null(json);
    json_decref(json);
    assert_null(json_parse("\"[[[[[[[[[[[[[[[[[[[[[[[\\", 25, NULL));
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    json = json_parse(deep, 200000, NULL);
    assert_null(json);
}

static void arrays_have_a_limit(void **state)
{
    for (size_t count = JSON_ARRAY_MAX; count <= JSON_ARRAY_MAX + 1; count++) {
        cleanup_text struct text points = TEXT_INIT;
        cleanup_free char *text = NULL;
        struct sample sample;

        (void)state;
        for (size_t i = 0; i < count; i++)
            text_addf(&points, "%s{\"x\":1,\"label\":\"\"}", i ? "," : "[");
        text_add(&points, "]");
        text = make_text("points", points.data);
        assert_int_equal(decode(text, &sample, NULL), count > JSON_ARRAY_MAX ? -EINVAL : 0);
        assert_int_equal(sample.point_count, count > JSON_ARRAY_MAX ? 0 : count);
        free(sample.points);
    }
}

static void objects_survive_the_round_trip(void **state)
{
    struct point points[] = {{1, "a"}, {INT_MAX, "äöü"}};
    struct sample samples[] = {
        {.text = "a \"b\"", .note = "", .number = 0, .maybe_number = 7, .small = 0, .maybe_small = -1},
        {.text = "",
         .note = "n",
         .number = INT64_MAX,
         .maybe_number = 0,
         .small = INT_MAX,
         .maybe_small = 0,
         .flag = true,
         .maybe_flag = true,
         .time = {.tv_sec = 253402300799, .tv_nsec = 999000000},
         .points = points,
         .point_count = 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        cleanup_json json_t *json = json_encode(&table, &samples[i]);
        struct sample read = {0};

        assert_non_null(json);
        assert_int_equal(json_object_size(json), i == 0 ? 6 : 10); /* what is absent is not written */
        assert_int_equal(json_decode(json, &table, &read, NULL), 0);
        assert_string_equal(read.text, samples[i].text);
        assert_string_equal(read.note, samples[i].note);
        assert_true(read.number == samples[i].number && read.maybe_number == samples[i].maybe_number);
        assert_true(read.small == samples[i].small && read.maybe_small == samples[i].maybe_small);
        assert_true(read.flag == samples[i].flag && read.maybe_flag == samples[i].maybe_flag);
        assert_true(read.time.tv_sec == samples[i].time.tv_sec && read.time.tv_nsec == samples[i].time.tv_nsec);
        assert_int_equal(read.point_count, samples[i].point_count);
        if (read.point_count)
            assert_memory_equal(read.points, points, sizeof(points));
        free(read.points);
    }
}

static void what_can_not_be_said_in_json_is_not_left_out(void **state)
{
    struct point broken = {1, "\xff"};
    struct sample sample = {.text = "\xc3\xa4\xc3", .note = "a\x1b\xff", .points = &broken, .point_count = 1},
                  read = {0};
    cleanup_json json_t *json = json_encode(&table, &sample);

    (void)state;
    assert_int_equal(json_decode(json, &table, &read, NULL), 0);
    assert_string_equal(read.text, "\xc3\xa4?");
    assert_string_equal(read.note, "a??");
    assert_string_equal(read.points->label, "?");
    free(read.points);
}

struct told {
    char text[8];
    uint64_t number;
    int small, copy;
    double real;
    bool flag;
};

static const struct json_field told_fields[] = {
    {.key = "text", .kind = JSON_KIND_TEXT, .offset = offsetof(struct told, text), .size = 8, .nullable = true},
    {.key = "number", .kind = JSON_KIND_U64, .offset = offsetof(struct told, number), .nullable = true, .absent = -1},
    {.key = "small", .kind = JSON_KIND_I32, .offset = offsetof(struct told, small), .nullable = true, .absent = -1},
    {.key = "real", .kind = JSON_KIND_REAL, .offset = offsetof(struct told, real), .nullable = true, .absent = -1},
    {.key = "flag", .kind = JSON_KIND_BOOL, .offset = offsetof(struct told, flag), .nullable = true},
    {.key = "copy", .kind = JSON_KIND_I32, .offset = offsetof(struct told, copy), .derived = true},
};
static const struct json_table told_table = {sizeof(struct told), ARRAY_SIZE(told_fields), told_fields};

static void what_is_unknown_is_null_and_read_as_unknown(void **state)
{
    static const struct {
        struct told told;
        const char *text;
    } all[] = {
        {{"", UINT64_MAX, -1, 3, -1, false},
         "{\"text\":null,\"number\":null,\"small\":null,\"real\":null,\"flag\":false,\"copy\":3}"},
        {{"a", 0, 0, 0, 0.5, true}, "{\"text\":\"a\",\"number\":0,\"small\":0,\"real\":0.5,\"flag\":true,\"copy\":0}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        cleanup_json json_t *json = json_encode(&told_table, &all[i].told), *again = NULL;
        cleanup_free char *text = json_dumps(json, JSON_COMPACT);
        struct told read = {.copy = all[i].told.copy};

        assert_string_equal(text, all[i].text);
        json_object_set_new(json, "copy", json_string("not read"));
        assert_int_equal(json_decode(json, &told_table, &read, NULL), 0);
        again = json_encode(&told_table, &read);
        json_object_set_new(json, "copy", json_integer(read.copy));
        assert_true(json_equal(json, again));
        json_object_del(json, "copy");
        assert_int_equal(json_decode(json, &told_table, &read, NULL), 0);
    }
}

static bool decode_compact(const char *text, struct sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    return json_decode_compact(text, strlen(text), &table, sample);
}

static void what_is_written_compactly_is_read_without_a_tree(void **state)
{
    struct point points[] = {{1, "a"}, {INT_MAX, "äöü"}};
    struct sample samples[] = {
        {.text = "/", .number = 0, .maybe_number = 7, .maybe_small = -1},
        {.text = "ä", .number = INT64_MAX, .small = INT_MAX, .flag = true, .points = points, .point_count = 2},
        {.note = "n", .maybe_number = 1, .maybe_flag = true, .time = {.tv_sec = 1}, .points = points, .point_count = 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        cleanup_json json_t *json = json_encode(&table, &samples[i]), *again = NULL;
        cleanup_free char *text = json_dumps(json, JSON_COMPACT);
        struct sample read;

        if (!decode_compact(text, &read))
            fail_msg("refused: %s", text);
        again = json_encode(&table, &read);
        assert_true(json_equal(json, again));
        free(read.points);
    }
}

#define COMPACT(text, number, more)                                                                                    \
    "{\"text\":" text ",\"number\":" number ",\"small\":1,\"flag\":true,"                                              \
    "\"time\":\"2026-11-20T10:14:12.345Z\",\"points\":" more "}"
#define POINT "{\"x\":1,\"label\":\"a\"}"

static void any_other_form_is_left_to_the_parser(void **state)
{
    static const char *const refused[] = {
        COMPACT("\"abc\"", "1", "[]") " ",
        " " COMPACT("\"abc\"", "1", "[]"),
        COMPACT("\"abc\"", "1", "[]") "}",
        COMPACT("\"abc\"", " 1", "[]"),
        COMPACT("\"abc\"", "1 ", "[]"),
        COMPACT("\"abc\"", "01", "[]"),
        COMPACT("\"abc\"", "-1", "[]"),
        COMPACT("\"abc\"", "1.0", "[]"),
        COMPACT("\"abc\"", "1e3", "[]"),
        COMPACT("\"abc\"", "9223372036854775808", "[]"),
        COMPACT("\"abc\"", "00000000000000000000", "[]"),
        COMPACT("\"abc\"", "", "[]"),
        COMPACT("\"12345678\"", "1", "[]"),
        COMPACT("\"a\\n\"", "1", "[]"),
        COMPACT("\"a\n\"", "1", "[]"),
        COMPACT("\"\xff\"", "1", "[]"),
        COMPACT("\"\xed\xa0\x80\"", "1", "[]"),
        COMPACT("\"abc", "1", "[]"),
        COMPACT("null", "1", "[]"),
        COMPACT("\"abc\"", "1", "[" POINT ",]"),
        COMPACT("\"abc\"", "1", "[," POINT "]"),
        COMPACT("\"abc\"", "1", "[" POINT POINT "]"),
        COMPACT("\"abc\"", "1", "[" POINT),
        COMPACT("\"abc\"", "1", "[1]"),
        COMPACT("\"abc\"", "1", "[{}]"),
        COMPACT("\"abc\"", "1", "[],\"later\":1"),
        COMPACT("\"abc\"", "1", "[],\"text\":\"abc\""),
        "{\"number\":1,\"text\":\"abc\",\"small\":1,\"flag\":true,\"time\":\"2026-11-20T10:14:12.345Z\",\"points\":[]}",
        "{}",
        "{",
        "",
        "[]",
    };
    struct sample sample;

    (void)state;
    assert_true(decode_compact(COMPACT("\"abc\"", "1", "[" POINT "," POINT "]"), &sample));
    assert_int_equal(sample.point_count, 2);
    free(sample.points);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        if (decode_compact(refused[i], &sample))
            fail_msg("accepted: %s", refused[i]);
        free(sample.points);
    }
    memset(&sample, 0, sizeof(sample));
    assert_false(json_decode_compact("{}\0", 3, &point_table, &sample));
}

/* Decodes @text, changes the list of points to the one at @kept alone, and encodes what is left together with the rest.
 */
static json_t *keep(const char *text, size_t kept, bool *ret_rest)
{
    cleanup_json json_t *source = json_parse(text, strlen(text), NULL), *json = NULL;
    struct sample sample = {.flag = false};
    struct point *points;

    *ret_rest = false;
    assert_int_equal(json_decode_some(source, &table, &sample, ret_rest, NULL), 0);
    points = sample.points;
    sample.points = &points[kept];
    sample.point_count = 1;
    json = json_encode(&table, &sample);
    assert_int_equal(json_keep_rest(json, source, &table), 0);
    free(points);
    return STEAL_POINTER(json);
}

static void what_is_not_known_is_noticed_and_kept(void **state)
{
    static const char points[] = "[{\"x\": 1, \"label\": \"a\", \"y\": [1]}, {\"x\": 2, \"label\": \"b\", \"y\": [2]}]";
    cleanup_free char *plain = make_text("note", "\"n\""), *with = make_text("later", "{\"a\": null}");
    cleanup_free char *nested = make_text("points", points);
    bool rest;

    (void)state;
    json_decref(keep(plain, 0, &rest));
    assert_false(rest);
    for (size_t i = 0; i < 2; i++) {
        cleanup_json json_t *json = keep(with, i, &rest), *more = NULL;
        const json_t *point;

        assert_true(rest);
        assert_true(json_is_null(json_object_get(json_object_get(json, "later"), "a")));
        more = keep(nested, i, &rest);
        assert_true(rest);
        assert_int_equal(json_array_size(json_object_get(more, "points")), 1);
        point = json_array_get(json_object_get(more, "points"), 0);
        assert_int_equal(json_object_size(point), 3);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(point, "y"), 0)), i + 1);
    }
}

/* What is short as text and large in memory. */
static void values_of_next_to_nothing_are_refused_by_their_number(void **state)
{
    static const char *const values[] = {"{},", "[],", "1,", "\"a\",", "[[],{}],"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        cleanup_text struct text text = TEXT_INIT;
        struct genv_error err = {0};

        text_add(&text, "[");
        while (text.length < (4 << 20))
            text_add(&text, values[i]);
        text_add(&text, "0]");
        assert_null(json_parse(text.data, text.length, &err));
        assert_string_equal(err.message, "too many values");
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_unknown_is_null_and_read_as_unknown),
    cmocka_unit_test(every_kind_is_decoded),
    cmocka_unit_test(what_does_not_fit_is_refused_with_its_key),
    cmocka_unit_test(the_place_in_an_array_is_told),
    cmocka_unit_test(what_is_no_json_is_refused),
    cmocka_unit_test(values_that_are_no_objects_do_not_decode),
    cmocka_unit_test(depth_has_a_limit),
    cmocka_unit_test(arrays_have_a_limit),
    cmocka_unit_test(values_of_next_to_nothing_are_refused_by_their_number),
    cmocka_unit_test(objects_survive_the_round_trip),
    cmocka_unit_test(what_can_not_be_said_in_json_is_not_left_out),
    cmocka_unit_test(what_is_written_compactly_is_read_without_a_tree),
    cmocka_unit_test(any_other_form_is_left_to_the_parser),
    cmocka_unit_test(what_is_not_known_is_noticed_and_kept),
};

UNIT_MAIN(tests)
