/* Text that grows, whole numbers, UTF-8, sentences. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static void text_grows_and_is_handed_over(void **state)
{
    cleanup_text struct text text = TEXT_INIT;
    char *taken;

    (void)state;
    for (int i = 0; i < 1000; i++)
        text_addf(&text, "%d,", i);
    text_add(&text, "end");
    text_add_bytes(&text, "\0x", 2);
    assert_int_equal(text.length, 10 * 2 + 90 * 3 + 900 * 4 + 5);
    assert_string_equal(text.data + text.length - 6, ",end");
    taken = text_take(&text);
    assert_non_null(taken);
    assert_memory_equal(taken, "0,1,2,", 6);
    assert_null(text.data);
    free(taken);
}

static void text_that_nothing_was_added_to_is_empty(void **state)
{
    struct text text = TEXT_INIT;
    char *taken = text_take(&text);

    (void)state;
    assert_string_equal(taken, "");
    free(taken);
    text_release(&text);
    text_release(&text);
}

static void text_remembers_that_memory_ran_out(void **state)
{
    struct text text = TEXT_INIT;

    (void)state;
    text_add(&text, "before");
    text.failed = true;
    text_add(&text, "after");
    text_addf(&text, "%d", 1);
    assert_null(text_take(&text));
    assert_int_equal(text.length, 6);
    text_release(&text);
    assert_false(text.failed);
}

static void numbers_are_decimal_digits_alone(void **state)
{
    static const char *const refused[] = {"",   "-1", "+1", " 1",  "1 ",   "1\n", "0x1", "1e3",
                                          "1.", "a",  "１", "1,0", "１２", "--1", "0 0", "1\t"};
    uint64_t number = 7;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        assert_int_equal(text_to_u64(refused[i], UINT64_MAX, &number), -EINVAL);
        assert_int_equal(number, 7);
    }
    assert_int_equal(text_to_u64("0", 0, &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(text_to_u64("0042", 42, &number), 0);
    assert_int_equal(number, 42);
}

static void numbers_have_a_largest_one(void **state)
{
    uint64_t number = 7;

    (void)state;
    assert_int_equal(text_to_u64("18446744073709551615", UINT64_MAX, &number), 0);
    assert_true(number == UINT64_MAX);
    number = 7;
    assert_int_equal(text_to_u64("18446744073709551616", UINT64_MAX, &number), -EINVAL);
    assert_int_equal(text_to_u64("99999999999999999999999999", UINT64_MAX, &number), -EINVAL);
    assert_int_equal(text_to_u64("43", 42, &number), -EINVAL);
    assert_int_equal(text_to_u64("1", 0, &number), -EINVAL);
    assert_int_equal(number, 7);
}

static void utf8_decodes_the_first_and_last_character_of_each_length(void **state)
{
    static const struct {
        const char *bytes;
        uint32_t character;
        size_t length;
    } characters[] = {
        {"\x01", 0x01, 1},
        {"\x7f", 0x7f, 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xed\x9f\xbf", 0xd7ff, 3},
        {"\xee\x80\x80", 0xe000, 3},
        {"\xef\xbf\xbf", 0xffff, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(characters); i++) {
        uint32_t character = 0;

        assert_int_equal(utf8_decode(characters[i].bytes, &character), characters[i].length);
        assert_int_equal(character, characters[i].character);
    }
}

static void utf8_refuses_what_is_malformed(void **state)
{
    static const char *const malformed[] = {
        "",                 /* the end */
        "\x80",             /* a continuation alone */
        "\xbf\xbf",         /* two */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong DEL */
        "\xe0\x80\x80",     /* overlong NUL in three */
        "\xe0\x9f\xbf",     /* overlong U+07FF */
        "\xf0\x80\x80\x80", /* overlong NUL in four */
        "\xf0\x8f\xbf\xbf", /* overlong U+FFFF */
        "\xed\xa0\x80",     /* the first surrogate */
        "\xed\xbf\xbf",     /* the last */
        "\xf4\x90\x80\x80", /* past U+10FFFF */
        "\xf5\x80\x80\x80", /* no first byte of anything, as those below */
        "\xf8\x88\x80\x80\x80",
        "\xfc\x84\x80\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc2", /* cut short, as those below */
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc2x", /* something else follows, as below */
        "\xe2\x82x",
        "\xe2x\x82",
        "\xf0\x9f\x98x",
        "\xf0\xc2\x80\x80",
    };
    uint32_t character;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        assert_int_equal(utf8_decode(malformed[i], &character), 0);
        assert_true(i == 0 || !utf8_is_printable(malformed[i]));
    }
}

static void utf8_accepts_every_character_and_no_other(void **state)
{
    (void)state;
    for (uint32_t c = 1; c <= 0x110010; c++) {
        bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        char bytes[5] = {0};
        uint32_t decoded;

        if (c < 0x80) {
            bytes[0] = (char)c;
        } else if (c < 0x800) {
            bytes[0] = (char)(0xc0 | c >> 6), bytes[1] = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            bytes[0] = (char)(0xe0 | c >> 12), bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
            bytes[2] = (char)(0x80 | (c & 0x3f));
        } else {
            bytes[0] = (char)(0xf0 | c >> 18), bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
            bytes[2] = (char)(0x80 | (c >> 6 & 0x3f)), bytes[3] = (char)(0x80 | (c & 0x3f));
        }
        if (utf8_decode(bytes, &decoded) != (valid ? strlen(bytes) : 0) || (valid && decoded != c))
            fail_msg("U+%04X", c);
    }
}

static void printable_text_has_no_controls_and_no_reordering(void **state)
{
    static const char *const refused[] = {
        "a\nb",
        "a\tb",
        "\x1b[31m",
        "\x7f",
        "a\xc2\x80",
        ("\xc2\x9b"
         "31m"),
        "\xc2\x9f",
        "\xe2\x80\xa8",
        "\xe2\x80\xa9",
        "\xe2\x80\xaa",
        "\xe2\x80\xae",
        "\xe2\x81\xa6",
        "\xe2\x81\xa9",
        "\xe2\x80\x8e",
        "\xe2\x80\x8f",
        "\xd8\x9c",
        "fine\xff",
        "\r",
        "a\x01",
    };
    static const char *const accepted[] = {
        "",
        " ",
        "Norwegian Wood",
        "naïve – “quoted” …",
        "日本語",
        "עברית",
        "🎸",
        "$(rm -rf ~) `x` ' \" \\ ; & | < >",
        "\xc2\xa0",
        "\xef\xbf\xbd",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        assert_false(utf8_is_printable(refused[i]));
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
        assert_true(utf8_is_printable(accepted[i]));
}

static void making_printable_replaces_each_offender_once(void **state)
{
    static const struct {
        const char *before, *after;
    } texts[] = {
        {"", ""},
        {"plain", "plain"},
        {"日本語", "日本語"},
        {"a\nb\x1b[1mc", "a?b?[1mc"},
        {"\xe2\x80\xae"
         "evil",
         "?evil"},
        {"\xc2\x9b", "?"},
        {"cut \xe2\x82", "cut ??"},
        {"\xff\xfe", "??"},
        {"ä\xffö", "ä?ö"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char text[64];

        snprintf(text, sizeof(text), "%s", texts[i].before);
        utf8_make_printable(text);
        assert_string_equal(text, texts[i].after);
        assert_true(utf8_is_printable(text));
    }
}

static void copies_are_cut_between_characters(void **state)
{
    static const struct {
        const char *source;
        size_t size;
        const char *copy;
    } copies[] = {
        {"abc", 4, "abc"},
        {"abc", 3, "ab"},
        {"abc", 1, ""},
        {"", 1, ""},
        {"aä", 4, "aä"},
        {"aä", 3, "a"},
        {"aä", 2, "a"},
        {"🎸🎸", 8, "🎸"},
        {"🎸🎸", 6, "🎸"},
        {"🎸", 4, ""},
        {"🎸b", 5, "🎸"},
        {"a\xff\xff", 3, "a\xff"},
        {"\x80\x80\x80\x80\x80\x80", 6, "\x80\x80\x80\x80\x80"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
        char copy[16];

        memset(copy, 'x', sizeof(copy));
        copy_string(copy, copies[i].size, copies[i].source);
        assert_string_equal(copy, copies[i].copy);
        assert_int_equal(copy[copies[i].size], 'x');
    }
}

static void sentences_are_one_harmless_line(void **state)
{
    struct genv_error err = {0};

    (void)state;
    assert_int_equal(error_set(&err, EINVAL, "bad '%s'", "a\n\x1b[2Jb"), -EINVAL);
    assert_int_equal(err.code, EINVAL);
    assert_string_equal(err.message, "bad 'a??[2Jb'");
    assert_int_equal(error_set_errno(&err, ENOENT, "cannot open %s", "\xff"), -ENOENT);
    assert_string_equal(err.message, "cannot open ?: No such file or directory");
    assert_int_equal(error_prefix(&err, -ENOENT, "while %s", "\r"), -ENOENT);
    assert_string_equal(err.message, "while ?: cannot open ?: No such file or directory");
    assert_int_equal(err.code, ENOENT);
    assert_int_equal(error_no_memory(&err), -ENOMEM);
    assert_string_equal(err.message, "out of memory");
}

static void sentences_are_not_needed(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, EINVAL, "%s", "x"), -EINVAL);
    assert_int_equal(error_set_errno(NULL, ENOENT, "%s", "x"), -ENOENT);
    assert_int_equal(error_prefix(NULL, -EBUSY, "%s", "x"), -EBUSY);
    assert_int_equal(error_no_memory(NULL), -ENOMEM);
}

static void sentences_that_are_too_long_are_cut(void **state)
{
    struct genv_error err = {0};
    char text[3000];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "ä", 2);
    text[sizeof(text) - 2] = '\0';
    error_set(&err, EINVAL, "x%s", text);
    assert_true(strlen(err.message) == sizeof(err.message) - 1);
    assert_true(utf8_is_printable(err.message));
    error_prefix(&err, -EINVAL, "prefix");
    assert_memory_equal(err.message, "prefix: xä", 11);
    assert_true(strlen(err.message) < sizeof(err.message));
    error_set_errno(&err, ENOENT, "%s", text);
    assert_true(strlen(err.message) < sizeof(err.message));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(text_grows_and_is_handed_over),
    cmocka_unit_test(text_that_nothing_was_added_to_is_empty),
    cmocka_unit_test(text_remembers_that_memory_ran_out),
    cmocka_unit_test(numbers_are_decimal_digits_alone),
    cmocka_unit_test(numbers_have_a_largest_one),
    cmocka_unit_test(utf8_decodes_the_first_and_last_character_of_each_length),
    cmocka_unit_test(utf8_refuses_what_is_malformed),
    cmocka_unit_test(utf8_accepts_every_character_and_no_other),
    cmocka_unit_test(printable_text_has_no_controls_and_no_reordering),
    cmocka_unit_test(making_printable_replaces_each_offender_once),
    cmocka_unit_test(copies_are_cut_between_characters),
    cmocka_unit_test(sentences_are_one_harmless_line),
    cmocka_unit_test(sentences_are_not_needed),
    cmocka_unit_test(sentences_that_are_too_long_are_cut),
};

UNIT_MAIN(tests)
