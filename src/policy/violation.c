/* A rule that is broken: by which process or attachment, and what would mend it. */
#include "policy/violation.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "model/device.h"
#include "model/env.h"

#define COMMAND_SIZE 81 /* of a command in a sentence: so much says which one it is */

const char *const enforce_rule_names[RULE_COUNT + 1] = {
    [RULE_NON_ENV_PROCESSES] = "non-env-processes",
    [RULE_ENV_DEVICES] = "env-devices",
    [RULE_ENV_MEMORY] = "env-memory",
    [RULE_MAX_DEVICES] = "max-devices-per-user",
    [RULE_MAX_MEMORY] = "max-memory-per-user",
};

void violation_list_release(struct violation_list *list)
{
    free(list->items);
    *list = (struct violation_list){0};
}

int violation_list_add(struct violation_list *list, const struct violation *violation)
{
    if ((list->count & (list->count - 1)) == 0) { /* a power of two: as many as there is room for */
        size_t room = list->count ? list->count * 2 : 1;
        struct violation *grown = reallocarray(list->items, room, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        list->items = grown;
    }
    list->items[list->count++] = *violation;
    return 0;
}

/* "paul", or "an unknown user". */
static const char *user_of(const struct violation *violation)
{
    return *violation->username ? violation->username : "an unknown user";
}

static void describe_process(const struct violation *violation, struct text *text)
{
    char command[COMMAND_SIZE];

    copy_string(command, sizeof(command), violation->command);
    text_addf(text, "Process %d", (int)violation->pid);
    if (*command)
        text_addf(text, " (%s)", command);
    if (*violation->eid)
        text_addf(text, " of environment %s", violation->eid);
    text_addf(text, " of %s", user_of(violation));
}

static void describe_maximum(const struct violation *violation, struct text *text)
{
    char used[GENV_AMOUNT_SIZE], allowed[GENV_AMOUNT_SIZE];

    if (violation->pid)
        describe_process(violation, text);
    else
        text_addf(text, "Environment %s of %s", violation->eid, user_of(violation));
    text_addf(text, " %s device %u, and %s", violation->pid ? "uses" : "holds", violation->index, user_of(violation));
    if (violation->rule == RULE_MAX_DEVICES) {
        text_addf(text, " holds %llu device%s (limit %llu)", (unsigned long long)violation->used,
                  violation->used == 1 ? "" : "s", (unsigned long long)violation->allowed);
        return;
    }
    genv_amount_format(violation->used, used);
    genv_amount_format(violation->allowed, allowed);
    text_addf(text, " holds %s of device memory (limit %s)", used, allowed);
}

void violation_describe(const struct violation *violation, struct text *text)
{
    char used[GENV_AMOUNT_SIZE], allowed[GENV_AMOUNT_SIZE];

    switch (violation->rule) {
    case RULE_NON_ENV_PROCESSES:
        describe_process(violation, text);
        text_addf(text, " uses device %u outside any environment", violation->index);
        return;
    case RULE_ENV_DEVICES:
        describe_process(violation, text);
        text_addf(text, " uses device %u, which is not attached to its environment", violation->index);
        return;
    case RULE_ENV_MEMORY:
        genv_amount_format(violation->used, used);
        genv_amount_format(violation->allowed, allowed);
        describe_process(violation, text);
        text_addf(text, " is among the processes that use %s on device %u, where their environment reserved %s", used,
                  violation->index, allowed);
        return;
    case RULE_MAX_DEVICES:
    case RULE_MAX_MEMORY:
    case RULE_COUNT:
        describe_maximum(violation, text);
    }
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Whether @process still uses the device, or any where that does not matter to the rule. */
static bool uses_device(const struct genv_gpu_process *process, const struct violation *violation)
{
    const struct genv_usage *usage = process_usage(process, violation->uuid);

    if (violation->rule == RULE_NON_ENV_PROCESSES)
        return process->usage_count > 0;
    return usage && (violation->rule != RULE_ENV_MEMORY || usage->used_memory != GENV_UNKNOWN_U64);
}

/* The process of the violation as @snapshot shows it, or NULL: it has ended, or uses the device no more. */
static const struct genv_gpu_process *find_process(const struct genv_snapshot *snapshot,
                                                   const struct violation *violation)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        if (process->pid == violation->pid && process->start_time == violation->start_time && process->start_time &&
            strcmp(process->eid, violation->eid) == 0 && uses_device(process, violation))
            return process;
    }
    return NULL;
}

static uint64_t used_memory(const struct genv_snapshot *snapshot, const struct violation *violation)
{
    uint64_t total = 0;

    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];
        const struct genv_usage *usage = process_usage(process, violation->uuid);

        if (usage && usage->used_memory != GENV_UNKNOWN_U64 && strcmp(process->eid, violation->eid) == 0)
            total += usage->used_memory;
    }
    return total;
}

bool violation_holds(const struct violation *violation, const struct genv_snapshot *snapshot)
{
    const struct genv_env *env = *violation->eid ? genv_snapshot_env(snapshot, violation->eid) : NULL;
    const struct genv_attachment *attachment = env ? genv_env_attachment(env, violation->uuid) : NULL;

    if (violation->remedy == REMEDY_DETACH)
        return attachment && is_same_time(attachment->time, violation->attached);
    if (!find_process(snapshot, violation))
        return false;
    switch (violation->rule) {
    case RULE_NON_ENV_PROCESSES:
    case RULE_COUNT:
        break;
    case RULE_MAX_DEVICES: /* the attachment may have gone a moment ago: that was the remedy's first part */
    case RULE_MAX_MEMORY:
        return !attachment || is_same_time(attachment->time, violation->attached);
    case RULE_ENV_DEVICES:
        return env && !attachment;
    case RULE_ENV_MEMORY:
        return attachment && attachment->gpu_memory && used_memory(snapshot, violation) > attachment->gpu_memory;
    }
    return true;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int violation_compare_subjects(const struct violation *a, const struct violation *b)
{
    const int orders[] = {
        compare_u64(a->host, b->host),
        compare_u64(a->rule, b->rule),
        compare_u64(a->remedy, b->remedy),
        compare_u64((uint64_t)a->pid, (uint64_t)b->pid),
        compare_u64(a->start_time, b->start_time),
        strcmp(a->eid, b->eid),
        strcmp(a->uuid, b->uuid),
    };

    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        if (orders[i])
            return orders[i];
    }
    return 0;
}

int violation_compare(const struct violation *a, const struct violation *b)
{
    int order = violation_compare_subjects(a, b);

    if (order)
        return order;
    order = compare_u64((uint64_t)a->attached.tv_sec, (uint64_t)b->attached.tv_sec);
    return order ? order : compare_u64((uint64_t)a->attached.tv_nsec, (uint64_t)b->attached.tv_nsec);
}

bool violation_equals(const struct violation *a, const struct violation *b)
{
    return violation_compare(a, b) == 0;
}

void violation_complete(struct violation *violation, const struct genv_snapshot *snapshot)
{
    const struct genv_env *env = *violation->eid ? genv_snapshot_env(snapshot, violation->eid) : NULL;
    const struct genv_gpu_process *process = violation->pid ? find_process(snapshot, violation) : NULL;

    if (process) {
        violation->uid = process->uid;
        genv_gpu_process_username(process, violation->username);
        copy_string(violation->command, sizeof(violation->command), process->command);
    } else if (env) {
        violation->uid = env->uid;
        genv_env_username(env, violation->username);
    }
}
