/* genv remote enforce: makes the agreement hold on many machines, a user's maximum over all of them together. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/enforcement.h"
#include "cli/remote.h"
#include "remote/ask.h"
#include "remote/signals.h"

#define RETRY_LEAST_MS 1000        /* after a look that failed */
#define WORDS_OWN      8           /* of the command in front of the violations */
#define BYTES_MAX      (64 * 1024) /* of violations that a host is told of at once: ssh takes no more than 100 KiB */

/* What goes on, over all rounds. */
struct course {
    const struct remote_options *remote;
    struct enforcement *enforcement;
    const struct host_list *hosts;
    bool *failing; /* per host: that it fails was said */
    bool *sent;    /* per violation that hosts are being told of: this one has been */
};

/* What one host is told. */
struct errand {
    struct question question;
    char **words; /* the violations, owned; the words in front of them are not */
    size_t own, count;
};

struct errands {
    struct course *course;
    struct errand *list;
    struct question *questions;
    size_t count;
};

static void errands_release(struct errands *errands)
{
    for (size_t i = 0; i < errands->count; i++) {
        for (size_t k = errands->list[i].own; k < errands->list[i].count; k++)
            free(errands->list[i].words[k]);
        free(errands->list[i].words);
    }
    free(errands->list);
    free(errands->questions);
}

/* The words for @host: those of @front, then those violations that are its own and have not been sent, as many as fit.
 */
static int make_errand(struct errand *errand, const char *const *front, const struct violation_list *list, size_t host,
                       bool *sent, struct genv_error *err)
{
    size_t bytes = 0;

    errand->words = calloc(WORDS_OWN + list->count + 1, sizeof(char *));
    if (!errand->words)
        return error_no_memory(err);
    for (; front[errand->own]; errand->own++)
        errand->words[errand->own] = (char *)front[errand->own];
    errand->count = errand->own;
    for (size_t i = 0; i < list->count && bytes < BYTES_MAX; i++) {
        if (sent[i] || list->items[i].host != host)
            continue;
        errand->words[errand->count] = violation_to_word(&list->items[i]);
        if (!errand->words[errand->count])
            return error_no_memory(err);
        bytes += strlen(errand->words[errand->count++]) + 1;
        sent[i] = true;
    }
    return 0;
}

/* An errand for each host that @list is about. */
static int make_errands(struct errands *errands, const char *const *front, const struct violation_list *list,
                        struct genv_error *err)
{
    const struct host_list *hosts = errands->course->hosts;

    errands->list = calloc(hosts->count + 1, sizeof(*errands->list));
    errands->questions = calloc(hosts->count + 1, sizeof(*errands->questions));
    if (!errands->list || !errands->questions)
        return error_no_memory(err);
    for (size_t h = 0; h < hosts->count; h++) {
        struct errand *errand = &errands->list[errands->count];
        int r = make_errand(errand, front, list, h, errands->course->sent, err);

        if (r == 0 && errand->count == errand->own) {
            free(STEAL_POINTER(errand->words));
            *errand = (struct errand){.own = 0};
            continue;
        }
        errands->questions[errands->count++] =
            (struct question){.host = &hosts->hosts[h], .words = (const char *const *)errand->words};
        if (r < 0)
            return r;
    }
    return 0;
}

/* A host's lines, each an entry of its own journal. */
static int take(size_t index, const struct text *output, void *data, struct genv_error *err)
{
    struct errands *errands = data;
    struct enforcement *enforcement = errands->course->enforcement;
    cleanup_free char *copy = strdup(output->data ? output->data : "");
    char *rest = copy, *line;

    if (!copy)
        return error_no_memory(err);
    while ((line = strsep(&rest, "\n"))) {
        cleanup_json json_t *entry = journal_entry_from_line(line, strlen(line));
        const char *event = json_string_value(json_object_get(entry, "event"));

        if (!event)
            continue; /* start-up files talk */
        if (strcmp(event, act_outcome_names[ACT_FORBIDDEN]) == 0 || strcmp(event, act_outcome_names[ACT_FAILED]) == 0)
            enforcement->failed = true;
        json_object_set_new(entry, "host", json_string(errands->questions[index].host->name));
        enforcement_tell_entry(enforcement, entry);
    }
    return 0;
}

/* A host that failed is not told of the rest. */
static void give_up(struct errands *errands, const struct host *host, const struct violation_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (&errands->course->hosts->hosts[list->items[i].host] == host)
            errands->course->sent[i] = true;
    }
}

/* Sends every host as much of what concerns it as fits; @ret_sent: whether there was anything left. */
static int run_some(struct course *course, const char *const *front, const struct violation_list *list, double seconds,
                    bool *ret_sent, int *ret_signal, struct genv_error *err)
{
    cleanup_with(errands_release) struct errands errands = {.course = course};
    const struct ask_options how = {
        .timeout_seconds = course->remote->timeout_seconds + seconds, .take = take, .always = true, .data = &errands};
    int r = make_errands(&errands, front, list, err);

    *ret_sent = errands.count > 0;
    if (r == 0 && errands.count)
        r = ask_hosts(errands.questions, errands.count, &how, ret_signal, err);
    for (size_t i = 0; r == 0 && i < errands.count; i++) {
        if (!errands.questions[i].err.code)
            continue;
        course->enforcement->failed = true;
        remote_complain(course->remote, errands.questions[i].host, &errands.questions[i].err);
        give_up(&errands, errands.questions[i].host, list);
    }
    return r;
}

/* Sends every host all that concerns it. @seconds more than an answer takes otherwise. */
static int run_errands(struct course *course, const char *const *front, const struct violation_list *list,
                       double seconds, int *ret_signal, struct genv_error *err)
{
    cleanup_free bool *sent = calloc(list->count + 1, sizeof(*sent));
    bool any = true;
    int r = sent ? 0 : error_no_memory(err);

    course->sent = sent;
    while (r == 0 && any)
        r = run_some(course, front, list, seconds, &any, ret_signal, err);
    return r;
}

static int warn(struct course *course, const struct violation_list *list, int *ret_signal, struct genv_error *err)
{
    char grace[32];
    const char *front[] = {"enforce-act", "--warn", "--grace", grace, NULL};

    snprintf(grace, sizeof(grace), "%g", course->enforcement->options->grace_seconds);
    return run_errands(course, front, list, 0, ret_signal, err);
}

static int act(struct course *course, const struct violation_list *list, int *ret_signal, struct genv_error *err)
{
    char seconds[32];
    const char *front[] = {"enforce-act", "--kill-after", seconds, course->enforcement->dry_run ? "--dry-run" : NULL,
                           NULL};

    snprintf(seconds, sizeof(seconds), "%g", course->enforcement->options->kill_after_seconds);
    return run_errands(course, front, list, course->enforcement->options->kill_after_seconds, ret_signal, err);
}

/* Says once that a host fails, and again only after it has answered. */
static void complain(struct course *course, const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct survey_answer *answer = &survey->answers[i];

        if (!answer->snapshot && !course->failing[i])
            remote_complain(course->remote, answer->host, &answer->err);
        course->failing[i] = !answer->snapshot;
    }
}

static int refuse_failure(const struct survey *survey, struct genv_error *err)
{
    for (size_t i = 0; i < survey->count; i++) {
        const struct survey_answer *answer = &survey->answers[i];

        if (!answer->snapshot)
            return error_set(err, answer->err.code, "%s: %s", answer->host->name, answer->err.message);
    }
    return 0;
}

/* One look at all hosts, and what follows from it. A host that does not answer breaks no rule. */
static int look(struct course *course, int *ret_signal, struct genv_error *err)
{
    static const struct genv_snapshot nothing;
    const struct survey_options how = {.timeout_seconds = course->remote->timeout_seconds};
    cleanup_violation_list struct violation_list found = {0}, due = {0};
    cleanup_free struct enforce_host *hosts = calloc(course->hosts->count + 1, sizeof(*hosts));
    cleanup_survey struct survey survey = {0};
    int r = hosts ? survey_take(course->hosts, &how, &survey, ret_signal, err) : error_no_memory(err);

    if (r == 0 && course->remote->strict)
        r = refuse_failure(&survey, err);
    if (r < 0)
        return r;
    complain(course, &survey);
    for (size_t i = 0; i < survey.count; i++) {
        const struct genv_snapshot *snapshot = survey.answers[i].snapshot;

        hosts[i] = (struct enforce_host){survey.answers[i].host->name, snapshot ? snapshot : &nothing};
    }
    r = enforcement_look(course->enforcement, hosts, survey.count, &found, &due, err);
    if (r == 0 && course->enforcement->options->grace_seconds > 0 && !course->enforcement->dry_run)
        r = warn(course, &found, ret_signal, err);
    if (r == 0)
        r = act(course, &due, ret_signal, err);
    if (r < 0)
        rounds_not_done(&course->enforcement->rounds, &due);
    if (r == 0 && course->enforcement->options->interval_seconds <= 0 && remote_count_answers(&survey) == 0)
        return error_set(err, EIO, "none of the hosts answered");
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
    int64_t now = clock_monotonic_ms(), grace = rounds_next_ms(&course->enforcement->rounds);
    int64_t left = begin + interval - now;

    if (r < 0)
        return left > RETRY_LEAST_MS ? left : RETRY_LEAST_MS;
    if (grace >= 0 && (interval == 0 || grace < left))
        left = grace;
    return left > 0 ? left : 0;
}

static int keep_looking(struct course *course, int *ret_signal, struct genv_error *err)
{
    const int64_t interval = (int64_t)(course->enforcement->options->interval_seconds * 1000);

    note_signals();
    for (;;) {
        int64_t begin = clock_monotonic_ms();
        int r = look(course, ret_signal, err);

        if (*ret_signal || (r < 0 && (course->remote->strict || interval == 0)))
            return r;
        if (r < 0)
            cli_warn(course->enforcement->cli, err->message);
        if (interval == 0 && rounds_next_ms(&course->enforcement->rounds) < 0)
            return course->enforcement->failed ? EXIT_FAILURE : 0;
        *ret_signal = wait_ms(next_left_ms(course, begin, interval, r));
        if (*ret_signal)
            return 0;
    }
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct enforcement_options *options = arguments->values;
    cleanup_host_list struct host_list hosts = {0};
    struct enforcement enforcement = {.options = options};
    struct course course = {.remote = arguments->above, .enforcement = &enforcement, .hosts = &hosts};
    int caught = 0, r;

    if (options->history)
        return enforcement_print_history(cli, options, err);
    r = remote_hosts(course.remote, &hosts, err);
    if (r == 0)
        r = enforcement_begin(&enforcement, cli, options, false, err);
    course.failing = calloc(hosts.count + 1, sizeof(*course.failing));
    if (r == 0)
        r = course.failing ? keep_looking(&course, &caught, err) : error_no_memory(err);
    free(course.failing);
    enforcement_end(&enforcement);
    return r == -EINTR ? 0 : r;
}

static const struct example examples[] = {
    {"genv remote -l root enforce --max-devices-per-user 4", "No more than four devices each, on all hosts together."},
    {NULL, NULL},
};

const struct command command_remote_enforce = {
    .name = "remote enforce",
    .summary = "Terminate what breaks the rules of sharing, on all hosts",
    .description =
        "As 'genv enforce', which see: a user's maximum counts over all hosts together; the limits file, and who is in "
        "which group, are those of this machine. Each host looks again for itself, just before it acts. To mend what "
        "others do there takes root (-l root). A host that does not answer "
        "is named, and the others are served.",
    .options = enforcement_option_rows,
    .defaults = &enforcement_defaults,
    .values_size = sizeof(struct enforcement_options),
    .examples = examples,
    .run = run,
};
