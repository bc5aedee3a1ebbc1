/* genv attach: attaches devices to the environment. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/sharers.h"

struct values {
    int count;
    const char *device;
    bool configured;
    bool refresh;
    bool over_subscribe;
};

static const struct values defaults = {.count = -1};

enum { EXCLUSIVE = 1 };

static const struct option options[] = {
    {.name = "count",
     .letter = 'c',
     .type = OPTION_COUNT,
     .argument = "N",
     .help = "Be attached to exactly so many devices; by default as many as are configured",
     .offset = offsetof(struct values, count),
     .group = EXCLUSIVE},
    {.name = "index",
     .letter = 'i',
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Attach this device too, by index or UUID",
     .offset = offsetof(struct values, device),
     .group = EXCLUSIVE},
    {.name = "config", /* the default */
     .type = OPTION_FLAG,
     .offset = offsetof(struct values, configured),
     .group = EXCLUSIVE},
    {.name = "refresh",
     .type = OPTION_FLAG,
     .help = "Only bring the variables of this shell up to date",
     .offset = offsetof(struct values, refresh),
     .group = EXCLUSIVE},
    OVER_SUBSCRIBE_OPTION,
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct genv_attach_request request = {
        .count = values->count, .device = values->device, .over_subscribe = values->over_subscribe};
    cleanup_env struct genv_env *env = NULL;
    const char *eid;
    int r;

    if (values->refresh) {
        r = cli_current_env(cli, &env, err);
        return r < 0 ? r : cli_renew_shell(cli, env, err);
    }
    r = cli_open_current(cli, &eid, err);
    if (r < 0)
        return r;
    r = genv_attach(cli->genv, eid, &request, &env, err);
    if (r < 0) {
        cli_refresh_shell(cli, eid, NULL); /* the devices may be gone */
        return cli_explain_end(r, err);
    }
    if (values->over_subscribe)
        sharers_warn(cli, env);
    cli_add_attachment_line(&cli->output, env);
    return cli_renew_shell(cli, env, err);
}

static const struct example examples[] = {
    {"genv attach", "Attaches as many devices as are configured."},
    {"genv attach --count 2", "Attaches devices until there are two, or releases the surplus."},
    {"genv attach --index 0 -o", "Attaches device 0, even if somebody else has it."},
    {NULL, NULL},
};

const struct command command_attach = {
    .name = "attach",
    .summary = "Attach devices to the environment",
    .description =
        "Finds devices that nobody holds, or, with a configured gpu-memory, devices with so much memory left, and "
        "reserves them. Devices that are attached already stay; a surplus is released, highest indices first.\n\n"
        "If so many can't be had, the reason is shown and the environment is left detached from all devices. If the "
        "device of --index can't be had, nothing changes.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = examples,
    .run = run,
};
