/* A rule that is broken: by which process or attachment, and what would mend it. */
#include "policy/violation.h"

#include <errno.h>
#include <string.h>

#include "base/amount.h"
#include "model/env.h"
#include "model/snapshot.h"

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
    text_addf(text, "Process %d", (int)violation->pid);
    if (*violation->command)
        text_addf(text, " (%.80s)", violation->command);
    if (*violation->eid)
        text_addf(text, " of environment %s", violation->eid);
    text_addf(text, " of %s", user_of(violation));
}

static void describe_maximum(const struct violation *violation, struct text *text)
{
    char used[AMOUNT_SIZE], allowed[AMOUNT_SIZE];

    if (violation->pid)
        describe_process(violation, text);
    else
        text_addf(text, "Environment %s of %s", violation->eid, user_of(violation));
    text_addf(text, " %s GPU %u, and %s", violation->pid ? "uses" : "holds", violation->device, user_of(violation));
    if (violation->rule == RULE_MAX_DEVICES) {
        text_addf(text, " holds %llu devices, of at most %llu", (unsigned long long)violation->used,
                  (unsigned long long)violation->allowed);
        return;
    }
    amount_format(violation->used, used);
    amount_format(violation->allowed, allowed);
    text_addf(text, " holds %s of device memory, of at most %s", used, violation->allowed ? allowed : "none");
}

void violation_describe(const struct violation *violation, struct text *text)
{
    char used[AMOUNT_SIZE], allowed[AMOUNT_SIZE];

    switch (violation->rule) {
    case RULE_NON_ENV_PROCESSES:
        describe_process(violation, text);
        text_addf(text, " uses GPU %u outside any environment", violation->device);
        return;
    case RULE_ENV_DEVICES:
        describe_process(violation, text);
        text_addf(text, " uses GPU %u, which is not attached to it", violation->device);
        return;
    case RULE_ENV_MEMORY:
        amount_format(violation->used, used);
        amount_format(violation->allowed, allowed);
        describe_process(violation, text);
        text_addf(text, " is one of those that use %s of GPU %u, of at most %s", used, violation->device, allowed);
        return;
    case RULE_MAX_DEVICES:
    case RULE_MAX_MEMORY:
    case RULE_COUNT:
        describe_maximum(violation, text);
    }
}

/* Whether @process still uses the device, or any where that does not matter to the rule. */
static bool uses_device(const struct genv_gpu_process *process, const struct violation *violation)
{
    for (size_t i = 0; i < process->usage_count; i++) {
        if (process->usages[i].index == violation->device || violation->rule == RULE_NON_ENV_PROCESSES)
            return true;
    }
    return false;
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

        for (size_t k = 0; strcmp(process->eid, violation->eid) == 0 && k < process->usage_count; k++) {
            if (process->usages[k].index == violation->device && process->usages[k].used_memory != GENV_UNKNOWN_U64)
                total += process->usages[k].used_memory;
        }
    }
    return total;
}

bool violation_holds(const struct violation *violation, const struct genv_snapshot *snapshot)
{
    const struct genv_env *env = *violation->eid ? snapshot_env(snapshot, violation->eid) : NULL;
    const struct genv_attachment *attachment = env ? env_attachment_at(env, violation->device) : NULL;

    if (violation->remedy == REMEDY_DETACH)
        return attachment && attachment->time.tv_sec == violation->attached.tv_sec &&
               attachment->time.tv_nsec == violation->attached.tv_nsec;
    if (!find_process(snapshot, violation))
        return false;
    switch (violation->rule) {
    case RULE_NON_ENV_PROCESSES:
    case RULE_MAX_DEVICES: /* the attachment may have gone a moment ago: that was the remedy's first part */
    case RULE_MAX_MEMORY:
    case RULE_COUNT:
        break;
    case RULE_ENV_DEVICES:
        return env && !attachment;
    case RULE_ENV_MEMORY:
        return attachment && attachment->gpu_memory && used_memory(snapshot, violation) > attachment->gpu_memory;
    }
    return true;
}

bool violation_equals(const struct violation *a, const struct violation *b)
{
    return a->rule == b->rule && a->remedy == b->remedy && a->host == b->host && a->device == b->device &&
           a->pid == b->pid && a->start_time == b->start_time && a->attached.tv_sec == b->attached.tv_sec &&
           a->attached.tv_nsec == b->attached.tv_nsec && strcmp(a->eid, b->eid) == 0;
}
