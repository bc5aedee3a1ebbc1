/* genv enforce: makes the agreement hold on this machine. */
#include "cli/enforcement.h"
#include "enforce/machine.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct enforcement_options *options = arguments->values;
    struct enforcement enforcement;
    bool failed = false;
    int r;

    if (options->history)
        return enforcement_print_history(cli, options, err);
    r = enforcement_prepare(&enforcement, cli, options, err);
    if (r == 0)
        r = enforce_machine(cli->genv, &enforcement.session, &failed, err);
    return r < 0 ? r : failed ? EXIT_FAILURE : 0;
}

static const struct example examples[] = {
    {"sudo genv enforce --dry-run --interval 0 --non-env-processes", "What would be done now, and why."},
    {"sudo genv enforce --grace 60 --max-devices-per-user 4", "Keeps looking, and warns a minute before it acts."},
    {"genv enforce --history", "What was found and done."},
    {NULL, NULL},
};

const struct command command_enforce = {
    .name = "enforce",
    .summary = "Terminate what breaks the rules of sharing",
    .description =
        "Looks at devices, environments and the processes that use devices, and mends what breaks a rule: processes "
        "that use a device outside any environment, or one that is not attached to theirs, or more of its memory than "
        "their capacity, and users who hold more than their maximum. It looks again when an environment changes, and "
        "after the interval, since only the driver knows of processes. To mend what others do takes root.\n\n"
        "A process is told to terminate, and killed if it stays and still breaks the rule. It is identified by PID and "
        "start time, and looked at again just before: no other one is ever hit.\n\n"
        "With --grace, a user has that time on a device from when a rule was first broken there, whichever process or "
        "environment broke it. What is attached again after it was detached is detached again. The journal keeps what "
        "was "
        "done to processes in a second file, FILE.processes, and sums up what one user causes much of.\n\n"
        "A limits file has a line for each maximum: who (a user, @group or *), devices, memory or environments, and "
        "how "
        "many, such as 'paul devices 4', '@students memory 40g' or '* devices 2'; 'unlimited' lifts it. A user's own "
        "line wins "
        "over those of his groups, of which the most generous counts, and they win over *. 'genv attach' respects "
        "/etc/genv/limits.conf for everyone, so that users meet a refusal first.",
    .group = GROUP_MACHINE,
    .options = enforcement_option_rows,
    .defaults = &enforcement_defaults,
    .values_size = sizeof(struct enforcement_options),
    .examples = examples,
    .run = run,
};
