/* What became of a violation, as the user and the journal are told. */
#include "enforce/act.h"

const char *const act_outcome_names[ACT_OUTCOME_COUNT] = {
    [ACT_TERMINATED] = "terminated", [ACT_KILLED] = "killed",       [ACT_DETACHED] = "detached", [ACT_GONE] = "gone",
    [ACT_WITHHELD] = "withheld",     [ACT_FORBIDDEN] = "forbidden", [ACT_FAILED] = "failed",
};

static void describe_subject(const struct violation *violation, struct text *text)
{
    char command[81];

    if (violation->remedy == REMEDY_DETACH) {
        text_addf(text, "GPU %u from environment %s", violation->index, violation->eid);
    } else {
        copy_string(command, sizeof(command), violation->command);
        text_addf(text, "process %d", (int)violation->pid);
        if (*command)
            text_addf(text, " (%s)", command);
    }
    text_addf(text, " of %s", *violation->username ? violation->username : "an unknown user");
}

static void describe_gone(const struct violation *violation, struct text *text)
{
    const char *user = *violation->username ? violation->username : "an unknown user";

    if (violation->remedy == REMEDY_DETACH)
        text_addf(text, "Environment %s of %s no longer holds GPU %u", violation->eid, user, violation->index);
    else
        text_addf(text, "Process %d of %s has ended, or breaks the rule no more", (int)violation->pid, user);
}

void act_report_describe(const struct act_report *report, struct text *text)
{
    static const char *const verbs[][2] = {
        [REMEDY_TERMINATE] = {"terminate ", "Terminated "},
        [REMEDY_DETACH] = {"detach ", "Detached "},
    };
    const char *const *verb = verbs[report->violation->remedy];

    switch (report->outcome) {
    case ACT_GONE:
        describe_gone(report->violation, text);
        return;
    case ACT_WITHHELD:
        text_addf(text, "Would %s", verb[0]);
        break;
    case ACT_FORBIDDEN:
    case ACT_FAILED:
    case ACT_OUTCOME_COUNT:
        text_addf(text, "Cannot %s", verb[0]);
        break;
    case ACT_TERMINATED:
    case ACT_DETACHED:
        text_add(text, verb[1]);
        break;
    case ACT_KILLED:
        text_add(text, "Killed ");
    }
    describe_subject(report->violation, text);
    if (report->outcome == ACT_KILLED)
        text_add(text, ", which did not end when told to");
    if (*report->err.message)
        text_addf(text, ": %s", report->err.message);
}
