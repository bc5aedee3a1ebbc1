/* Times. */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"

static void a_time_reads_as_it_was_written(void **state)
{
    static const struct {
        const char *text;
        long long seconds;
        long nanoseconds;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01T00:00:00.000Z", 0, 0},
        {"2001-09-09T01:46:40Z", 1000000000, 0},
        {"2038-01-19T03:14:08.5Z", 2147483648, 500000000},
        {"2026-11-20T10:14:12.345Z", 1795169652, 345000000},
        {"2026-11-20t10:14:12.345z", 1795169652, 345000000},
        {"2026-11-20T12:14:12.345+02:00", 1795169652, 345000000},
        {"2026-11-20T04:44:12.345-05:30", 1795169652, 345000000},
        {"2026-11-20T10:14:12.345-00:00", 1795169652, 345000000},
        {"2024-02-29T00:00:00Z", 1709164800, 0},
        {"2000-02-29T00:00:00Z", 951782400, 0},
        {"9999-12-31T23:59:59.999999999Z", 253402300799, 999999999},
        {"2016-12-31T23:59:60Z", 1483228800, 0}, /* a leap second */
        {"2026-11-20T10:14:12.123456789123456789Z", 1795169652, 123456789},
        {"1970-01-01T00:01:00+00:01", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        struct timespec time;

        assert_int_equal(rfc3339_parse(times[i].text, &time), 0);
        assert_int_equal(time.tv_sec, times[i].seconds);
        assert_int_equal(time.tv_nsec, times[i].nanoseconds);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        "now",
        "2026-11-20",
        "2026-11-20T10:14:12", /* no zone */
        "2026-11-20 10:14:12Z",
        "2026-11-20T10:14Z",
        "2026-11-20T10:14:12.Z",
        "2026-11-20T10:14:12,5Z",
        "2026-11-20T10:14:12+0200",
        "2026-11-20T10:14:12+02",
        "2026-11-20T10:14:12+24:00",
        "2026-11-20T10:14:12+02:60",
        "2026-11-20T10:14:12Zx",
        "2026-11-20T10:14:12Z ",
        " 2026-11-20T10:14:12Z",
        "2026-11-20T10:14:12ZZ",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:14:61Z",
        "2026-00-20T10:14:12Z",
        "2026-13-20T10:14:12Z",
        "2026-11-00T10:14:12Z",
        "2026-11-31T10:14:12Z",
        "2026-02-29T10:14:12Z",
        "1900-02-29T10:14:12Z",
        "2100-02-29T10:14:12Z",
        "2026-02-30T10:14:12Z",
        "2026-11-32T10:14:12Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01", /* 1969 in UTC */
        "9999-12-31T23:59:59-00:01", /* 10000 in UTC */
        "9999-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "-026-11-20T10:14:12Z",
        "2026-1-20T10:14:12Z",
        "2026-11-20T1:14:12Z",
        "２026-11-20T10:14:12Z",
        "2026-11-20T10:14:12.5",
        "2026-11-20T10:14:12.-5Z",
        "2026-11-2",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct timespec time = {.tv_sec = 7};

        if (rfc3339_parse(refused[i], &time) != -EINVAL || time.tv_sec != 7)
            fail_msg("accepted: %s", refused[i]);
    }
}

static void times_survive_the_round_trip_to_the_millisecond(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct timespec time = {.tv_sec = (time_t)(unit_random(&seed) % 253402300800),
                                .tv_nsec = (long)(unit_random(&seed) % 1000 * 1000000)};
        struct timespec parsed = {0};
        char text[RFC3339_SIZE];

        rfc3339_format(time, text);
        assert_int_equal(strlen(text), 24);
        assert_int_equal(rfc3339_parse(text, &parsed), 0);
        assert_true(parsed.tv_sec == time.tv_sec && parsed.tv_nsec == time.tv_nsec);
    }
}

static void a_time_that_is_cut_anywhere_is_refused(void **state)
{
    const char *whole = "2026-11-20T10:14:12.345+02:00";

    (void)state;
    for (size_t length = 0; length < strlen(whole); length++) {
        char text[40] = {0};
        struct timespec time;

        memcpy(text, whole, length);
        assert_int_equal(rfc3339_parse(text, &time), -EINVAL);
    }
}

static void now_is_in_whole_milliseconds(void **state)
{
    struct timespec now = clock_now(), later;

    (void)state;
    clock_gettime(CLOCK_REALTIME, &later);
    assert_int_equal(now.tv_nsec % 1000000, 0);
    assert_true(later.tv_sec - now.tv_sec < 3600);
}

static void ages_are_told_in_the_largest_unit_that_fits(void **state)
{
    static const struct {
        long age;
        const char *text;
    } ages[] = {
        {0, "0 seconds ago"},
        {1, "1 second ago"},
        {2, "2 seconds ago"},
        {59, "59 seconds ago"},
        {60, "1 minute ago"},
        {119, "1 minute ago"},
        {120, "2 minutes ago"},
        {27 * 60, "27 minutes ago"},
        {3599, "59 minutes ago"},
        {3600, "1 hour ago"},
        {7 * 3600, "7 hours ago"},
        {24 * 3600 - 1, "23 hours ago"},
        {24 * 3600, "1 day ago"},
        {6 * 24 * 3600, "6 days ago"},
        {7 * 24 * 3600, "1 week ago"},
        {20 * 24 * 3600, "2 weeks ago"},
        {365 * 24 * 3600, "52 weeks ago"},
        {-1, "0 seconds ago"},
        {-1000000, "0 seconds ago"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
        struct timespec now = {.tv_sec = 1795169652}, then = {.tv_sec = now.tv_sec - ages[i].age};
        char text[RELATIVE_SIZE];

        relative_format(then, now, text);
        assert_string_equal(text, ages[i].text);
    }
}

static void seconds_become_milliseconds(void **state)
{
    (void)state;
    assert_true(clock_seconds_to_ms(0) == 0 && clock_seconds_to_ms(-5) == 0 && clock_seconds_to_ms(NAN) == 0);
    assert_true(clock_seconds_to_ms(1.5) == 1500);
    assert_true(clock_seconds_to_ms(2147484) == 2147484000); /* more than an int holds */
    assert_true(clock_seconds_to_ms(1e300) == clock_seconds_to_ms(INFINITY));
    assert_true(clock_monotonic_ms() + clock_seconds_to_ms(INFINITY) > 0);
}

static void a_moment_is_waited_for_as_long_as_poll_can(void **state)
{
    (void)state;
    assert_int_equal(clock_poll_timeout(clock_monotonic_ms()), 0);
    assert_int_equal(clock_poll_timeout(0), 0);
    assert_in_range(clock_poll_timeout(clock_monotonic_ms() + 100000), 1, 100000);
    assert_int_equal(clock_poll_timeout(clock_monotonic_ms() + (INT64_C(1) << 32)), INT_MAX);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_time_reads_as_it_was_written),
    cmocka_unit_test(what_is_no_time_is_refused),
    cmocka_unit_test(times_survive_the_round_trip_to_the_millisecond),
    cmocka_unit_test(a_time_that_is_cut_anywhere_is_refused),
    cmocka_unit_test(now_is_in_whole_milliseconds),
    cmocka_unit_test(ages_are_told_in_the_largest_unit_that_fits),
    cmocka_unit_test(seconds_become_milliseconds),
    cmocka_unit_test(a_moment_is_waited_for_as_long_as_poll_can),
};

UNIT_MAIN(tests)
