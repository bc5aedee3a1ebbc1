/* Times: RFC 3339 for machines, "27 minutes ago" for people. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define RFC3339_SIZE  32 /* 2026-11-20T10:14:12.345Z */
#define RELATIVE_SIZE 40

struct timespec clock_now(void);  /* CLOCK_REALTIME, in whole milliseconds: what rfc3339_format() keeps */
int64_t clock_monotonic_ms(void); /* CLOCK_MONOTONIC */
double clock_monotonic_seconds(void);

/* What a user asks for, for calculations with clock_monotonic_ms(): any time, negative ones as none, is fine, and more
 * than a thousand years is a thousand. */
int64_t clock_seconds_to_ms(double seconds);
/* The time until @moment_ms, for poll(2), which can't wait for longer than 24 days: ask again then. 0: it has come. */
int clock_poll_timeout(int64_t moment_ms);

/* UTC, to the millisecond. */
void rfc3339_format(struct timespec time, char text[static RFC3339_SIZE]);
/* Any RFC 3339 time between 1970 and 9999 in UTC. -EINVAL for anything else. */
int rfc3339_parse(const char *text, struct timespec *ret_time);

/* "27 minutes ago": seconds, minutes, hours, days or weeks between @then and @now; the future counts as now. */
void relative_format(struct timespec then, struct timespec now, char text[static RELATIVE_SIZE]);

#endif
