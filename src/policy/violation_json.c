/* Violations as they travel between hosts. */
#include "policy/violation.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "model/device.h"
#include "model/env.h"

struct entry {
    char rule[32];
    struct violation violation;
    int pid, device;
};

#define TEXT(name, member)                                                                                             \
    .key = name, .kind = JSON_KIND_TEXT, .offset = offsetof(struct entry, member),                                     \
    .size = sizeof(((struct entry *)NULL)->member)
#define VALUE(name, json_kind, member) .key = name, .kind = (json_kind), .offset = offsetof(struct entry, member)

static const struct json_field fields[] = {
    {TEXT("rule", rule)},
    {VALUE("pid", JSON_KIND_I32, pid), .optional = true},
    {VALUE("start_time", JSON_KIND_U64, violation.start_time), .optional = true},
    {TEXT("eid", violation.eid), .optional = true},
    {VALUE("attached", JSON_KIND_TIME, violation.attached), .optional = true},
    {TEXT("uuid", violation.uuid)},
    {VALUE("device", JSON_KIND_I32, device)},
    {VALUE("used", JSON_KIND_U64, violation.used), .optional = true},
    {VALUE("allowed", JSON_KIND_U64, violation.allowed), .optional = true},
    {VALUE("left_ms", JSON_KIND_U64, violation.left_ms), .optional = true},
};
static const struct json_table table = {sizeof(struct entry), ARRAY_SIZE(fields), fields};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

char *violation_to_json(const struct violation *violation)
{
    struct entry entry = {.violation = *violation, .pid = (int)violation->pid, .device = (int)violation->index};
    cleanup_json json_t *json = NULL;

    copy_string(entry.rule, sizeof(entry.rule), enforce_rule_names[violation->rule]);
    entry.violation.used = least(violation->used, INT64_MAX); /* JSON has no larger ones */
    entry.violation.allowed = least(violation->allowed, INT64_MAX);
    json = json_encode(&table, &entry);
    return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static int rule_from_name(const char *name, enum enforce_rule *ret_rule)
{
    for (enum enforce_rule rule = 0; rule < RULE_COUNT; rule++) {
        if (strcmp(enforce_rule_names[rule], name) == 0) {
            *ret_rule = rule;
            return 0;
        }
    }
    return -EINVAL;
}

static int validate(struct entry *entry, struct genv_error *err)
{
    struct violation *violation = &entry->violation;

    if (rule_from_name(entry->rule, &violation->rule) < 0)
        return error_set(err, EINVAL, "unknown rule");
    if (*violation->eid && genv_eid_validate(violation->eid, err) < 0)
        return error_prefix(err, -EINVAL, "'eid'");
    if (!uuid_is_plain(violation->uuid))
        return error_set(err, EINVAL, "'uuid' is not a device UUID");
    if (entry->device > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "'device' is not a device index");
    if (entry->pid == 0 && violation->rule != RULE_MAX_DEVICES && violation->rule != RULE_MAX_MEMORY)
        return error_set(err, EINVAL, "'pid' is missing");
    violation->pid = (pid_t)entry->pid;
    violation->index = (unsigned)entry->device;
    violation->remedy = entry->pid ? REMEDY_TERMINATE : REMEDY_DETACH;
    return 0;
}

int violation_from_json(const char *text, struct violation *ret_violation, struct genv_error *err)
{
    cleanup_json json_t *json = json_parse(text, strlen(text), err);
    struct entry entry = {.violation.uid = (uid_t)-1};
    int r = json ? json_decode(json, &table, &entry, err) : -EINVAL;

    if (r == 0)
        r = validate(&entry, err);
    if (r == 0)
        *ret_violation = entry.violation;
    return r;
}
