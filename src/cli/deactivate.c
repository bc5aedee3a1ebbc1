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
    {"genv deactivate", "Leave the environment; if no other process is in it, it ends and its devices are released."},
    {NULL, NULL},
};

const struct command command_deactivate = {
    .name = "deactivate",
    .summary = "Leave the environment of this shell",
    .description =
        "Restores the shell's variables, PATH and prompt, and keeps what other programs changed there in the meantime. "
        "An environment ends when the last process in it exits or leaves; its devices are then released.\n\nPrograms "
        "that the shell started in the environment and left running (with &, nohup or disown) stay in it and keep its "
        "devices until they exit; a message names them and says how to end them. The same applies when a shell exits. "
        "A bash script must set its trap on EXIT before 'genv activate'.",
    .group = GROUP_ENVIRONMENT,
    .examples = examples,
    .run = run,
};
