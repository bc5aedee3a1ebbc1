/* `genv snapshot` on many hosts at once. */
#include "remote/survey.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "remote/fanout.h"
#include "remote/ssh.h"

#define PARALLEL_MAX  32
#define SHARED_MAX    PARALLEL_MAX /* hosts; more would leave too many connections behind */
#define OUTPUT_MAX    (8 << 20)    /* bytes: a thousand environments are a twentieth of that */
#define RERUNS_MAX    4
#define LATE_MS       1000 /* for the others, once a host suffices */
#define TIMEOUT_MAX_S 86400
#define STARTS_MAX    8 /* lines that could be where a snapshot begins */

/* A survey under way. */
struct course {
    const struct survey_options *options;
    struct survey_answer *answers;
    unsigned char *reruns;
    bool sufficed;
};

static int explain_timeout(const struct course *course, struct genv_error *err)
{
    double seconds = course->options->timeout_seconds;

    return error_set(err, ETIMEDOUT, "no answer within %g second%s: it is down, slow, or behind a firewall", seconds,
                     seconds == 1 ? "" : "s");
}

/* Where the JSON that begins in @text ends: behind the last line that is a closing brace alone, or at the end. */
static const char *find_end(const char *text)
{
    const char *end = text + strlen(text), *found = NULL;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *behind;

        line += *line == '\n';
        behind = line + 1 + (*line == '}' ? strspn(line + 1, " \r") : 0);
        if (*line == '}' && (*behind == '\n' || *behind == '\0'))
            found = line + 1;
    }
    return found ? found : end;
}

/* The snapshot in @output: from a line that begins with a brace. Start-up files may have printed something before. */
static int parse(const struct text *output, struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    const char *text = output->data ? output->data : "", *end = find_end(text);
    struct genv_error reason = {0};

    for (int starts = 0; starts < STARTS_MAX && text && text < end; text = strchr(text, '\n')) {
        text += *text == '\n';
        if (*text != '{')
            continue;
        starts++;
        if (genv_snapshot_from_json(text, (size_t)(end - text), ret_snapshot, &reason) == 0)
            return 0;
    }
    if (!*reason.message)
        return error_set(err, EPROTO, "what answers there is not this genv: it printed no snapshot");
    return error_set(err, EPROTO, "genv there answered with something that is no snapshot: %s", reason.message);
}

static bool runs_again(struct course *course, size_t index, const struct fanout_job *job)
{
    bool here = job->err.data && strstr(job->err.data, strerror(EAGAIN)); /* ssh could not start what it needs */

    if (!ssh_was_turned_away(job->status, job->err.data) && !(job->status > 0 && here))
        return false;
    return course->reruns[index]++ < RERUNS_MAX;
}

static int judge(struct course *course, size_t index, struct fanout_job *job)
{
    struct survey_answer *answer = &course->answers[index];
    struct genv_error *err = &answer->err;

    if (job->timed_out)
        return explain_timeout(course, err);
    if (job->too_long)
        return error_set(err, EPROTO, "what answers there is not this genv: it printed more than %d MiB",
                         OUTPUT_MAX >> 20);
    if (job->status < 0)
        return error_set(err, ECANCELED, "not waited for");
    if (job->out.failed || job->err.failed)
        return error_no_memory(err);
    if (job->status == 0)
        return parse(&job->out, &answer->snapshot, err);
    if (ssh_explain(answer->host, job->status, job->err.data, err) == -ETIMEDOUT)
        return explain_timeout(course, err);
    return -err->code;
}

static int64_t ended(size_t index, struct fanout_job *job, void *data)
{
    struct course *course = data;
    struct survey_answer *answer = &course->answers[index];
    int r = judge(course, index, job);
    bool again = r < 0 && runs_again(course, index, job);

    fanout_job_release(job); /* only what runs takes memory */
    if (again)
        return FANOUT_AGAIN;
    if (r == 0)
        answer->err = (struct genv_error){0}; /* of an earlier run */
    if (r < 0 || course->sufficed || !course->options->suffices)
        return -1;
    course->sufficed = course->options->suffices(answer->snapshot, course->options->data);
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

static int make_jobs(const struct host_list *hosts, double seconds, struct jobs *jobs, struct genv_error *err)
{
    static const char *const words[] = {"snapshot", NULL};
    cleanup_free char *config = NULL;
    struct ssh_call call = {
        .timeout_seconds = (unsigned)(seconds + 0.999),
        .share = hosts->count <= SHARED_MAX,
        .terminal = SSH_NO_INPUT,
    };
    int r = ssh_prepare(&config, err);

    call.config = config;
    for (size_t i = 0; r == 0 && i < hosts->count; i++)
        r = ssh_command(&hosts->hosts[i], &call, words, &jobs->list[i].argv, err);
    return r;
}

int survey_take(const struct host_list *hosts, const struct survey_options *options, struct survey *ret_survey,
                int *ret_signal, struct genv_error *err)
{
    double seconds = options->timeout_seconds < TIMEOUT_MAX_S ? options->timeout_seconds : TIMEOUT_MAX_S;
    cleanup_with(jobs_release) struct jobs jobs = {
        .list = calloc(hosts->count + 1, sizeof(*jobs.list)),
        .count = hosts->count,
    };
    cleanup_survey struct survey survey = {.answers = calloc(hosts->count + 1, sizeof(*survey.answers))};
    cleanup_free unsigned char *reruns = calloc(hosts->count + 1, 1);
    struct course course = {.options = options, .answers = survey.answers, .reruns = reruns};
    struct fanout_options fanout = {
        .timeout_ms = (int64_t)(seconds * 1000),
        .parallel_max = fanout_bound(PARALLEL_MAX),
        .output_max = OUTPUT_MAX,
        .ended = ended,
        .data = &course,
    };
    int r;

    if (!jobs.list || !survey.answers || !reruns)
        return error_no_memory(err);
    survey.count = hosts->count;
    for (size_t i = 0; i < hosts->count; i++) {
        survey.answers[i].host = &hosts->hosts[i];
        error_set(&survey.answers[i].err, ECANCELED, "not waited for");
    }
    r = make_jobs(hosts, seconds, &jobs, err);
    if (r == 0)
        r = fanout_run(jobs.list, jobs.count, &fanout, ret_signal, err);
    if (r < 0)
        return r;
    ret_survey->answers = STEAL_POINTER(survey.answers);
    ret_survey->count = hosts->count;
    return 0;
}

void survey_release(struct survey *survey)
{
    for (size_t i = 0; survey->answers && i < survey->count; i++)
        genv_snapshot_free(survey->answers[i].snapshot);
    free(survey->answers);
    *survey = (struct survey){0};
}
