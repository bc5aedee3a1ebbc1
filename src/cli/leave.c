/* A shell that leaves its environment; genv shell-exit, which a shell in an environment runs when it ends. */
#include "cli/leave.h"

#include <errno.h>

#include "base/proc.h"

#define COMMAND_SHOWN 40 /* bytes of a command line */
#define HEIRS_NAMED   3

/* "python train.py (5678), sleep 100 (5680) and 2 more" */
static void add_heirs(struct text *line, const pid_t *heirs, size_t count)
{
    for (size_t i = 0; i < count && i < HEIRS_NAMED; i++) {
        char command[GENV_COMMAND_SIZE], shown[COMMAND_SHOWN];

        proc_command(heirs[i], command, sizeof(command));
        copy_string(shown, sizeof(shown), command);
        text_addf(line, "%s%s (%d)", i ? ", " : "", *shown ? shown : "a process", heirs[i]);
    }
    if (count > HEIRS_NAMED)
        text_addf(line, " and %zu more", count - HEIRS_NAMED);
}

static void tell_of_heirs(struct cli *cli, const char *eid, const pid_t *heirs)
{
    cleanup_env struct genv_env *env = NULL;
    cleanup_text struct text line = TEXT_INIT;
    size_t count = 0;

    while (heirs[count])
        count++;
    if (!count)
        return;
    add_heirs(&line, heirs, count);
    text_addf(&line, " keep%s environment %s", count == 1 ? "s" : "", eid);
    if (genv_env_get(cli->genv, eid, &env, NULL) == 0 && env->attachment_count) {
        text_addf(&line, " and device%s ", env->attachment_count == 1 ? "" : "s");
        cli_add_indices(&line, env);
    }
    text_addf(&line, " until %s: to end %s, run 'kill", count == 1 ? "it exits" : "they exit",
              count == 1 ? "it" : "them");
    for (size_t i = 0; i < count; i++)
        text_addf(&line, " %d", heirs[i]);
    text_add(&line, "'");
    if (!line.failed)
        program_complain(line.data);
}

int leave_environment(struct cli *cli, const char *eid, pid_t shell, struct genv_error *err)
{
    cleanup_free pid_t *heirs = NULL;
    int r = genv_hand_over(cli->genv, eid, shell, &heirs, err);

    if (r == 0)
        tell_of_heirs(cli, eid, heirs);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const char *eid = cli_current_eid();
    struct genv_error why = {0};
    int r = 0;

    (void)arguments;
    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    if (eid && genv_eid_validate(eid, NULL) == 0 && cli_open(cli, NULL) == 0)
        r = leave_environment(cli, eid, cli->shell_pid, &why);
    /* An environment that has ended is no matter any more. */
    if (r < 0 && r != -ENOENT)
        return error_set(err, -r, "what still runs in environment %s can lose its devices: %s", eid, why.message);
    return 0;
}

const struct command command_shell_exit = {
    .name = "shell-exit",
    .summary = "Leave the environment because the shell ends",
    .description = "For the code of 'genv shell --init'.",
    .group = GROUP_SETUP,
    .hidden = true,
    .run = run,
};
