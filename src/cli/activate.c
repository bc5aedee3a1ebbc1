/* genv activate: creates an environment, or enters one, in the shell that called. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"

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
     .help = "Leave the prompt as it is, without \"(genv)\"",
     .offset = offsetof(struct values, no_prompt)},
    {.name = "over-subscribe",
     .alias = "allow-over-subscription",
     .letter = 'o',
     .type = OPTION_FLAG,
     .help = "Attach devices that are not available too",
     .offset = offsetof(struct values, over_subscribe)},
    {.name = NULL},
};

static int load(struct cli *cli, struct genv_config *config, struct genv_error *err)
{
    cleanup_free char *home = NULL;
    unsigned fields;
    int r = genv_home_find(cli->genv, &home, err);

    if (r == -ENOENT)
        return 0; /* most projects have none */
    return r < 0 ? r : genv_home_load(home, config, &fields, err);
}

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

static int enter(struct cli *cli, const char *eid, bool prompt, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    cleanup_env struct genv_env *env = NULL;
    int r = genv_env_get(cli->genv, eid, &env, err);

    if (r == 0)
        r = genv_variables(env, false, &variables, err);
    if (r == 0)
        shell_add_enter(&cli->code, cli->shell, variables, prompt);
    return r;
}

/* Configures and attaches as far as that is asked for. The options apply to an environment that lived before as well;
 * what it has and nobody mentions stays. */
static int configure_and_attach(struct cli *cli, const struct values *values, const char *eid, bool created,
                                struct genv_error *err)
{
    struct genv_attach_request request = GENV_ATTACH_INIT;
    unsigned fields = genv_config_given(&values->config);
    cleanup_env struct genv_env *env = NULL;
    int r = 0;

    if (!created && fields)
        r = genv_configure(cli->genv, eid, &values->config, fields, err);
    if (r < 0 || values->no_attach || !(created || fields & GENV_CONFIG_GPUS))
        return r;
    r = genv_env_get(cli->genv, eid, &env, err);
    if (r < 0 || env->config.gpus < 0)
        return r;
    request.over_subscribe = values->over_subscribe;
    return genv_attach(cli->genv, eid, &request, NULL, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct genv_activation activation = {
        .eid = values->eid, .uid = (uid_t)-1, .member.pid = cli->shell_pid, .config = GENV_CONFIG_INIT};
    cleanup_env struct genv_env *existing = NULL;
    struct genv_error attach_err = {0};
    char eid[GENV_EID_MAX + 1];
    bool created;
    int r, attached;

    if (!cli->in_shell)
        return cli_refuse_without_shell(cli, err);
    r = cli_open(cli, err);
    if (r == 0)
        r = refuse_active(cli, err);
    if (r == 0 && !values->no_load && (!values->eid || genv_env_get(cli->genv, values->eid, &existing, NULL) < 0))
        r = load(cli, &activation.config, err);
    if (r < 0)
        return r;
    genv_config_copy(&activation.config, &values->config, genv_config_given(&values->config));
    r = genv_activate(cli->genv, &activation, eid, &created, err);
    if (r < 0)
        return r;
    attached = configure_and_attach(cli, values, eid, created, &attach_err);
    r = enter(cli, eid, !values->no_prompt, err);
    if (r < 0) {
        genv_deactivate(cli->genv, eid, &activation.member, NULL);
        return r;
    }
    if (attached < 0)
        *err = attach_err;
    return attached;
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
