/* `genv snapshot` on many hosts at once. */
#include "remote/survey.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "remote/ask.h"

#define STARTS_MAX 8         /* lines that could be where a snapshot begins */
#define PARSE_MAX  (8 << 20) /* bytes, of all those together */

/* A survey under way. */
struct course {
    const struct survey_options *options;
    struct survey_answer *answers;
};

/* A host that answers with a command of its own may print something around the snapshot, and no lines of ours.
 *
 * What is printed may have braces too, so each line that begins with one is tried, up to the last line that ends one.
 * Every try reads to that end: without a bound on tries and bytes a host could keep this machine busy with braces. */
static int parse_within(const char *text, size_t length, struct genv_snapshot **ret_snapshot)
{
    const char *end = text + length, *start = text, *line = text;
    size_t parsed = 0;

    while ((line = strstr(line, "\n}\n")))
        end = ++line + 1;
    for (int starts = 0; starts < STARTS_MAX && (start = strstr(start, "\n{")) && start + 1 < end; starts++) {
        start++;
        parsed += (size_t)(end - start);
        if (parsed > PARSE_MAX)
            break;
        if (genv_snapshot_from_json(start, (size_t)(end - start), ret_snapshot, NULL) == 0)
            return 0;
    }
    return -EPROTO;
}

int survey_parse(const struct text *answer, struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    const char *text = answer->data ? answer->data : "";
    struct genv_error reason = {0};

    if (genv_snapshot_from_json(text, answer->length, ret_snapshot, &reason) == 0 ||
        parse_within(text, answer->length, ret_snapshot) == 0)
        return 0;
    return error_set(err, EPROTO, "unexpected output from genv on the host: no snapshot: %s", reason.message);
}

static int take(size_t index, const struct text *output, void *data, struct genv_error *err)
{
    struct course *course = data;

    return survey_parse(output, &course->answers[index].snapshot, err);
}

static bool suffices(size_t index, void *data)
{
    struct course *course = data;

    return course->options->suffices(course->answers[index].snapshot, course->options->data);
}

int survey_take(const struct host_list *hosts, const struct survey_options *options, struct survey *ret_survey,
                int *ret_signal, struct genv_error *err)
{
    static const char *const words[] = {"snapshot", NULL};
    cleanup_free struct question *questions = calloc(hosts->count + 1, sizeof(*questions));
    cleanup_survey struct survey survey = {.answers = calloc(hosts->count + 1, sizeof(*survey.answers))};
    struct course course = {.options = options, .answers = survey.answers};
    const struct ask_options how = {
        .timeout_seconds = options->timeout_seconds,
        .take = take,
        .suffices = options->suffices ? suffices : NULL,
        .data = &course,
    };
    int r;

    if (!questions || !survey.answers)
        return error_no_memory(err);
    survey.count = hosts->count;
    for (size_t i = 0; i < hosts->count; i++) {
        survey.answers[i].host = &hosts->hosts[i];
        questions[i] = (struct question){.host = &hosts->hosts[i], .words = words};
    }
    r = ask_hosts(questions, hosts->count, &how, ret_signal, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < hosts->count; i++)
        survey.answers[i].err = questions[i].err;
    *ret_survey = survey;
    survey.answers = NULL; /* handed over */
    return 0;
}

size_t survey_count_answers(const struct survey *survey)
{
    size_t count = 0;

    for (size_t i = 0; i < survey->count; i++)
        count += survey->answers[i].snapshot != NULL;
    return count;
}

int survey_check(const struct survey *survey, bool strict, struct genv_error *err)
{
    for (size_t i = 0; strict && i < survey->count; i++) {
        const struct survey_answer *answer = &survey->answers[i];

        if (!answer->snapshot && answer->err.code != ECANCELED)
            return error_set(err, answer->err.code, "%s: %s", answer->host->name, answer->err.message);
    }
    if (survey->count && survey_count_answers(survey) == 0)
        return error_set(err, EIO, "no host responded");
    return 0;
}

void survey_release(struct survey *survey)
{
    for (size_t i = 0; survey->answers && i < survey->count; i++)
        genv_snapshot_free(survey->answers[i].snapshot);
    free(survey->answers);
    *survey = (struct survey){0};
}
