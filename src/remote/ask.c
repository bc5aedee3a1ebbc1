/* Runs genv on many hosts at once, and hands over each answer as it comes. */
#include "remote/ask.h"

#include <errno.h>
#include <string.h>

#include "remote/fanout.h"
#include "remote/frame.h"
#include "remote/ssh.h"

#define PARALLEL_MAX  32
#define SHARED_MAX    PARALLEL_MAX /* hosts; more would leave too many connections behind */
#define OUTPUT_MAX    (8 << 20)    /* bytes: a thousand environments are a twentieth of that */
#define RERUNS_MAX    4
#define LATE_MS       1000 /* for the others, once a host suffices */
#define TIMEOUT_MAX_S 86400

/* How far one host is. */
struct progress {
    unsigned char reruns;
    bool plainly; /* it is asked by genv's words alone */
};

/* Asking, under way. */
struct course {
    const struct ask_options *options;
    struct question *questions;
    struct progress *progress; /* of each */
    struct ssh_call call;
    char nonce[FRAME_NONCE_SIZE];
    bool sufficed;
};

static int explain_timeout(const struct course *course, struct genv_error *err)
{
    double seconds = course->options->timeout_seconds;

    return error_set(err, ETIMEDOUT, "no response within %g second%s: the host is down, slow or behind a firewall",
                     seconds, seconds == 1 ? "" : "s");
}

static bool runs_again(struct course *course, size_t index, const struct fanout_job *job)
{
    bool here = job->err.data && strstr(job->err.data, strerror(EAGAIN)); /* ssh could not start what it needs */

    if (!ssh_may_fare_better(job->status, job->err.data) && !(job->status > 0 && here))
        return false;
    return course->progress[index].reruns++ < RERUNS_MAX;
}

/* Whether the host has not run what it was told, as one that lets only some commands pass, or takes a command apart at
 * its blanks: genv's words alone may be what it runs. */
static bool has_run_other(const struct course *course, size_t index, const struct fanout_job *job)
{
    return !course->progress[index].plainly && job->status >= 0 && job->status != SSH_FAILED && !job->timed_out &&
           !job->out.failed && !frame_has_answer(&job->out, course->nonce);
}

/* Makes @job what asks without the runner of the framing. False: there is no memory for that. */
static bool make_plain(struct course *course, size_t index, struct fanout_job *job)
{
    const struct question *question = &course->questions[index];
    struct ssh_call call = course->call;
    char **argv = NULL;

    call.nonce = NULL;
    if (ssh_command(question->host, &call, question->words, &argv, NULL) < 0)
        return false;
    strv_free(job->argv);
    job->argv = argv;
    return course->progress[index].plainly = true;
}

/* Takes the answer out of what was printed, if that is one. */
static int judge(struct course *course, size_t index, struct fanout_job *job)
{
    struct question *question = &course->questions[index];
    struct genv_error *err = &question->err;
    struct genv_error no_answer = {0};
    bool framed = !course->progress[index].plainly && !job->out.failed;
    int r = framed ? frame_unwrap(&job->out, course->nonce, &no_answer) : 0;

    if (job->timed_out)
        return explain_timeout(course, err);
    if (job->too_long)
        return error_set(err, EPROTO, "unexpected output from genv on the host: more than %d MiB", OUTPUT_MAX >> 20);
    if (job->status < 0)
        return error_set(err, ECANCELED, "not asked any more: another host was chosen");
    if (job->out.failed || job->err.failed)
        return error_no_memory(err);
    if (job->status == 0 && r < 0)
        return error_set(err, no_answer.code, "%s", no_answer.message);
    if (job->status == 0)
        return course->options->take(index, &job->out, course->options->data, err);
    if (ssh_explain(question->host, job->status, ssh_last_words(job->err.data, framed && r == 0 ? NULL : job->out.data),
                    err) == -ETIMEDOUT)
        return explain_timeout(course, err);
    return -err->code;
}

/* What was answered before it failed: that much was done. */
static void take_rest(struct course *course, size_t index, struct fanout_job *job)
{
    if (course->options->always && job->status != 0 && job->out.length && !job->out.failed)
        course->options->take(index, &job->out, course->options->data, NULL);
}

static int64_t ended(size_t index, struct fanout_job *job, void *data)
{
    struct course *course = data;
    bool ran_other = has_run_other(course, index, job);
    int64_t next = -1;
    int r;

    ssh_drop_chatter(&job->err);
    r = judge(course, index, job);
    if (r < 0 && runs_again(course, index, job))
        next = FANOUT_AGAIN;
    else if (r < 0 && ran_other && make_plain(course, index, job))
        next = FANOUT_ANEW;
    if (r < 0 && next != FANOUT_ANEW)
        take_rest(course, index, job);
    fanout_job_release(job); /* only what runs takes memory */
    if (next != -1)
        return next;
    if (r == 0)
        course->questions[index].err = (struct genv_error){0}; /* of an earlier run */
    if (r < 0 || course->sufficed || !course->options->suffices)
        return -1;
    course->sufficed = course->options->suffices(index, course->options->data);
    return course->sufficed ? LATE_MS : -1;
}

struct jobs {
    struct fanout_job *list;
    size_t count;
};

static void jobs_release(struct jobs *jobs)
{
    for (size_t i = 0; jobs->list && i < jobs->count; i++) {
        strv_free(jobs->list[i].argv);
        fanout_job_release(&jobs->list[i]);
    }
    free(jobs->list);
}

static int make_jobs(const struct course *course, struct jobs *jobs, struct genv_error *err)
{
    const struct question *questions = course->questions;
    int r = 0;

    for (size_t i = 0; r == 0 && i < jobs->count; i++)
        r = ssh_command(questions[i].host, &course->call, questions[i].words, &jobs->list[i].argv, err);
    return r;
}

int ask_hosts(struct question *questions, size_t count, const struct ask_options *options, int *ret_signal,
              struct genv_error *err)
{
    double seconds = options->timeout_seconds < TIMEOUT_MAX_S ? options->timeout_seconds : TIMEOUT_MAX_S;
    cleanup_with(jobs_release) struct jobs jobs = {.list = calloc(count + 1, sizeof(*jobs.list)), .count = count};
    cleanup_free struct progress *progress = calloc(count + 1, sizeof(*progress));
    cleanup_free char *config = NULL;
    struct course course = {.options = options, .questions = questions, .progress = progress};
    struct fanout_options fanout = {
        .timeout_ms = (int64_t)(seconds * 1000),
        .parallel_max = fanout_bound(PARALLEL_MAX),
        .output_max = OUTPUT_MAX,
        .ended = ended,
        .data = &course,
    };
    int r;

    if (!jobs.list || !progress)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        error_set(&questions[i].err, ECANCELED, "not asked any more: another host was chosen");
    r = frame_make_nonce(course.nonce, err);
    if (r == 0)
        r = ssh_prepare(&config, err);
    if (r < 0)
        return r;
    course.call = (struct ssh_call){
        .config = config,
        .timeout_seconds = (unsigned)(seconds + 0.999),
        .share = count <= SHARED_MAX,
        .terminal = SSH_NO_INPUT,
        .nonce = course.nonce,
        .has_remote_command = ssh_takes("RemoteCommand=none"),
    };
    r = make_jobs(&course, &jobs, err);
    return r < 0 ? r : fanout_run(jobs.list, jobs.count, &fanout, ret_signal, err);
}
