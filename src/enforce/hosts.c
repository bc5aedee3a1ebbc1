/* Enforcement on many machines, a user's maximum over all of them together. */
#include "enforce/hosts.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "enforce/errand.h"
#include "enforce/warning.h"
#include "remote/errands.h"
#include "remote/signals.h"
#include "remote/survey.h"

#define RETRY_LEAST_MS 1000 /* after a look that failed */
#define ACTS_AT_ONCE   512  /* to one host in one round: a few calls */

/* What goes on, over all rounds. */
struct course {
    const struct hosts_options *options;
    struct session session;
    bool *failing; /* per host: that it fails was said */
};

static void host_failed(const struct host *host, const struct genv_error *err, void *data)
{
    struct course *course = data;

    course->session.failed = true;
    course->options->host_failed(host, err, course->options->data);
}

/* A host's lines, each an entry of its own journal. */
static void answered(const struct host *host, const struct text *answer, void *data)
{
    struct course *course = data;
    const char *line = answer->data, *end;

    for (size_t left = answer->length; left; left -= (size_t)(end - line), line = end) {
        const char *newline = memchr(line, '\n', left);
        cleanup_json json_t *entry = NULL;
        struct violation violation = {0};
        enum act_outcome outcome;

        end = newline ? newline + 1 : line + left;
        entry = errand_read(line, (size_t)(end - line), host->name);
        outcome = errand_outcome(entry, &violation);
        violation.host = (size_t)(host - course->options->hosts->hosts);
        session_follow_up(&course->session, &violation, outcome);
        session_tell(&course->session, entry);
    }
}

/* Sends every host all of @list that concerns it. @seconds more than an answer takes otherwise. */
static int send_all(struct course *course, const char *const *command, const struct violation_list *list,
                    double seconds, int *ret_signal, struct genv_error *err)
{
    cleanup_free struct errand *errands = calloc(list->count + 1, sizeof(*errands));
    const struct errands_request request = {
        .hosts = course->options->hosts,
        .command = command,
        .errands = errands,
        .count = list->count,
        .timeout_seconds = course->options->timeout_seconds + seconds,
        .answered = answered,
        .failed = host_failed,
        .data = course,
    };
    int r = 0;

    if (!errands)
        return error_no_memory(err);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        errands[i] = (struct errand){list->items[i].host, violation_to_json(&list->items[i])};
        if (!errands[i].word)
            r = error_no_memory(err);
    }
    if (r == 0)
        r = errands_run(&request, ret_signal, err);
    for (size_t i = 0; i < list->count; i++)
        free(errands[i].word);
    return r;
}

static int send_warnings(struct course *course, const struct violation_list *list, int *ret_signal,
                         struct genv_error *err)
{
    cleanup_violation_list struct violation_list chosen = {0};
    char grace[32];
    const char *front[] = {"enforce-act", "--warn", "--grace", grace, NULL};

    if (warnings_choose(list, &chosen) < 0)
        return error_no_memory(err);
    snprintf(grace, sizeof(grace), "%g", course->session.options->grace_seconds);
    return send_all(course, front, &chosen, 0, ret_signal, err);
}

/* As much of @due as a host gets in one round: the others are looked at again before there is more for that one. */
static int choose_acts(const struct course *course, const struct violation_list *due, struct violation_list *ret_now,
                       struct violation_list *ret_later)
{
    cleanup_free size_t *counts = calloc(course->options->hosts->count + 1, sizeof(*counts));

    for (size_t i = 0; counts && i < due->count; i++) {
        const struct violation *violation = &due->items[i];

        if (violation_list_add(counts[violation->host]++ < ACTS_AT_ONCE ? ret_now : ret_later, violation) < 0)
            return -ENOMEM;
    }
    return counts ? 0 : -ENOMEM;
}

static int send_acts(struct course *course, const struct violation_list *due, int *ret_signal, struct genv_error *err)
{
    cleanup_violation_list struct violation_list now = {0}, later = {0};
    char seconds[32];
    const char *front[] = {"enforce-act", "--kill-after", seconds, course->session.dry_run ? "--dry-run" : NULL, NULL};

    if (choose_acts(course, due, &now, &later) < 0)
        return error_no_memory(err);
    rounds_not_done(&course->session.rounds, &later);
    snprintf(seconds, sizeof(seconds), "%g", course->session.options->kill_after_seconds);
    return send_all(course, front, &now, course->session.options->kill_after_seconds, ret_signal, err);
}

/* Says once that a host fails, and again only after it has answered. */
static void complain(struct course *course, const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct survey_answer *answer = &survey->answers[i];

        if (!answer->snapshot && !course->failing[i])
            course->options->host_failed(answer->host, &answer->err, course->options->data);
        course->failing[i] = !answer->snapshot;
    }
}

/* One look at all hosts, and what follows from it. A host that does not answer breaks no rule. */
static int look(struct course *course, int *ret_signal, struct genv_error *err)
{
    static const struct genv_snapshot nothing;
    const struct survey_options how = {.timeout_seconds = course->options->timeout_seconds};
    cleanup_violation_list struct violation_list found = {0}, due = {0};
    cleanup_free struct enforce_host *hosts = calloc(course->options->hosts->count + 1, sizeof(*hosts));
    cleanup_survey struct survey survey = {0};
    int r = hosts ? survey_take(course->options->hosts, &how, &survey, ret_signal, err) : error_no_memory(err);

    if (r == 0 && course->options->strict)
        r = survey_check(&survey, true, err);
    if (r < 0)
        return r;
    complain(course, &survey);
    for (size_t i = 0; i < survey.count; i++) {
        const struct genv_snapshot *snapshot = survey.answers[i].snapshot;

        hosts[i] = (struct enforce_host){survey.answers[i].host->name, snapshot ? snapshot : &nothing};
    }
    r = session_look(&course->session, hosts, survey.count, &found, &due, err);
    if (r == 0 && course->session.options->grace_seconds > 0 && !course->session.dry_run)
        r = send_warnings(course, &found, ret_signal, err);
    if (r == 0)
        r = send_acts(course, &due, ret_signal, err);
    if (r < 0)
        rounds_not_done(&course->session.rounds, &due);
    session_sum_up(&course->session);
    if (r == 0 && course->session.options->interval_seconds <= 0 && survey_count_answers(&survey) == 0)
        return error_set(err, EIO, "no host responded");
    return r;
}

/* What said to end while nobody was waiting for it: between asking the hosts and the pause. */
static volatile sig_atomic_t told_to_end;

static void note_signal(int number)
{
    told_to_end = number;
}

/* Whoever tells the loop to end, at whatever moment, is obeyed with status 0, as by 'genv enforce'. */
static void note_signals(void)
{
    const struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigset_t set;

    sigemptyset(&set);
    signals_add_ending(&set);
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&set, number) == 1)
            sigaction(number, &action, NULL);
    }
}

/* Waits for the next round. Returns the signal that says to end, or 0. */
static int wait_ms(int64_t left_ms)
{
    const struct timespec timeout = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
    sigset_t set, before;
    int caught;

    sigemptyset(&set);
    signals_add_ending(&set);
    sigprocmask(SIG_BLOCK, &set, &before);
    caught = told_to_end ? told_to_end : sigtimedwait(&set, NULL, &timeout);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return caught > 0 ? caught : 0;
}

/* When to look again, after a look that began at @begin and gave @r: one that failed is not repeated at once. */
static int64_t next_left_ms(const struct course *course, int64_t begin, int64_t interval, int r)
{
    int64_t now = clock_monotonic_ms(), grace = rounds_next_ms(&course->session.rounds);
    int64_t left = begin + interval - now;

    if (r < 0)
        return left > RETRY_LEAST_MS ? left : RETRY_LEAST_MS;
    if (grace >= 0 && (interval == 0 || grace < left))
        left = grace;
    return left > 0 ? left : 0;
}

static int keep_looking(struct course *course, int *ret_signal, struct genv_error *err)
{
    const int64_t interval = (int64_t)(course->session.options->interval_seconds * 1000);

    note_signals();
    for (;;) {
        int64_t begin = clock_monotonic_ms();
        int r = look(course, ret_signal, err);

        if (*ret_signal || (r < 0 && (course->options->strict || interval == 0)))
            return r;
        if (r < 0)
            course->session.options->complain(err->message, true, course->session.options->data);
        if (interval == 0 && rounds_next_ms(&course->session.rounds) < 0)
            return 0;
        *ret_signal = wait_ms(next_left_ms(course, begin, interval, r));
        if (*ret_signal)
            return 0;
    }
}

int enforce_hosts(struct genv *g, const struct hosts_options *options, bool *ret_failed, struct genv_error *err)
{
    cleanup_free bool *failing = calloc(options->hosts->count + 1, sizeof(*failing));
    struct course course = {.options = options, .failing = failing};
    int caught = 0;
    int r = session_begin(&course.session, g, options->session, false, err);

    if (r == 0)
        r = failing ? keep_looking(&course, &caught, err) : error_no_memory(err);
    *ret_failed = course.session.failed && options->session->interval_seconds <= 0 && !caught;
    session_end(&course.session);
    return r == -EINTR ? 0 : r;
}
