/* Amounts of memory. */
#include "unit.h"

#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void amounts_mean_what_their_units_say(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } amounts[] = {
        {"1", 1},
        {"44040192", 44040192},
        {"42mi", 44040192},
        {"42b", 42},
        {"4k", 4000},
        {"4m", 4000000},
        {"4g", 4000000000},
        {"4ki", 4096},
        {"4mi", 4194304},
        {"4gi", 4294967296},
        {"4GI", 4294967296},
        {"4Gi", 4294967296},
        {"4gI", 4294967296},
        {"4G", 4000000000},
        {"4B", 4},
        {"007k", 7000},
        {"9223372036854775807", INT64_MAX},
        {"9007199254740991ki", UINT64_C(9007199254740991) << 10},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
        uint64_t bytes = 0;

        assert_int_equal(genv_amount_parse(amounts[i].text, &bytes, NULL), 0);
        assert_true(bytes == amounts[i].bytes);
    }
}

static void all_else_is_refused_with_the_accepted_form(void **state)
{
    static const char *const refused[] = {
        "",
        " ",
        "0",
        "0g",
        "00",
        "-1",
        "+1",
        "1.5g",
        "1,5g",
        "4q",
        "4gb",
        "4gib",
        "4t",
        "4i",
        "4bi",
        " 4",
        "4 ",
        "4 g",
        "4g ",
        "4g\n",
        "g",
        "ki",
        "0x10",
        "1e9",
        "four",
        "４g",
        "4K\xc4\xb1", /* a dotless i */
        "nan",
        "9223372036854775808", /* 2^63 */
        "9007199254740992ki",
        "18446744073709551616",
        "18446744073709551617",
        "18446744073709551616g",
        "99999999999999999999999999999999999999",
        "17179869184gi", /* 2^64: wraps to 0 */
        "17179869185gi",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct genv_error err = {0};
        uint64_t bytes = 7;

        assert_int_equal(genv_amount_parse(refused[i], &bytes, &err), -EINVAL);
        assert_int_equal(err.code, EINVAL);
        assert_non_null(strstr(err.message, "b, k, m, g, ki, mi or gi"));
        assert_int_equal(bytes, 7);
    }
}

static void a_long_text_does_not_hide_the_accepted_form(void **state)
{
    struct genv_error err = {0};
    char text[4000];
    uint64_t bytes;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '\x1b';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(genv_amount_parse(text, &bytes, &err), -EINVAL);
    assert_non_null(strstr(err.message, "ki, mi or gi"));
    assert_null(strchr(err.message, '\x1b'));
}

/* The shortest of all the ways to write it. */
static size_t shortest_length(uint64_t bytes)
{
    static const struct {
        uint64_t unit;
        size_t length;
    } units[] = {{1, 0}, {1000, 1}, {1000000, 1}, {1000000000, 1}, {1 << 10, 2}, {1 << 20, 2}, {1 << 30, 2}};
    size_t shortest = SIZE_MAX;

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        char digits[32];
        size_t length;

        if (bytes % units[i].unit)
            continue;
        length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, bytes / units[i].unit) + units[i].length;
        if (length < shortest)
            shortest = length;
    }
    return shortest;
}

static void check_format(uint64_t bytes)
{
    char text[GENV_AMOUNT_SIZE];
    uint64_t parsed = 0;

    genv_amount_format(bytes, text);
    assert_int_equal(genv_amount_parse(text, &parsed, NULL), 0);
    assert_true(parsed == bytes);
    assert_int_equal(strlen(text), shortest_length(bytes));
}

static void the_form_is_the_shortest_exact_one(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (uint64_t bytes = 1; bytes < 5000; bytes++)
        check_format(bytes);
    for (int shift = 1; shift < 63; shift++) {
        check_format(UINT64_C(1) << shift);
        check_format((UINT64_C(1) << shift) - 1);
    }
    for (uint64_t power = 1; power <= INT64_MAX / 10; power *= 10)
        check_format(power);
    check_format(INT64_MAX);
    for (int i = 0; i < 20000; i++) {
        static const uint64_t units[] = {1, 1000, 1024, 1000000, 1048576, 1000000000, 1073741824};
        uint64_t unit = units[unit_random(&seed) % ARRAY_SIZE(units)];

        check_format((unit_random(&seed) % (INT64_MAX / unit) >> unit_random(&seed) % 30) * unit + unit);
    }
}

static void known_forms(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } forms[] = {
        {0, "0"},           {1, "1"},           {999, "999"},
        {1000, "1k"},       {1024, "1ki"},      {1536, "1536"},
        {44040192, "42mi"}, {4000000000, "4g"}, {UINT64_C(16) << 30, "16gi"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        char text[GENV_AMOUNT_SIZE];

        genv_amount_format(forms[i].bytes, text);
        assert_string_equal(text, forms[i].text);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(amounts_mean_what_their_units_say),
    cmocka_unit_test(all_else_is_refused_with_the_accepted_form),
    cmocka_unit_test(a_long_text_does_not_hide_the_accepted_form),
    cmocka_unit_test(the_form_is_the_shortest_exact_one),
    cmocka_unit_test(known_forms),
};

UNIT_MAIN(tests)
