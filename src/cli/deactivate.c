/* genv deactivate: leaves the environment of the shell that called. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/leave.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const char *eid = cli_current_eid();
    int r;

    (void)arguments;
    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    if (!eid)
        return error_set(err, ENOENT, "no environment is active in this shell");
    if (genv_eid_validate(eid, NULL) == 0) {
        r = cli_open(cli, err);
        if (r == 0)
            r = leave_environment(cli, eid, cli->shell_pid, err);
        if (r < 0 && r != -ENOENT && r != -EPERM) /* ended, or never ours: the shell is to be cleaned up all the same */
            return r;
    }
    shell_add_leave(&cli->code, cli->shell);
    return 0;
}

static const struct example examples[] = {
    {"genv deactivate", "Leaves the environment; if no other shell is in it, its devices are free."},
    {NULL, NULL},
};

const struct command command_deactivate = {
    .name = "deactivate",
    .summary = "Leave the environment of this shell",
    .description =
        "The shell is as before: its variables, PATH and prompt, without what others changed there meanwhile "
        "being lost. When the last shell or process has left, the environment ends and its devices are free.\n\n"
        "What the shell has started in the environment and left running (with &, nohup or disown) stays in it, and the "
        "environment with its devices as long as that runs; a line says so, and how to end it. The same holds when a "
        "shell ends. A bash script that sets a trap on EXIT does so before 'genv activate'.",
    .group = GROUP_ENVIRONMENT,
    .examples = examples,
    .run = run,
};
