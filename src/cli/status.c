/* genv status: says whether an environment is active here, and which. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/sharers.h"

#define ROW(bit, member, kind, name, variable, called, ...) {GENV_CONFIG_##bit, (called)},

static const struct {
    enum genv_config_field field;
    const char *title;
} titles[] = {GENV_CONFIG_FIELDS(ROW)};

static void add_status(struct text *text, const struct genv_env *env)
{
    char value[GENV_CONFIG_TEXT_SIZE];

    text_addf(text, "Environment is active (%s)\n", env->eid);
    cli_add_attachment_line(text, env);
    text_add(text, "\nConfiguration\n");
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
        if (genv_config_format(&env->config, titles[i].field, value))
            text_addf(text, "   %s: %s\n", titles[i].title, value);
    }
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    const char *eid = cli_current_eid();
    int r;

    (void)arguments;
    if (!eid) {
        text_add(&cli->output, "Environment is not active\n");
        return 0;
    }
    r = cli_current_env(cli, &env, err);
    if (r == -ENOENT || r == -EINVAL || r == -EPERM) {
        text_add(&cli->output, "Environment is not active\n");
        program_complain(err->message);
        return 0;
    }
    if (r < 0)
        return r;
    add_status(&cli->output, env);
    sharers_warn(cli, env);
    return cli_update_shell(cli, env, err);
}

static const struct example examples[] = {
    {"genv status", "Show the ID, the attached devices and the configuration."},
    {NULL, NULL},
};

const struct command command_status = {
    .name = "status",
    .summary = "Show the environment of this shell",
    .description = "Shows its ID, attached devices and configuration, and updates the variables of this shell in case "
                   "another shell changed something. Devices that are over-subscribed (-o) are listed in a warning.",
    .group = GROUP_ENVIRONMENT,
    .examples = examples,
    .run = run,
};
