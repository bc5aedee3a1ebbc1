/* What one machine has found on another: how it is sent, acted on there, and answered. */
#include "enforce/errand.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/json.h"
#include "enforce/journal.h"
#include "enforce/session.h"
#include "enforce/warning.h"

#define STEP_MS 20 /* between looks whether a process has ended */

/* Takes the reference. */
static void tell(const struct errand_options *options, json_t *entry)
{
    if (entry)
        options->tell(entry, options->data);
    json_decref(entry);
}

static void report(const struct act_report *act, void *data)
{
    tell(data, journal_entry_of_act(act));
}

/* "RULE:…": how a violation was sent before it was JSON. Such a genv takes a wrong use for a sign that this one is too
 * old, and shows any other failure's sentence. */
static bool is_of_earlier_version(const char *word)
{
    size_t length = strcspn(word, ":");

    for (enum enforce_rule rule = 0; word[length] && rule < RULE_COUNT; rule++) {
        if (strlen(enforce_rule_names[rule]) == length && strncmp(enforce_rule_names[rule], word, length) == 0)
            return true;
    }
    return false;
}

static int read_violations(char **words, const struct genv_snapshot *snapshot, struct violation_list *list,
                           struct genv_error *err)
{
    for (; *words; words++) {
        struct violation violation;

        if (is_of_earlier_version(*words))
            return error_set(err, EPROTO, "genv on the machine that runs 'genv remote enforce' is too old: update it");
        if (violation_from_json(*words, &violation, err) < 0)
            return error_prefix(err, -EINVAL, "'%s' is not a violation", *words);
        violation_complete(&violation, snapshot);
        if (violation_list_add(list, &violation) < 0)
            return error_no_memory(err);
    }
    return 0;
}

static int act(struct genv *g, const struct errand_options *options, const struct violation_list *list,
               struct genv_error *err)
{
    const struct act_options how = {.dry_run = options->dry_run || session_is_withheld(),
                                    .kill_after_seconds = options->kill_after_seconds,
                                    .report = report,
                                    .data = (void *)options};
    struct acts *acts = NULL;
    int r = acts_new(g, &how, &acts, err);

    if (r == 0)
        r = acts_apply(acts, list->items, list->count, err);
    while (r == 0 && acts_next_ms(acts) >= 0) {
        poll(NULL, 0, acts_next_ms(acts) < STEP_MS ? acts_next_ms(acts) : STEP_MS);
        r = acts_continue(acts, err);
    }
    acts_free(acts);
    return r;
}

static void tell_warning(json_t *entry, void *data)
{
    const struct errand_options *options = data;

    options->tell(entry, options->data);
}

int errand_do(struct genv *g, char **words, const struct errand_options *options, struct genv_error *err)
{
    cleanup_violation_list struct violation_list list = {0};
    struct genv_snapshot *snapshot = NULL;
    int r = genv_snapshot_take(g, GENV_DEPTH_COMPLETE, &snapshot, err);

    if (r == 0)
        r = read_violations(words, snapshot, &list, err);
    if (r == 0 && options->warn)
        r = warnings_send(&list, snapshot, options->grace_seconds, tell_warning, (void *)options, err);
    genv_snapshot_free(snapshot);
    return r < 0 || options->warn ? r : act(g, options, &list, err);
}

json_t *errand_read(const char *line, size_t length, const char *host)
{
    json_t *entry = journal_entry_from_line(line, length);

    if (entry)
        json_object_set_new(entry, "host", json_string(host));
    return entry;
}

enum act_outcome errand_outcome(const json_t *entry, struct violation *ret_violation)
{
    const char *event = json_string_value(json_object_get(entry, "event"));
    cleanup_free char *text = json_dumps(entry, JSON_COMPACT);
    enum act_outcome outcome = 0;

    while (event && outcome < ACT_OUTCOME_COUNT && strcmp(act_outcome_names[outcome], event) != 0)
        outcome++;
    if (text)
        violation_from_json(text, ret_violation, NULL); /* an entry names what it is about as a violation does */
    return event ? outcome : ACT_OUTCOME_COUNT;
}
