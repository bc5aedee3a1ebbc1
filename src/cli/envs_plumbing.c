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
     .help = "The process",                                                                                            \
     .offset = offsetof(struct member_values, member.pid),                                                             \
     .group = MEMBER,                                                                                                  \
     .required = true},                                                                                                \
    {                                                                                                                  \
        .name = "kernel-id", .type = OPTION_TEXT, .argument = "ID", .help = "The Jupyter kernel",                      \
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
     .help = "The environment",
     .offset = offsetof(struct member_values, eid),
     .required = true},
    {.name = "uid",
     .type = OPTION_UID,
     .argument = "UID",
     .help = "Its user; by default the caller, and another one only for root",
     .offset = offsetof(struct member_values, uid)},
    {.name = "username",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .help = "Accepted for the sake of older callers; the name that the system knows counts",
     .offset = offsetof(struct member_values, username)},
    MEMBER_OPTIONS,
    {.name = NULL},
};

static int run_activate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct member_values *values = arguments->values;
    const struct genv_activation activation = {
        .eid = values->eid, .uid = values->uid, .member = values->member, .config = GENV_CONFIG_INIT};
    char eid[GENV_EID_MAX + 1];
    bool created;
    int r = cli_open(cli, err);

    return r < 0 ? r : genv_activate(cli->genv, &activation, eid, &created, err);
}

const struct command command_envs_activate = {
    .name = "envs activate",
    .summary = "Register a process or a Jupyter kernel in an environment, a new one if need be",
    .options = activate_options,
    .defaults = &member_defaults,
    .values_size = sizeof(member_defaults),
    .run = run_activate,
};

static int run_deactivate(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct member_values *values = arguments->values;
    int r = cli_open(cli, err);

    return r < 0 ? r : genv_deactivate(cli->genv, NULL, &values->member, err);
}

const struct command command_envs_deactivate = {
    .name = "envs deactivate",
    .summary = "Take a process or a Jupyter kernel out of its environment",
    .description = "An environment that nothing is left in ends.",
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
    .summary = "Print the identifiers of the environments that a process or a Jupyter kernel is registered in",
    .description = "An identifier a line, nothing if there is none.",
    .options = member_options,
    .defaults = &member_defaults,
    .values_size = sizeof(member_defaults),
    .run = run_find,
};

struct config_values {
    const char *eid;
    int gpus;
    const char *name;
    uint64_t gpu_memory;
    bool clear;
};

static const struct config_values config_defaults = {.gpus = -1};

enum { VALUE = 1 };

static const struct option config_options[] = {
    {.name = "eid",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "The environment",
     .offset = offsetof(struct config_values, eid),
     .required = true},
    {.name = "count",
     .type = OPTION_COUNT,
     .argument = "N",
     .help = "With gpus: the number of devices",
     .offset = offsetof(struct config_values, gpus),
     .group = VALUE},
    {.name = "name",
     .type = OPTION_NAME,
     .argument = "NAME",
     .help = "With name: the name",
     .offset = offsetof(struct config_values, name),
     .group = VALUE},
    {.name = "gpu-memory",
     .type = OPTION_AMOUNT,
     .argument = "AMOUNT",
     .help = "With gpu-memory: how much memory of each device",
     .offset = offsetof(struct config_values, gpu_memory),
     .group = VALUE},
    {.name = "clear",
     .type = OPTION_FLAG,
     .help = "Clear the field, or all of them",
     .offset = offsetof(struct config_values, clear),
     .group = VALUE},
    {.name = NULL},
};

/* The field whose value the options hold, as a bit; 0: none. */
static unsigned option_field(const struct config_values *values, struct genv_config *config)
{
    config->gpus = values->gpus;
    config->gpu_memory = values->gpu_memory;
    if (values->name)
        copy_string(config->name, sizeof(config->name), values->name);
    return values->gpus >= 0    ? GENV_CONFIG_GPUS
           : values->name       ? GENV_CONFIG_NAME
           : values->gpu_memory ? GENV_CONFIG_GPU_MEMORY
                                : 0;
}

static int run_config(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct config_values *values = arguments->values;
    int field = arguments->operand_count ? field_find(arguments->operands[0]) : -1;
    unsigned fields = field >= 0 ? field_bit(field) : (unsigned)GENV_CONFIG_ALL, given;
    struct genv_config config = GENV_CONFIG_INIT;
    cleanup_env struct genv_env *env = NULL;
    int r;

    given = option_field(values, &config);
    if (given && given != fields)
        return cli_usage_error(cli,
                               error_set(err, EINVAL,
                                         "give the field and its own option: gpus --count N, name --name NAME or "
                                         "gpu-memory --gpu-memory AMOUNT"),
                               err);
    r = cli_open(cli, err);
    if (r == 0 && (given || values->clear))
        return genv_configure(cli->genv, values->eid, &config, fields, err);
    if (r == 0)
        r = genv_env_get(cli->genv, values->eid, &env, err);
    if (r == 0)
        fields_add(&cli->output, field, &env->config);
    return r;
}

const struct command command_envs_config = {
    .name = "envs config",
    .summary = "Show or change the configuration of an environment",
    .description = "Without a value, shows what is configured, as 'genv config' does.",
    .options = config_options,
    .defaults = &config_defaults,
    .values_size = sizeof(config_defaults),
    .operands = {.synopsis = "[gpus|gpu-memory|name]", .kind = OPERAND_CHOICE, .max = 1, .choices = field_names},
    .run = run_config,
};
