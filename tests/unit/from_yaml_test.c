/* YAML as JSON. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "container/from_yaml.h"

static void expect(const char *yaml, const char *json)
{
    struct genv_error err = {0};
    cleanup_json json_t *value = json_from_yaml(yaml, strlen(yaml), &err);
    cleanup_json json_t *expected = json_loads(json, JSON_DECODE_ANY, NULL);

    assert_string_equal(err.message, "");
    assert_non_null(expected);
    if (!json_equal(value, expected))
        fail_msg("%s is not %s", yaml, json);
}

static void expect_refusal(const char *yaml, size_t length, const char *message)
{
    struct genv_error err = {0};

    assert_null(json_from_yaml(yaml, length, &err));
    assert_string_equal(err.message, message);
    assert_int_equal(err.code, EINVAL);
}

static void a_specification_of_nvidias_form_is_read(void **state)
{
    (void)state;
    expect("---\n"
           "cdiVersion: 0.5.0\n"
           "kind: nvidia.com/gpu\n"
           "containerEdits:\n"
           "  env:\n"
           "  - NVIDIA_VISIBLE_DEVICES=void\n"
           "  hooks:\n"
           "  - hookName: createContainer\n"
           "    args: [nvidia-cdi-hook, --mode, \"755\"]\n"
           "  deviceNodes: []\n"
           "devices:\n"
           "- name: \"0\" # quoted, since it is text\n"
           "  containerEdits:\n"
           "    deviceNodes:\n"
           "    - {path: /dev/nvidia0, fileMode: 0o666, major: 195, permissions: rwm}\n",
           "{\"cdiVersion\": \"0.5.0\", \"kind\": \"nvidia.com/gpu\", \"containerEdits\": {"
           "\"env\": [\"NVIDIA_VISIBLE_DEVICES=void\"], \"hooks\": [{\"hookName\": \"createContainer\", "
           "\"args\": [\"nvidia-cdi-hook\", \"--mode\", \"755\"]}], \"deviceNodes\": []}, "
           "\"devices\": [{\"name\": \"0\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/nvidia0\", "
           "\"fileMode\": 438, \"major\": 195, \"permissions\": \"rwm\"}]}}]}");
}

static void plain_scalars_are_what_the_core_schema_says(void **state)
{
    (void)state;
    expect("[null, Null, NULL, ~, ]", "[null, null, null, null]");
    expect("a:\nb: ''", "{\"a\": null, \"b\": \"\"}");
    expect("[true, True, TRUE, false, False, FALSE]", "[true, true, true, false, false, false]");
    expect("[0, -1, +7, 0010, 0x1F, 0o17]", "[0, -1, 7, 10, 31, 15]");
    expect("[9223372036854775807, -9223372036854775808]", "[9223372036854775807, -9223372036854775808]");
    expect("[1.5, -.5, 1., 1e3, 1.5E-1]", "[1.5, -0.5, 1.0, 1000.0, 0.15]");
    expect("[yes, no, on, y, tRUE, nULL, 0.5.0, 1e, ., -, +, 0x, -0x1, 0b1, 1_000, 12:30, .inf, .nan]",
           "[\"yes\", \"no\", \"on\", \"y\", \"tRUE\", \"nULL\", \"0.5.0\", \"1e\", \".\", \"-\", \"+\", \"0x\", "
           "\"-0x1\", \"0b1\", \"1_000\", \"12:30\", \".inf\", \".nan\"]");
}

static void what_is_quoted_or_a_block_is_text(void **state)
{
    (void)state;
    expect("['1', \"true\", 'null', \"a\\tb\\u00e4\"]", "[\"1\", \"true\", \"null\", \"a\\tb\\u00e4\"]");
    expect("a: |\n  1\nb: >-\n  x\n  y\n", "{\"a\": \"1\\n\", \"b\": \"x y\"}");
    expect("1: a\ntrue: b\n'c d': e", "{\"1\": \"a\", \"true\": \"b\", \"c d\": \"e\"}");
}

static void tags_of_the_core_schema_are_read(void **state)
{
    (void)state;
    expect("[!!str 1, !!int '1', !!bool true, !!null '', !!float 1.5]", "[\"1\", 1, true, null, 1.5]");
    expect("!!map {a: !!seq [!<tag:yaml.org,2002:str> true]}", "{\"a\": [\"true\"]}");
}

static void json_is_yaml(void **state)
{
    static const char text[] = "{\"a\": [1, \"2\", {\"b\": null}], \"c\": {}, \"d\": []}";

    (void)state;
    expect(text, text);
}

static void what_is_refused_is_named_with_its_line(void **state)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"a: 1\nb: &x 2", "invalid YAML: line 2: anchors are not supported"},
        {"a: &x {}", "invalid YAML: line 1: anchors are not supported"},
        {"- &x []", "invalid YAML: line 1: anchors are not supported"},
        {"a: 1\nb: 2\nc: *x", "invalid YAML: line 3: aliases are not supported"},
        {"a: 1\nb: 2\na: 3", "invalid YAML: line 3: duplicate key 'a'"},
        {"{a: 1, 'a': 2}", "invalid YAML: line 1: duplicate key 'a'"},
        {"a: 1\n---\nb: 2", "invalid YAML: line 2: a second document begins"},
        {"a: !x 1", "invalid YAML: line 1: the tag is not supported, or does not fit the value"},
        {"a: !!int x", "invalid YAML: line 1: the tag is not supported, or does not fit the value"},
        {"a: !!str []", "invalid YAML: line 1: the tag is not supported"},
        {"a: !!set {b}", "invalid YAML: line 1: the tag is not supported"},
        {"? [a]\n: b", "invalid YAML: line 1: a key must be text"},
        {"? {a: b}\n: b", "invalid YAML: line 1: a key must be text"},
        {"- 9223372036854775808", "invalid YAML: line 1: the number is too large"},
        {"- 1e999", "invalid YAML: line 1: the number is too large"},
        {"\n- \"a\\0b\"", "invalid YAML: line 2: a NUL character is not supported"},
        {"a: b: c", "invalid YAML: line 1: mapping values are not allowed in this context"},
        {"a:\n\t- b", "invalid YAML: line 2: found character that cannot start any token"},
        {"a: [1,\n2", "invalid YAML: line 3: did not find expected ',' or ']'"},
        {"a: b\nc: \x80", "invalid YAML: line 2: invalid leading UTF-8 octet"},
        {"", "invalid YAML: there is no document"},
        {"# nothing\n", "invalid YAML: there is no document"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_refusal(cases[i].yaml, strlen(cases[i].yaml), cases[i].message);
    expect_refusal("a: b\nc\0: d", 9, "invalid YAML: line 2: control characters are not allowed");
}

static void depth_has_the_limit_of_json(void **state)
{
    (void)state;
    expect("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    expect_refusal("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", 35, "nested too deeply (limit 16 levels)");
}

/* Also where the parser could look ahead for the end of a key. */
static void any_number_of_levels_is_refused_at_once(void **state)
{
    static const char *const levels[] = {"[", "{", "{a: ", "- ", "? "};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        cleanup_text struct text text = TEXT_INIT;

        while (text.length < (4 << 20))
            text_add(&text, levels[i]);
        assert_null(json_from_yaml(text.data, text.length, NULL));
    }
}

static void values_have_a_limit(void **state)
{
    static const char *const values[] = {"a,", "{},", "[],"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        cleanup_text struct text text = TEXT_INIT;

        text_add(&text, "[");
        while (text.length < (4 << 20))
            text_add(&text, values[i]);
        text_add(&text, "0]");
        expect_refusal(text.data, text.length, "invalid YAML: line 1: too many values");
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_specification_of_nvidias_form_is_read),
    cmocka_unit_test(plain_scalars_are_what_the_core_schema_says),
    cmocka_unit_test(what_is_quoted_or_a_block_is_text),
    cmocka_unit_test(tags_of_the_core_schema_are_read),
    cmocka_unit_test(json_is_yaml),
    cmocka_unit_test(what_is_refused_is_named_with_its_line),
    cmocka_unit_test(depth_has_the_limit_of_json),
    cmocka_unit_test(any_number_of_levels_is_refused_at_once),
    cmocka_unit_test(values_have_a_limit),
};

UNIT_MAIN(tests)
