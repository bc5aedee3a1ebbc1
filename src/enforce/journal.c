/* What enforcement found and did, as lines of a log. */
#include "enforce/journal.h"

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

json_t *journal_entry(const char *event, const char *host, const struct violation *violation, const char *error,
                      const char *message)
{
    json_t *entry = json_object();
    char now[RFC3339_SIZE];

    if (!entry)
        return NULL;
    rfc3339_format(clock_now(), now);
    add_text(entry, "time", now);
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
    if (entry && event)
        json_object_update(entry, event);
    return entry;
}

json_t *journal_entry_from_line(const char *line, size_t length)
{
    static const char *const keys[] = {
        "time",     "event",  "host", "rule",       "pid",     "start_time", "command",  "eid",     "uid",
        "username", "device", "uuid", "used",       "allowed", "error",      "message",  "reason",  "created",
        "by",       "name",   "gpus", "gpu_memory", "vendor",  "parent",     "capacity", "attached"};
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

/* Whom the entries are for. */
struct reader {
    void (*each)(json_t *entry, void *data);
    void *data;
};

static void read_entry(const char *line, size_t length, void *data)
{
    cleanup_json json_t *entry = journal_entry_from_line(line, length);
    const struct reader *reader = data;

    if (entry)
        reader->each(entry, reader->data);
}

int journal_read(const char *path, void (*each)(json_t *entry, void *data), void *data, struct genv_error *err)
{
    return log_read(path, read_entry, &(struct reader){each, data}, err);
}
