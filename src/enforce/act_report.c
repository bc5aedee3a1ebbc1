/* What became of a violation, as the user and the journal are told. */
#include "enforce/act_private.h"

#include <errno.h>
#include <string.h>

const char *const act_outcome_names[ACT_OUTCOME_COUNT] = {
    [ACT_TERMINATED] = "terminated", [ACT_KILLED] = "killed",       [ACT_DETACHED] = "detached", [ACT_GONE] = "gone",
    [ACT_WITHHELD] = "withheld",     [ACT_FORBIDDEN] = "forbidden", [ACT_FAILED] = "failed",     [ACT_BUSY] = "busy",
};

void act_tell(const struct act_options *options, const struct violation *violation, enum act_outcome outcome)
{
    options->report(&(struct act_report){.violation = violation, .outcome = outcome}, options->data);
}

void act_tell_failure(const struct act_options *options, const struct violation *violation, int r,
                      struct genv_error *err)
{
    bool forbidden = r == -EPERM || r == -EACCES;
    struct act_report report = {.violation = violation};

    if (r == -ESRCH || r == -ENOENT || r == -ENODEV) {
        act_tell(options, violation, ACT_GONE);
        return;
    }
    if (!err->code && forbidden && geteuid())
        error_set(err, -r, "run genv as root");
    else if (!err->code && violation->remedy == REMEDY_TERMINATE)
        error_set_errno(err, -r, "cannot send a signal");
    else if (!err->code)
        error_set(err, -r, "%s", strerror(-r));
    report.outcome = forbidden ? ACT_FORBIDDEN : ACT_FAILED;
    report.err = *err;
    options->report(&report, options->data);
}

static void describe_subject(const struct violation *violation, struct text *text)
{
    char command[81];

    if (violation->remedy == REMEDY_DETACH) {
        text_addf(text, "device %u from environment %s", violation->index, violation->eid);
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
        text_addf(text, "Environment %s of %s no longer holds device %u", violation->eid, user, violation->index);
    else
        text_addf(text, "Process %d of %s has ended, or no longer breaks the rule", (int)violation->pid, user);
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
    case ACT_BUSY:
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
        text_add(text, ", which did not exit on SIGTERM");
    if (*report->err.message)
        text_addf(text, ": %s", report->err.message);
}
