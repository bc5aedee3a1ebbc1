/* genv activate: creates an environment, or enters one, in the shell that called. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/saved.h"

struct values {
    const char *eid;
    struct genv_config config;
    bool no_load;
    bool no_attach;
    bool no_prompt;
    bool over_subscribe;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    {.name = "id",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "Enter this environment if it lives, otherwise call the new one so; by default the shell's PID",
     .offset = offsetof(struct values, eid)},
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    {.name = "no-load",
     .type = OPTION_FLAG,
     .help = "Do not load the saved configuration",
     .offset = offsetof(struct values, no_load)},
    {.name = "no-attach",
     .type = OPTION_FLAG,
     .help = "Do not attach devices",
     .offset = offsetof(struct values, no_attach)},
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Leave the prompt as it is, without \"(genv)\"; GENV_PROMPT=0 does so for good",
     .offset = offsetof(struct values, no_prompt)},
    {.name = "over-subscribe",
     .alias = "allow-over-subscription",
     .letter = 'o',
     .type = OPTION_FLAG,
     .help = "Attach devices that are not available too",
     .offset = offsetof(struct values, over_subscribe)},
    {.name = NULL},
};

static bool has_process(const struct genv_env *env, pid_t pid)
{
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == pid)
            return true;
    }
    return false;
}

/* One environment a shell. A shell that was only started from inside one, and an environment that has ended, are no
 * obstacle. */
static int refuse_active(struct cli *cli, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    const char *eid = cli_current_eid();

    if (!eid || genv_eid_validate(eid, NULL) < 0 || genv_env_get(cli->genv, eid, &env, NULL) < 0)
        return 0;
    if (!has_process(env, cli->shell_pid))
        return 0;
    return error_set(err, EEXIST, "this shell is in environment %s already: run 'genv deactivate' first", eid);
}

/* What is reserved for a shell that ends at once would be exported, and nobody's. */
static int refuse_passing(const struct cli *cli, struct genv_error *err)
{
    if (getenv("DIRENV_IN_ENVRC"))
        return error_set(err, EPERM,
                         "direnv runs .envrc in a shell that ends at once: write 'use genv' there in place of "
                         "'genv activate' (see 'genv shell --help')");
    if (cli->span == SHELL_PASSES)
        return error_set(err, EPERM,
                         "this shell ends with the one command that it was given, and the environment with it: "
                         "activate in a shell that stays, or use 'genv run'");
    return 0;
}

static void tell_of_subshell(const struct genv_env *env)
{
    cleanup_text struct text line = TEXT_INIT;

    text_addf(
        &line,
        "environment %s ends with this subshell: activate outside of parentheses, $() and pipelines to stay in it",
        env->eid);
    if (!line.failed)
        program_complain(line.data);
}

static int enter(struct cli *cli, const struct genv_env *env, bool prompt, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    int r = genv_variables(env, false, &variables, err);

    if (r == 0)
        shell_add_enter(&cli->code, cli->shell, variables, prompt);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct genv_member shell = {.pid = cli->shell_pid};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    cleanup_env struct genv_env *existing = NULL, *env = NULL;
    int r, entered;

    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    r = refuse_passing(cli, err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0)
        r = refuse_active(cli, err);
    if (r == 0 && !values->no_load && (!values->eid || genv_env_get(cli->genv, values->eid, &existing, NULL) < 0))
        r = saved_load(cli, &values->config, &reservation.config, err);
    if (r < 0)
        return r;
    reservation.eid = values->eid;
    reservation.members = &shell;
    reservation.member_count = 1;
    reservation.fields = genv_config_given(&values->config); /* what nobody mentions stays as an environment has it */
    genv_config_copy(&reservation.config, &values->config, reservation.fields);
    reservation.attach = !values->no_attach;
    reservation.over_subscribe = values->over_subscribe;
    reservation.even_detached = true;
    r = genv_reserve(cli->genv, &reservation, &env, NULL, err);
    if (r < 0)
        return r;
    entered = enter(cli, env, !values->no_prompt, err);
    if (entered < 0) {
        genv_deactivate(cli->genv, env->eid, &shell, NULL);
        return entered;
    }
    if (cli->span == SHELL_IS_SUBSHELL)
        tell_of_subshell(env);
    return r > 0 ? -err->code : 0; /* active, but detached */
}

static const struct example examples[] = {
    {"genv activate", "Creates an environment, detached from all devices."},
    {"genv activate --name training --gpus 2", "And attaches it to two devices."},
    {"genv activate --gpus 1 --gpu-memory 4g", "Shares a device: 4 GB of it are reserved."},
    {"genv activate --id 1667", "Enters the environment of another terminal."},
    {NULL, NULL},
};

const struct command command_activate = {
    .name = "activate",
    .summary = "Create an environment and enter it in this shell",
    .description =
        "The environment lives until the last shell in it leaves or ends. It starts detached from all devices. The "
        "saved configuration (see 'genv home') is loaded, and options win over it, field by field. If the number of "
        "devices is known then, they are attached; if that fails, the reason is shown and the environment is active "
        "and detached.\n\n"
        "With --id of an environment of yours that lives, the shell enters that one: its configuration and "
        "attachments come along, nothing is loaded, and options that are given configure it anew.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = examples,
    .run = run,
};
