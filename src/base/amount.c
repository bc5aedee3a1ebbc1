/* Amounts of memory, as people write them: 42mi, 4g, 44040192. */
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static const struct {
    const char *name;
    uint64_t bytes;
} units[] = {
    {"", 1},
    {"b", 1},
    {"k", 1000},
    {"m", 1000 * 1000},
    {"g", 1000 * 1000 * 1000},
    {"ki", UINT64_C(1) << 10},
    {"mi", UINT64_C(1) << 20},
    {"gi", UINT64_C(1) << 30},
};

/* strcasecmp() goes by the caller's locale: in a Turkish one, GI is not gi. */
static bool is_unit(const char *text, const char *unit)
{
    while (*text && (*text | 0x20) == *unit)
        text++, unit++;
    return !*text && !*unit;
}

static int parse(const char *text, uint64_t *ret_bytes)
{
    uint64_t number = 0;
    const char *unit = text;

    for (; *unit >= '0' && *unit <= '9'; unit++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*unit - '0'), &number))
            return -EINVAL;
    }
    if (number == 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (is_unit(unit, units[i].name))
            return __builtin_mul_overflow(number, units[i].bytes, ret_bytes) || *ret_bytes > INT64_MAX ? -EINVAL : 0;
    }
    return -EINVAL;
}

GENV_PUBLIC int genv_amount_parse(const char *text, uint64_t *ret_bytes, struct genv_error *err)
{
    uint64_t bytes;

    if (parse(text, &bytes) < 0)
        return error_set(err, EINVAL,
                         "'%.64s' is not an amount of memory: expected a whole number above 0 with an optional unit b, "
                         "k, m, g, ki, mi or gi, such as 4g or 512mi",
                         text);
    *ret_bytes = bytes;
    return 0;
}

GENV_PUBLIC void genv_amount_format(uint64_t bytes, char *text)
{
    char candidate[GENV_AMOUNT_SIZE];

    snprintf(text, GENV_AMOUNT_SIZE, "%" PRIu64, bytes);
    for (size_t i = 2; i < ARRAY_SIZE(units) && bytes; i++) {
        if (bytes % units[i].bytes)
            continue;
        snprintf(candidate, sizeof(candidate), "%" PRIu64 "%s", bytes / units[i].bytes, units[i].name);
        if (strlen(candidate) < strlen(text))
            memcpy(text, candidate, sizeof(candidate));
    }
}
