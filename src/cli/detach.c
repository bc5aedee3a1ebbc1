/* genv detach: releases devices of the environment. */
#include <errno.h>

#include "cli/cli.h"

struct values {
    const char *device;
};

static const struct values defaults = {.device = NULL};

static const struct option options[] = {
    {.name = "index",
     .letter = 'i',
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Release this device, by index or UUID; by default all of them",
     .offset = offsetof(struct values, device)},
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_env struct genv_env *env = NULL;
    const char *eid;
    int r = cli_open_current(cli, &eid, err);

    if (r == 0)
        r = cli_explain_end(genv_detach(cli->genv, eid, values->device, &env, err), err);
    if (r == 0)
        r = cli_update_shell(cli, env, err);
    if (r == 0)
        cli_add_attachment_line(&cli->output, env);
    return r;
}

static const struct example examples[] = {
    {"genv detach", "Releases all devices."},
    {"genv detach --index 2", "Releases device 2 and keeps the others."},
    {NULL, NULL},
};

const struct command command_detach = {
    .name = "detach",
    .summary = "Release devices of the environment",
    .description = "What is released is free for others at once. The environment stays active.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = examples,
    .run = run,
};
