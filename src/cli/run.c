/* genv run: one command in an environment of its own. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/variables.h"

struct values {
    struct config_options config;
    bool over_subscribe;
};

static const struct values defaults = {.config = CONFIG_OPTIONS_INIT};

static const struct option options[] = {
    CONFIG_OPTION_ROWS(struct values, "Number of devices to attach; by default none"),
    {.name = "over-subscribe",
     .alias = "allow-over-subscription",
     .letter = 'o',
     .type = OPTION_FLAG,
     .help = "Attach devices that are not available too",
     .offset = offsetof(struct values, over_subscribe)},
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv_activation activation = {
        .uid = (uid_t)-1,
        .member.pid = getpid(),
        .config = GENV_CONFIG_INIT,
    };
    struct installation installation;
    char eid[GENV_EID_MAX + 1];
    bool created;
    int r;

    config_options_apply(&values->config, &activation.config);
    request.over_subscribe = values->over_subscribe;
    r = installation_find(&installation, err);
    if (r == 0)
        r = cli_open(cli, err);
    if (r == 0)
        r = genv_activate(cli->genv, &activation, eid, &created, err);
    if (r < 0)
        return r;
    if (values->config.gpus >= 0)
        r = genv_attach(cli->genv, eid, &request, NULL, err);
    if (r == 0)
        r = variables_export(cli->genv, eid, installation.shims, err);
    if (r == 0)
        r = cli_execute(cli, arguments->operands,
                        err); /* this process becomes the command, and is what is registered */
    genv_deactivate(cli->genv, eid, &activation.member, NULL);
    return r;
}

static const struct example examples[] = {
    {"genv run --gpus 1 -- python train.py", "Trains on a GPU that is nobody else's meanwhile."},
    {"genv run --gpus 2 --gpu-memory 8g --name eval ./evaluate", "Shares two GPUs."},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "Run a command in an environment of its own",
    .description = "Needs no set-up of the shell: the environment is made, the devices are attached, the command runs, "
                   "and when it ends, in whatever way, everything is free again. If the devices can't be had, the "
                   "command is not started.",
    .group = GROUP_PROGRAMS,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = examples,
    .run = run,
};
