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

/* Asking, under way. */
struct course {
    const struct ask_options *options;
    struct question *questions;
    unsigned char *reruns;
    char nonce[FRAME_NONCE_SIZE];
    bool sufficed;
};

static int explain_timeout(const struct course *course, struct genv_error *err)
{
    double seconds = course->options->timeout_seconds;

    return error_set(err, ETIMEDOUT, "no answer within %g second%s: it is down, slow, or behind a firewall", seconds,
                     seconds == 1 ? "" : "s");
}

static bool runs_again(struct course *course, size_t index, const struct fanout_job *job)
{
    bool here = job->err.data && strstr(job->err.data, strerror(EAGAIN)); /* ssh could not start what it needs */

    if (!ssh_may_fare_better(job->status, job->err.data) && !(job->status > 0 && here))
        return false;
    return course->reruns[index]++ < RERUNS_MAX;
}

/* Takes the answer out of what was printed, if that is one. */
static int judge(struct course *course, size_t index, struct fanout_job *job)
{
    struct question *question = &course->questions[index];
    struct genv_error *err = &question->err;
    struct genv_error no_answer = {0};
    int r = job->out.failed ? 0 : frame_unwrap(&job->out, course->nonce, &no_answer);

    if (job->timed_out)
        return explain_timeout(course, err);
    if (job->too_long)
        return error_set(err, EPROTO, "what answers there is not this genv: it printed more than %d MiB",
                         OUTPUT_MAX >> 20);
    if (job->status < 0)
        return error_set(err, ECANCELED, "not waited for");
    if (job->out.failed || job->err.failed)
        return error_no_memory(err);
    if (job->status == 0 && r < 0)
        return error_set(err, no_answer.code, "%s", no_answer.message);
    if (job->status == 0)
        return course->options->take(index, &job->out, course->options->data, err);
    if (ssh_explain(question->host, job->status, job->err.data, err) == -ETIMEDOUT)
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
    bool again;
    int r;

    ssh_drop_chatter(&job->err);
    r = judge(course, index, job);
    again = r < 0 && runs_again(course, index, job);
    if (r < 0)
        take_rest(course, index, job);
    fanout_job_release(job); /* only what runs takes memory */
    if (again)
        return FANOUT_AGAIN;
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

static int make_jobs(const struct course *course, double seconds, struct jobs *jobs, struct genv_error *err)
{
    cleanup_free char *config = NULL;
    struct ssh_call call = {
        .timeout_seconds = (unsigned)(seconds + 0.999),
        .share = jobs->count <= SHARED_MAX,
        .terminal = SSH_NO_INPUT,
        .nonce = course->nonce,
    };
    const struct question *questions = course->questions;
    int r = ssh_prepare(&config, err);

    call.config = config;
    call.has_remote_command = r == 0 && ssh_takes("RemoteCommand=none");
    for (size_t i = 0; r == 0 && i < jobs->count; i++)
        r = ssh_command(questions[i].host, &call, questions[i].words, &jobs->list[i].argv, err);
    return r;
}

int ask_hosts(struct question *questions, size_t count, const struct ask_options *options, int *ret_signal,
              struct genv_error *err)
{
    double seconds = options->timeout_seconds < TIMEOUT_MAX_S ? options->timeout_seconds : TIMEOUT_MAX_S;
    cleanup_with(jobs_release) struct jobs jobs = {.list = calloc(count + 1, sizeof(*jobs.list)), .count = count};
    cleanup_free unsigned char *reruns = calloc(count + 1, 1);
    struct course course = {.options = options, .questions = questions, .reruns = reruns};
    struct fanout_options fanout = {
        .timeout_ms = (int64_t)(seconds * 1000),
        .parallel_max = fanout_bound(PARALLEL_MAX),
        .output_max = OUTPUT_MAX,
        .ended = ended,
        .data = &course,
    };
    int r;

    if (!jobs.list || !reruns)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        error_set(&questions[i].err, ECANCELED, "not waited for");
    r = frame_make_nonce(course.nonce, err);
    if (r == 0)
        r = make_jobs(&course, seconds, &jobs, err);
    return r < 0 ? r : fanout_run(jobs.list, jobs.count, &fanout, ret_signal, err);
}
