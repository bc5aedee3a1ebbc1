/* Tells users what will happen to what breaks a rule, before it does. */
#include "enforce/warning.h"

#include <errno.h>

#include "base/json.h"
#include "enforce/journal.h"
#include "enforce/notify.h"
#include <genv/genv.h>

/* How many of @chosen are about the same user and host. */
static size_t count_same(const struct violation_list *chosen, const struct violation *violation)
{
    size_t count = 0;

    for (size_t i = 0; i < chosen->count; i++)
        count += chosen->items[i].uid == violation->uid && chosen->items[i].host == violation->host;
    return count;
}

int warnings_choose(const struct violation_list *list, struct violation_list *ret_chosen)
{
    cleanup_violation_list struct violation_list chosen = {0};

    for (size_t i = 0; i < list->count; i++) {
        if (count_same(&chosen, &list->items[i]) < WARNINGS_MAX && violation_list_add(&chosen, &list->items[i]) < 0)
            return -ENOMEM;
    }
    *ret_chosen = chosen;
    chosen = (struct violation_list){0};
    return 0;
}

/* Returns whether the user was told. */
static bool warn_of(const struct violation *violation, const struct genv_snapshot *snapshot, double grace_seconds,
                    struct text *sentence)
{
    const struct genv_env *env = *violation->eid ? genv_snapshot_env(snapshot, violation->eid) : NULL;
    const uint64_t tenths = (violation->left_ms + 99) / 100;
    double left_seconds = tenths ? (double)tenths / 10 : grace_seconds;
    size_t count = 0;
    pid_t pids[64];

    if (violation->pid)
        pids[count++] = violation->pid;
    for (size_t i = 0; env && i < env->process_count && count < ARRAY_SIZE(pids); i++)
        pids[count++] = env->processes[i].pid;
    violation_describe(violation, sentence);
    text_addf(sentence, ": %s within %g second%s, or genv will %s it",
              violation->pid ? "stop the process" : "detach the device", left_seconds, left_seconds == 1 ? "" : "s",
              violation->pid ? "terminate" : "detach");
    return !sentence->failed && notify_user(violation->uid, pids, count, sentence->data) > 0;
}

int warnings_send(const struct violation_list *list, const struct genv_snapshot *snapshot, double grace_seconds,
                  void (*tell)(json_t *entry, void *data), void *data, struct genv_error *err)
{
    cleanup_violation_list struct violation_list chosen = {0};

    if (warnings_choose(list, &chosen) < 0)
        return error_no_memory(err);
    for (size_t i = 0; i < chosen.count; i++) {
        cleanup_text struct text sentence = TEXT_INIT;
        cleanup_json json_t *entry = NULL;

        if (warn_of(&chosen.items[i], snapshot, grace_seconds, &sentence))
            entry = journal_entry("warned", "", &chosen.items[i], NULL, sentence.data);
        if (entry)
            tell(entry, data);
    }
    return 0;
}
