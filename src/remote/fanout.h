/* Runs a command for each of many hosts at once, within a bound, and gathers what they print.
 *
 * Children die with the caller (PR_SET_PDEATHSIG). While it runs, SIGINT, SIGTERM and SIGHUP, unless they are
 * ignored or blocked, end all children; the signal is then raised again by whoever called. */
#ifndef REMOTE_FANOUT_H
#define REMOTE_FANOUT_H

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

struct fanout_job {
    char **argv;    /* the caller's */
    int status;     /* exit status, 128+N for a signal, -1: not started, or ended before its time */
    bool timed_out; /* ended for timeout_ms (not: for what ended() returned) */
    bool too_long;  /* ended because it printed more than output_max */
    struct text out;
    struct text err;
};

#define FANOUT_AGAIN (-2)
#define FANOUT_ANEW  (-3)

struct fanout_options {
    int64_t timeout_ms; /* for each job, from its start */
    size_t parallel_max;
    size_t output_max; /* bytes of one stream of one job; standard error is cut there, or at 256 KiB, instead */
    /* Called when job @index has ended, in whatever order; may be NULL. Returns how many milliseconds those that have
     * not ended still get, or -1: as many as before. FANOUT_AGAIN: run this job again, after a short wait and with
     * fewer others at once; if its time is up by then it stays as it is. FANOUT_ANEW: the same at once, since nothing
     * was too much for anybody; the function may have given the job another @argv. */
    int64_t (*ended)(size_t index, struct fanout_job *job, void *data);
    void *data;
};

/* As many children as the limits on descriptors and processes allow, at most @wanted and at least 1. */
size_t fanout_bound(size_t wanted);

/* Returns 0 when all have ended, whatever their results; -EINTR with *ret_signal set: a signal ended them all. */
int fanout_run(struct fanout_job *jobs, size_t count, const struct fanout_options *options, int *ret_signal,
               struct genv_error *err);

/* Frees the outputs. */
void fanout_job_release(struct fanout_job *job);

#endif
