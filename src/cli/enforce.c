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
    {"sudo genv enforce --dry-run --interval 0 --non-env-processes", "Show what would be done now, and why."},
    {"sudo genv enforce --grace 60 --max-devices-per-user 4",
     "Run until interrupted, and warn users a minute before acting."},
    {"genv enforce --history", "Show past violations and what was done about them."},
    {NULL, NULL},
};

const struct command command_enforce = {
    .name = "enforce",
    .summary = "Enforce the rules of sharing on this machine",
    .description =
        "Checks devices, environments and the processes that use devices, and acts on violations: processes that use a "
        "device outside any environment, a device that is not attached to their environment, or more of a device's "
        "memory than their environment reserved; and users who hold more than their limit. It checks when an "
        "environment changes, and once per interval, because only the driver knows about processes. Acting on other "
        "users' processes needs root.\n\nA process gets SIGTERM, and SIGKILL if it is still there and still breaks the "
        "rule. It is identified by its PID and start time, and checked again just before the signal, so that no other "
        "process is ever hit.\n\nThe grace period starts when a user first breaks a rule on a device. Starting another "
        "process or environment does not restart it. A device that is attached again after it was detached is detached "
        "again.\n\nThe log keeps actions on processes in a second file, FILE.processes, and summarizes frequent "
        "violations by one user.\n\nA limits file has one limit per line: a user, @group or *; devices, memory or "
        "environments; and the limit. Examples are 'paul devices 4', '@students memory 40g' and '* devices 2'; "
        "'unlimited' removes a limit. A user's own line takes precedence over group lines, and group lines over '*'. "
        "Of several groups, the highest limit applies. 'genv attach' applies the limits in /etc/genv/limits.conf to "
        "everyone, so that users are refused before anything needs to be enforced.",
    .group = GROUP_MACHINE,
    .options = enforcement_option_rows,
    .defaults = &enforcement_defaults,
    .values_size = sizeof(struct enforcement_options),
    .examples = examples,
    .run = run,
};
