/* What happened: as JSON, and as the difference between an environment before and after. */
#include "model/event.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "model/config.h"
#include "model/env.h"

static const char *const kind_names[] = {
    [GENV_EVENT_CREATED] = "created",       [GENV_EVENT_ENTERED] = "entered",   [GENV_EVENT_LEFT] = "left",
    [GENV_EVENT_CONFIGURED] = "configured", [GENV_EVENT_ATTACHED] = "attached", [GENV_EVENT_RESIZED] = "resized",
    [GENV_EVENT_DETACHED] = "detached",     [GENV_EVENT_ENDED] = "ended",       NULL,
};

static const char *const reason_names[] = {
    [GENV_REASON_ASKED] = "asked", [GENV_REASON_UNMET] = "unmet",       [GENV_REASON_LEFT] = "left",
    [GENV_REASON_GONE] = "gone",   [GENV_REASON_REBOOTED] = "rebooted", NULL,
};

/* An event as a line has it. */
struct line {
    struct genv_event event;
    char kind[16], reason[16];
    uint64_t uid, by;
};

#define TEXT(name, member, is_optional)                                                                                \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_TEXT, .offset = offsetof(struct line, member),                                  \
        .size = sizeof(((struct line *)NULL)->member), .optional = (is_optional)                                       \
    }
#define VALUE(name, json_kind, member)                                                                                 \
    {                                                                                                                  \
        .key = name, .kind = (json_kind), .offset = offsetof(struct line, member)                                      \
    }
#define OPTIONAL(name, json_kind, member, missing)                                                                     \
    {                                                                                                                  \
        .key = name, .kind = (json_kind), .offset = offsetof(struct line, member), .optional = true,                   \
        .absent = (missing)                                                                                            \
    }

#define CONFIG_FIELD(field, member, kind, ...) CONFIG_JSON_FIELD(struct line, event.config, member, kind, false),

static const struct json_field fields[] = {
    VALUE("time", JSON_KIND_TIME, event.time),
    TEXT("event", kind, false),
    TEXT("reason", reason, false),
    TEXT("eid", event.eid, false),
    VALUE("created", JSON_KIND_TIME, event.created),
    VALUE("uid", JSON_KIND_U64, uid),
    VALUE("by", JSON_KIND_U64, by),
    GENV_CONFIG_FIELDS(CONFIG_FIELD) /* a row each */
    OPTIONAL("pid", JSON_KIND_I32, event.process.pid, 0),
    OPTIONAL("start_time", JSON_KIND_U64, event.process.start_time, 0),
    OPTIONAL("pid_namespace", JSON_KIND_U64, event.process.pid_namespace, 0),
    TEXT("kernel", event.kernel_id, true),
    TEXT("vendor", event.attachment.device.vendor, true),
    TEXT("uuid", event.attachment.device.uuid, true),
    TEXT("parent", event.attachment.device.parent, true),
    OPTIONAL("device", JSON_KIND_I32, event.attachment.index, -1),
    OPTIONAL("capacity", JSON_KIND_U64, event.attachment.gpu_memory, 0),
    OPTIONAL("attached", JSON_KIND_TIME, event.attachment.time, 0),
};
static const struct json_table table = {sizeof(struct line), ARRAY_SIZE(fields), fields};

json_t *event_encode(const struct genv_event *event)
{
    struct line line = {.event = *event, .uid = event->uid, .by = event->by};

    copy_string(line.kind, sizeof(line.kind), kind_names[event->kind]);
    copy_string(line.reason, sizeof(line.reason), reason_names[event->reason]);
    utf8_make_printable(line.event.attachment.device.uuid); /* the driver's words */
    utf8_make_printable(line.event.attachment.device.parent);
    return json_encode(&table, &line);
}

/* The position of @text in @names, which NULL ends, or -1. */
static int find_name(const char *const *names, const char *text)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
    }
    return -1;
}

static bool is_about_member(enum genv_event_kind kind)
{
    return kind == GENV_EVENT_ENTERED || kind == GENV_EVENT_LEFT;
}

static bool is_about_device(enum genv_event_kind kind)
{
    return kind == GENV_EVENT_ATTACHED || kind == GENV_EVENT_RESIZED || kind == GENV_EVENT_DETACHED;
}

/* Takes over what the table can't tell right from wrong. */
static int validate(struct line *line, struct genv_error *err)
{
    int kind = find_name(kind_names, line->kind), reason = find_name(reason_names, line->reason);
    struct genv_event *event = &line->event;

    if (kind < 0 || reason < 0)
        return error_set(err, EINVAL, "unknown event '%s' with reason '%s'", line->kind, line->reason);
    event->kind = kind;
    event->reason = reason;
    if (line->uid >= (uid_t)-1 || line->by >= (uid_t)-1)
        return error_set(err, EINVAL, "invalid user ID");
    event->uid = (uid_t)line->uid;
    event->by = (uid_t)line->by;
    if (config_validate(&event->config, GENV_CONFIG_ALL, NULL) < 0 || event->attachment.index > DEVICE_COUNT_MAX)
        return error_set(err, EINVAL, "invalid device index or device count");
    if (is_about_device(event->kind) != (*event->attachment.device.uuid != '\0'))
        return error_set(err, EINVAL, "'uuid' does not match the event '%s'", line->kind);
    if (is_about_member(event->kind) != (event->process.pid != 0 || *event->kernel_id))
        return error_set(err, EINVAL, "'pid' or 'kernel' does not match the event '%s'", line->kind);
    return genv_eid_validate(event->eid, err);
}

int event_decode(const char *text, size_t length, struct genv_event *ret_event, struct genv_error *err)
{
    cleanup_json json_t *json = json_parse(text, length, err);
    struct line line = {.event = {.kind = GENV_EVENT_CREATED}};
    int r = json ? json_decode(json, &table, &line, err) : -EINVAL;

    if (r == 0)
        r = validate(&line, err);
    if (r == 0)
        *ret_event = line.event;
    return r;
}

void event_list_release(struct event_list *list)
{
    free(list->events);
    *list = (struct event_list){0};
}

/* Adds an event about @env, for the caller to complete. NULL: out of memory. */
static struct genv_event *add(struct event_list *list, enum genv_event_kind kind, const struct genv_env *env,
                              const struct event_cause *cause)
{
    /* Only what it has lost is due to that; the rest of such a change was asked for. */
    bool unmet = cause->reason == GENV_REASON_UNMET && kind != GENV_EVENT_DETACHED;
    struct genv_event *event;

    if (!(list->count & (list->count - 1))) { /* 0, or a power of two: there is no room */
        struct genv_event *grown = reallocarray(list->events, list->count ? list->count * 2 : 1, sizeof(*list->events));

        if (!grown)
            return NULL;
        list->events = grown;
    }
    event = &list->events[list->count++];
    *event = (struct genv_event){
        .time = cause->time,
        .kind = kind,
        .reason = unmet ? GENV_REASON_ASKED : cause->reason,
        .created = env->created,
        .uid = env->uid,
        .by = cause->by,
        .config = env->config,
        .attachment = {.index = -1},
    };
    copy_string(event->eid, sizeof(event->eid), env->eid);
    return event;
}

/* Members and devices, each known by a part of their struct. */
struct array {
    const void *elements;
    size_t count, size;
    bool (*is_same)(const void *a, const void *b);
    void (*describe)(struct genv_event *event, const void *element);
};

static bool is_same_process(const void *left, const void *right)
{
    const struct genv_process *a = left, *b = right;

    return a->pid == b->pid && a->start_time == b->start_time && a->pid_namespace == b->pid_namespace;
}

static void describe_process(struct genv_event *event, const void *process)
{
    event->process = *(const struct genv_process *)process;
}

static bool is_same_kernel(const void *left, const void *right)
{
    const struct genv_kernel *a = left, *b = right;

    return strcmp(a->id, b->id) == 0;
}

static void describe_kernel(struct genv_event *event, const void *kernel)
{
    copy_string(event->kernel_id, sizeof(event->kernel_id), ((const struct genv_kernel *)kernel)->id);
}

static bool is_same_device(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    return strcmp(a->device.uuid, b->device.uuid) == 0;
}

static void describe_attachment(struct genv_event *event, const void *attachment)
{
    event->attachment = *(const struct genv_attachment *)attachment;
}

static struct array processes_of(const struct genv_env *env)
{
    return (struct array){env->processes, env->process_count, sizeof(*env->processes), is_same_process,
                          describe_process};
}

static struct array kernels_of(const struct genv_env *env)
{
    return (struct array){env->kernels, env->kernel_count, sizeof(*env->kernels), is_same_kernel, describe_kernel};
}

static struct array attachments_of(const struct genv_env *env)
{
    return (struct array){env->attachments, env->attachment_count, sizeof(*env->attachments), is_same_device,
                          describe_attachment};
}

static const void *element(const struct array *array, size_t i)
{
    return (const char *)array->elements + i * array->size;
}

/* The one of @array that is @wanted, or NULL. @next is where it is expected: comparing each with each would let one
 * record of a megabyte hold up everybody for seconds. */
static const void *find(const struct array *array, const void *wanted, size_t *next)
{
    for (size_t i = 0; i < array->count; i++) {
        size_t position = (*next + i) % array->count;

        if (array->is_same(element(array, position), wanted)) {
            *next = position + 1;
            return element(array, position);
        }
    }
    return NULL;
}

/* What is compared, and what for. */
struct comparison {
    struct event_list *list;
    const struct genv_env *env; /* the one that there is, or was */
    const struct event_cause *cause;
};

/* An event for each of @these that is not one of @others. */
static int add_missing(const struct comparison *comparison, enum genv_event_kind kind, const struct array these,
                       const struct array others)
{
    size_t next = 0;

    for (size_t i = 0; i < these.count; i++) {
        struct genv_event *event;

        if (find(&others, element(&these, i), &next))
            continue;
        event = add(comparison->list, kind, comparison->env, comparison->cause);
        if (!event)
            return -ENOMEM;
        these.describe(event, element(&these, i));
    }
    return 0;
}

static int add_resized(const struct comparison *comparison, const struct array before, const struct array after)
{
    size_t next = 0;

    for (size_t i = 0; i < after.count; i++) {
        const struct genv_attachment *now = element(&after, i), *then = find(&before, now, &next);
        struct genv_event *event;

        if (!then || then->gpu_memory == now->gpu_memory)
            continue;
        event = add(comparison->list, GENV_EVENT_RESIZED, comparison->env, comparison->cause);
        if (!event)
            return -ENOMEM;
        after.describe(event, now);
    }
    return 0;
}

/* One about the environment itself, if @happened. */
static int add_if(bool happened, const struct comparison *comparison, enum genv_event_kind kind)
{
    return !happened || add(comparison->list, kind, comparison->env, comparison->cause) ? 0 : -ENOMEM;
}

int event_list_add_changes(struct event_list *list, const struct genv_env *before, const struct genv_env *after,
                           const struct event_cause *cause)
{
    static const struct genv_env none;
    const struct genv_env *was = before ? before : &none, *is = after ? after : &none;
    const struct comparison comparison = {list, after ? after : before, cause};
    size_t count = list->count;

    if (!comparison.env)
        return 0;
    if (add_if(!before, &comparison, GENV_EVENT_CREATED) == 0 &&
        add_missing(&comparison, GENV_EVENT_ENTERED, processes_of(is), processes_of(was)) == 0 &&
        add_missing(&comparison, GENV_EVENT_ENTERED, kernels_of(is), kernels_of(was)) == 0 &&
        add_missing(&comparison, GENV_EVENT_LEFT, processes_of(was), processes_of(is)) == 0 &&
        add_missing(&comparison, GENV_EVENT_LEFT, kernels_of(was), kernels_of(is)) == 0 &&
        add_if(before && after && config_differences(&was->config, &is->config), &comparison, GENV_EVENT_CONFIGURED) ==
            0 &&
        add_missing(&comparison, GENV_EVENT_DETACHED, attachments_of(was), attachments_of(is)) == 0 &&
        add_resized(&comparison, attachments_of(was), attachments_of(is)) == 0 &&
        add_missing(&comparison, GENV_EVENT_ATTACHED, attachments_of(is), attachments_of(was)) == 0 &&
        add_if(!after, &comparison, GENV_EVENT_ENDED) == 0)
        return 0;
    list->count = count;
    return -ENOMEM;
}
