/* genv envs activate, deactivate, config, find: for editors and scripts. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/fields.h"

struct member_values {
    const char *eid;
    uid_t uid;
    const char *username;
    struct genv_member member;
};

static const struct member_values member_defaults = {.uid = (uid_t)-1};

enum { MEMBER = 1 };

/* What all three name a process or a kernel with. */
#define MEMBER_OPTIONS                                                                                                 \
    {.name = "pid",                                                                                                    \
     .type = OPTION_PID,                                                                                               \
     .argument = "PID",                                                                                                \
     .help = "PID of the process",                                                                                     \
     .offset = offsetof(struct member_values, member.pid),                                                             \
     .group = MEMBER,                                                                                                  \
     .required = true},                                                                                                \
    {                                                                                                                  \
        .name = "kernel-id", .type = OPTION_TEXT, .argument = "ID",                                                    \
        .help = "ID of the Jupyter kernel: the X of kernel-X.json",                                                    \
        .offset = offsetof(struct member_values, member.kernel_id), .group = MEMBER, .required = true                  \
    }

static const struct option member_options[] = {
    MEMBER_OPTIONS,
    {.name = NULL},
};

static const struct option activate_options[] = {
    {.name = "eid",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "ID of the environment",
     .offset = offsetof(struct member_values, eid),
     .required = true},
    {.name = "uid",
     .type = OPTION_UID,
     .argument = "UID",
     .help = "Create it for this user (default: the caller; other users need root)",
     .offset = offsetof(struct member_values, uid)},
    {.name = "username",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .help = "Ignored; accepted for older callers",
     .offset = offsetof(struct member_values, username)},
    MEMBER_OPTIONS,
    {.name = NULL},
};

static int run_activate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct member_values *values = arguments->values;
    const struct genv_activation activation = {
        .eid = values->eid, .uid = values->uid, .member = values->member, .config = GENV_CONFIG_INIT};
    int r = cli_open(cli, err);

    return r < 0 ? r : genv_activate(cli->genv, &activation, NULL, NULL, err);
}

const struct command command_envs_activate = {
    .name = "envs activate",
    .summary = "Register a process or a Jupyter kernel in an environment, which is created if needed",
    .options = activate_options,
    .defaults = &member_defaults,
    .values_size = sizeof(member_defaults),
    .run = run_activate,
};

/* Whether the process or kernel is in an environment, be it another user's. */
static bool is_somewhere(struct cli *cli, const struct genv_member *member)
{
    cleanup_free char **eids = NULL;

    return genv_find(cli->genv, member, &eids, NULL) < 0 || *eids;
}

static int run_deactivate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct member_values *values = arguments->values;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_deactivate(cli->genv, NULL, &values->member, err);
    return r == -ENOENT && !is_somewhere(cli, &values->member) ? 0 : r;
}

const struct command command_envs_deactivate = {
    .name = "envs deactivate",
    .summary = "Remove a process or a Jupyter kernel from its environment",
    .description = "An environment ends when the last process or kernel in it exits or leaves. Does nothing if the "
                   "process or kernel is not in any environment.",
    .options = member_options,
    .defaults = &member_defaults,
    .values_size = sizeof(member_defaults),
    .run = run_deactivate,
};

static int run_find(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct member_values *values = arguments->values;
    cleanup_free char **eids = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_find(cli->genv, &values->member, &eids, err);
    if (r < 0)
        return r;
    for (char **eid = eids; eid && *eid; eid++)
        text_addf(&cli->output, "%s\n", *eid);
    return 0;
}

const struct command command_envs_find = {
    .name = "envs find",
    .summary = "Print the IDs of the environments that a process or a Jupyter kernel is registered in",
    .description = "Prints one ID per line, and nothing if there is none.",
    .options = member_options,
    .defaults = &member_defaults,
    .values_size = sizeof(member_defaults),
    .run = run_find,
};

struct config_values {
    const char *eid;
    struct genv_config config;
    bool clear;
};

static const struct config_values config_defaults = {.config = GENV_CONFIG_INIT};

enum { VALUE = 1 };

#define VALUE_OPTION(called, bit, value, sentence)                                                                     \
    {.name = (called),                                                                                                 \
     .type = OPTION_FIELD,                                                                                             \
     .argument = (value),                                                                                              \
     .help = (sentence),                                                                                               \
     .offset = offsetof(struct config_values, config),                                                                 \
     .field = GENV_CONFIG_##bit,                                                                                       \
     .group = VALUE},
#define FIELD_VALUE_OPTION(bit, member, kind, name, variable, title, value, sentence)                                  \
    VALUE_OPTION(name, bit, value, sentence)

static const struct option config_options[] = {
    {.name = "eid",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "ID of the environment",
     .offset = offsetof(struct config_values, eid),
     .required = true},
    VALUE_OPTION("count", GPUS, "N", "The same as --gpus") /* as older callers say */
    GENV_CONFIG_FIELDS(FIELD_VALUE_OPTION)                 /* a row each */
    {.name = "clear",
     .type = OPTION_FLAG,
     .help = "Clear FIELD (default: all fields)",
     .offset = offsetof(struct config_values, clear),
     .group = VALUE},
    {.name = NULL},
};

/* The value of another field than the one that is named. */
static int refuse_value(const struct arguments *arguments, unsigned given, struct genv_error *err)
{

    const char *const *name = field_names;

    if (!arguments->operand_count)
        return error_set(err, EINVAL,
                         "missing argument: FIELD; expected a form such as 'gpus --count N' or 'name --name NAME'");
    while (*name && field_find(*name) != given)
        name++;
    return error_set(err, EINVAL,
                     "a value for %s does not set %s: expected a form such as 'gpus --count N' or 'name --name NAME'",
                     *name, arguments->operands[0]);
}

static int run_config(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct config_values *values = arguments->values;
    unsigned fields = arguments->operand_count ? field_find(arguments->operands[0]) : GENV_CONFIG_ALL;
    unsigned given = genv_config_given(&values->config);
    cleanup_env struct genv_env *env = NULL;
    int r;

    if (given && given != fields)
        return cli_usage_error(cli, refuse_value(arguments, given, err), err);
    r = cli_open(cli, err);
    if (r == 0 && (given || values->clear))
        return genv_configure(cli->genv, values->eid, &values->config, fields, NULL, err);
    if (r == 0)
        r = genv_env_get(cli->genv, values->eid, &env, err);
    if (r == 0)
        fields_add(&cli->output, fields, &env->config);
    return r;
}

const struct command command_envs_config = {
    .name = "envs config",
    .summary = "Show or change the configuration of an environment",
    .description = "Without a value, shows the configuration like 'genv config'.",
    .options = config_options,
    .defaults = &config_defaults,
    .values_size = sizeof(config_defaults),
    .operands = {.synopsis = "[FIELD]", .kind = OPERAND_CHOICE, .max = 1, .choices = field_names},
    .run = run_config,
};
