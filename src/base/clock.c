/* Times: RFC 3339 for machines, "27 minutes ago" for people. */
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define LONGEST_S   (1000 * 366 * 86400LL)
#define LAST_SECOND 253402300799 /* of the year 9999, in UTC: what rfc3339_format() can write */

struct timespec clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_nsec -= now.tv_nsec % 1000000;
    return now;
}

int64_t clock_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

double clock_monotonic_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t clock_seconds_to_ms(double seconds)
{
    if (!(seconds > 0)) /* NaN too */
        return 0;
    return seconds < LONGEST_S ? (int64_t)(seconds * 1000) : (int64_t)LONGEST_S * 1000;
}

int clock_poll_timeout(int64_t moment_ms)
{
    int64_t left = moment_ms - clock_monotonic_ms();

    return left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

void rfc3339_format(struct timespec time, char text[static RFC3339_SIZE])
{
    struct tm utc;
    size_t length;

    if (!gmtime_r(&time.tv_sec, &utc))
        memset(&utc, 0, sizeof(utc));
    length = strftime(text, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, RFC3339_SIZE - length, ".%03ldZ", time.tv_nsec / 1000000);
}

/* Reads exactly @digits decimal digits at *@text and moves behind them. */
static int parse_digits(const char **text, int digits, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return -EINVAL;
        number = number * 10 + (**text - '0');
    }
    *ret_number = number;
    return 0;
}

static int parse_fraction(const char **text, long *ret_nanoseconds)
{
    long unit = 100000000, nanoseconds = 0;
    const char *start = *text;

    for (; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
        nanoseconds += (**text - '0') * unit;
    *ret_nanoseconds = nanoseconds;
    return *text == start ? -EINVAL : 0;
}

static int parse_zone(const char **text, long *ret_seconds)
{
    int sign = **text == '-' ? -1 : 1, hours, minutes;

    if (**text == 'Z' || **text == 'z') {
        (*text)++;
        *ret_seconds = 0;
        return 0;
    }
    if (**text != '+' && **text != '-')
        return -EINVAL;
    (*text)++;
    if (parse_digits(text, 2, &hours) < 0 || *(*text)++ != ':' || parse_digits(text, 2, &minutes) < 0 || hours > 23 ||
        minutes > 59)
        return -EINVAL;
    *ret_seconds = sign * (hours * 3600L + minutes * 60L);
    return 0;
}

/* Turns the parts of a time in UTC, with the month from 1 and the whole year, into seconds after 1970. */
static int to_seconds(struct tm *utc, long long *ret_seconds)
{
    int month = utc->tm_mon - 1;
    bool leap_second = utc->tm_sec == 60;

    if (utc->tm_year < 1970 || utc->tm_mon < 1 || utc->tm_mon > 12 || utc->tm_mday < 1 || utc->tm_mday > 31 ||
        utc->tm_hour > 23 || utc->tm_min > 59 || utc->tm_sec > 60)
        return -EINVAL;
    utc->tm_year -= 1900;
    utc->tm_mon = month;
    utc->tm_sec -= leap_second;
    *ret_seconds = timegm(utc) + leap_second;
    return utc->tm_mon == month ? 0 : -EINVAL; /* timegm() makes a 30 February 2 March */
}

int rfc3339_parse(const char *text, struct timespec *ret_time)
{
    struct tm utc = {0};
    long nanoseconds = 0, offset;
    long long seconds;
    struct {
        int *target, digits;
        char behind;
    } parts[] = {
        {&utc.tm_year, 4, '-'}, {&utc.tm_mon, 2, '-'}, {&utc.tm_mday, 2, 'T'},
        {&utc.tm_hour, 2, ':'}, {&utc.tm_min, 2, ':'}, {&utc.tm_sec, 2, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (parse_digits(&text, parts[i].digits, parts[i].target) < 0)
            return -EINVAL;
        if (parts[i].behind == 'T' && *text == 't')
            text++;
        else if (parts[i].behind && *text++ != parts[i].behind)
            return -EINVAL;
    }
    if (*text == '.') {
        text++;
        if (parse_fraction(&text, &nanoseconds) < 0)
            return -EINVAL;
    }
    if (parse_zone(&text, &offset) < 0 || *text || to_seconds(&utc, &seconds) < 0)
        return -EINVAL;
    seconds -= offset;
    if (seconds < 0 || seconds > LAST_SECOND)
        return -EINVAL;
    *ret_time = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
    return 0;
}

void relative_format(struct timespec then, struct timespec now, char text[static RELATIVE_SIZE])
{
    static const struct {
        const char *name;
        long seconds;
    } units[] = {{"week", 7 * 24 * 3600}, {"day", 24 * 3600}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    long age = now.tv_sec > then.tv_sec ? (long)(now.tv_sec - then.tv_sec) : 0;
    size_t i = 0;

    while (i < ARRAY_SIZE(units) - 1 && age < units[i].seconds)
        i++;
    age /= units[i].seconds;
    snprintf(text, RELATIVE_SIZE, "%ld %s%s ago", age, units[i].name, age == 1 ? "" : "s");
}
