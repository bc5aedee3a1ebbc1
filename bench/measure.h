/* Starts programs and measures what they cost. Whatever fails ends the bench with a sentence: it measures, or it says
 * why not. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <sys/types.h>

struct cost {
    double seconds; /* from before the start to the end */
    long rss_kib; /* most memory resident, but never less than this program's own: the kernel counts from before exec */
    int status;   /* exit status, 128 + N for signal N */
};

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

double now_seconds(void);

/* Runs @argv to its end, its standard output thrown away. */
struct cost measure(char *const argv[]);

/* Runs @argv, which has to succeed, and reads what it prints into @text. */
void read_output(char *const argv[], char *text, size_t size);

/* Starts @count programs, @argv_of(i) each, as fast as it goes, and waits for all; what they say
 * is thrown away. @ret_succeeded: those with status 0. Returns the seconds. */
double measure_many(size_t count, char *const *(*argv_of)(size_t i), size_t *ret_succeeded);

/* The middle one of @values, which it sorts. */
double median(double *values, size_t count);

#endif
