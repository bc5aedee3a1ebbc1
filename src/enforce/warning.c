/* Tells users what will happen to what breaks a rule, before it does. */
#include "enforce/warning.h"

#include "enforce/notify.h"
#include <genv/genv.h>

bool warning_send(const struct violation *violation, const struct genv_snapshot *snapshot, double grace_seconds,
                  struct text *sentence)
{
    const struct genv_env *env = *violation->eid ? genv_snapshot_env(snapshot, violation->eid) : NULL;
    size_t count = 0;
    pid_t pids[64];

    if (violation->pid)
        pids[count++] = violation->pid;
    for (size_t i = 0; env && i < env->process_count && count < ARRAY_SIZE(pids); i++)
        pids[count++] = env->processes[i].pid;
    violation_describe(violation, sentence);
    text_addf(sentence, "; in %g seconds %s", grace_seconds,
              violation->pid ? "it will be terminated" : "the device will be detached");
    return !sentence->failed && notify_user(violation->uid, pids, count, sentence->data) > 0;
}
