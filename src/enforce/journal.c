/* What enforcement found and did, as lines of a log. */
#include "enforce/journal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "model/event.h"

static void add_text(json_t *entry, const char *key, const char *text)
{
    cleanup_free char *printable = text && *text ? strdup(text) : NULL;

    if (!printable)
        return;
    utf8_make_printable(printable);
    json_object_set_new(entry, key, json_string(printable));
}

static void add_number(json_t *entry, const char *key, uint64_t number)
{
    json_object_set_new(entry, key, json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

static void add_violation(json_t *entry, const struct violation *violation)
{
    add_text(entry, "rule", enforce_rule_names[violation->rule]);
    if (violation->pid)
        add_number(entry, "pid", (uint64_t)violation->pid);
    if (violation->start_time)
        add_number(entry, "start_time", violation->start_time);
    add_text(entry, "command", violation->command);
    add_text(entry, "eid", violation->eid);
    if (violation->uid != (uid_t)-1)
        add_number(entry, "uid", violation->uid);
    add_text(entry, "username", violation->username);
    add_number(entry, "device", violation->index);
    add_text(entry, "uuid", violation->uuid);
    if (violation->rule != RULE_NON_ENV_PROCESSES && violation->rule != RULE_ENV_DEVICES) {
        add_number(entry, "used", violation->used);
        add_number(entry, "allowed", violation->allowed);
    }
}

/* An entry of now; NULL: out of memory. */
static json_t *new_entry(void)
{
    json_t *entry = json_object();
    char now[RFC3339_SIZE];

    if (!entry)
        return NULL;
    rfc3339_format(clock_now(), now);
    add_text(entry, "time", now);
    return entry;
}

json_t *journal_entry(const char *event, const char *host, const struct violation *violation, const char *error,
                      const char *message)
{
    json_t *entry = new_entry();

    if (!entry)
        return NULL;
    add_text(entry, "event", event);
    add_text(entry, "host", host);
    add_violation(entry, violation);
    add_text(entry, "error", error);
    add_text(entry, "message", message);
    return entry;
}

json_t *journal_entry_of_act(const struct act_report *act)
{
    cleanup_json json_t *event = act->event ? event_encode(act->event) : NULL;
    cleanup_text struct text sentence = TEXT_INIT;
    json_t *entry;

    act_report_describe(act, &sentence);
    entry = journal_entry(act_outcome_names[act->outcome], "", act->violation, act->err.message, sentence.data);
    if (entry && event) {
        json_object_update(entry, event);
        add_number(entry, "device", act->violation->index); /* the record's may be that of an earlier boot */
    }
    return entry;
}

json_t *journal_entry_of_more(const json_t *last, uint64_t count)
{
    static const char *const shared[] = {"event", "host", "rule", "uid", "username"};
    const char *event = json_string_value(json_object_get(last, "event"));
    const char *user = json_string_value(json_object_get(last, "username"));
    cleanup_text struct text sentence = TEXT_INIT;
    json_t *entry = new_entry();

    if (!entry)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
        if (json_object_get(last, shared[i]))
            json_object_set(entry, shared[i], json_object_get(last, shared[i]));
    }
    add_number(entry, "count", count);
    text_addf(&sentence, "%llu more '%s' entries about %s", (unsigned long long)count, event ? event : "",
              user ? user : "an unknown user");
    add_text(entry, "message", sentence.data);
    return entry;
}

json_t *journal_entry_from_line(const char *line, size_t length)
{
    static const char *const keys[] = {
        "time",     "event",  "host", "rule",       "pid",     "start_time", "command",  "eid",      "uid",
        "username", "device", "uuid", "used",       "allowed", "error",      "message",  "reason",   "created",
        "by",       "name",   "gpus", "gpu_memory", "vendor",  "parent",     "capacity", "attached", "count"};
    cleanup_json json_t *json = json_parse(line, length, NULL), *entry = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        json_t *value = json_object_get(json, keys[i]);

        if (json_is_integer(value))
            json_object_set(entry, keys[i], value);
        else
            add_text(entry, keys[i], json_string_value(value));
    }
    if (!json_is_string(json_object_get(entry, "time")) || !json_is_string(json_object_get(entry, "event")))
        return NULL;
    return STEAL_POINTER(entry);
}

struct journal {
    struct log *log, *processes;
};

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    log_close(journal->log);
    log_close(journal->processes);
    free(journal);
}

DEFINE_CLEANUP(struct journal *, cleanup_journalp, journal_close)

/* free() it; NULL: out of memory. */
static char *path_of_processes(const char *path)
{
    struct text beside = TEXT_INIT;

    text_addf(&beside, "%s" JOURNAL_PROCESSES, path);
    return text_take(&beside);
}

int journal_open(const char *path, bool own, struct journal **ret_journal, struct genv_error *err)
{
    cleanup_with(cleanup_journalp) struct journal *journal = calloc(1, sizeof(*journal));
    cleanup_free char *processes = path_of_processes(path);
    int r;

    if (!journal || !processes)
        return error_no_memory(err);
    r = own ? log_open_own(path, &journal->log, err) : log_open(path, &journal->log, err);
    if (r == 0)
        r = own ? log_open_own(processes, &journal->processes, err) : log_open(processes, &journal->processes, err);
    if (r == 0)
        *ret_journal = STEAL_POINTER(journal);
    return r;
}

int journal_write(struct journal *journal, const json_t *entry, struct genv_error *err)
{
    const char *event = json_string_value(json_object_get(entry, "event"));
    bool ended = event && (strcmp(event, act_outcome_names[ACT_TERMINATED]) == 0 ||
                           strcmp(event, act_outcome_names[ACT_KILLED]) == 0);

    return log_write(ended ? journal->processes : journal->log, entry, err);
}

/* Whom the entries are for, and those of the other log that are to come between. */
struct reader {
    void (*each)(json_t *entry, void *data);
    void *data;
    json_t *waiting; /* an array */
    size_t next;
};

static const char *time_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "time"));
}

/* Passes on what waits and is not of after @time: processes end first, and what found them came a look earlier. NULL:
 * all of it. */
static void pass_waiting(struct reader *reader, const char *time)
{
    for (; reader->next < json_array_size(reader->waiting); reader->next++) {
        json_t *entry = json_array_get(reader->waiting, reader->next);

        if (time && strcmp(time_of(entry), time) > 0)
            return;
        reader->each(entry, reader->data);
    }
}

static void read_entry(const char *line, size_t length, void *data)
{
    cleanup_json json_t *entry = journal_entry_from_line(line, length);
    struct reader *reader = data;

    if (!entry)
        return;
    pass_waiting(reader, time_of(entry));
    reader->each(entry, reader->data);
}

static void keep_entry(const char *line, size_t length, void *data)
{
    json_t *entry = journal_entry_from_line(line, length);
    json_t *waiting = data;

    if (entry)
        json_array_append_new(waiting, entry);
}

int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err)
{
    cleanup_free char *processes = path_of_processes(path);
    cleanup_json json_t *waiting = json_array();
    struct reader reader = {each, data, waiting, 0};
    struct genv_error reason = {0};
    int r, other;

    if (!processes || !waiting)
        return error_no_memory(err);
    other = log_read(processes, keep_entry, waiting, &reason);
    r = log_read(path, read_entry, &reader, err);
    if (r == 0 || (r == -ENOENT && other == 0)) {
        pass_waiting(&reader, NULL);
        r = other == -ENOENT || other == -EPERM || other == -EACCES
                ? 0
                : other; /* what others put there keeps nobody from reading */
        if (r < 0 && err)
            *err = reason;
    }
    return r;
}
