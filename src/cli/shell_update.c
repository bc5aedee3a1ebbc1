/* genv shell-update: what a shell runs before a prompt, once the environment or the shell's variables have changed. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"

/* The environment of this shell; where its variables were taken away (by direnv, which brings back those of before),
 * the one that it is a member of. */
static int find(struct cli *cli, struct genv_env **ret_env, struct genv_error *err)
{
    const struct genv_member shell = {.pid = cli->shell_pid};
    cleanup_free char **eids = NULL;
    const char *eid = cli_current_eid();
    int r = cli_open(cli, err);

    if (r == 0 && !eid)
        r = genv_find(cli->genv, &shell, &eids, err);
    if (r != 0)
        return r;
    if (!eid)
        eid = eids[0];
    r = eid ? cli_own_env(cli, eid, ret_env, err) : -ENOENT;
    if (r == -ENOENT)
        error_set(err, ENOENT, "%s%s has ended", eid ? "environment " : "the environment", eid ? eid : "");
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int r;

    (void)arguments;
    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    r = find(cli, &env, err);
    if (r == 0)
        return cli_update_shell(cli, env, err);
    if (r == -ENOENT || r == -EPERM || r == -EINVAL || r == -ENOTSUP || r == -ELOOP) {
        cleanup_text struct text line = TEXT_INIT;

        text_addf(&line, "%s: leaving it", err->message);
        if (!line.failed)
            program_complain(line.data);
        shell_add_leave(&cli->code, cli->shell);
        return 0;
    }
    return r;
}

const struct command command_shell_update = {
    .name = "shell-update",
    .summary = "Update the variables of a shell before its prompt",
    .description = "For the code of 'genv shell --init'.",
    .group = GROUP_SETUP,
    .hidden = true,
    .run = run,
};
