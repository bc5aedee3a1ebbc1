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
     .help = "Attach exactly N devices (default: the configured count)",
     .offset = offsetof(struct values, count),
     .group = EXCLUSIVE},
    {.name = "index",
     .letter = 'i',
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Also attach this device, given by index or UUID",
     .offset = offsetof(struct values, device),
     .group = EXCLUSIVE},
    {.name = "config", /* the default */
     .type = OPTION_FLAG,
     .offset = offsetof(struct values, configured),
     .group = EXCLUSIVE},
    {.name = "refresh",
     .type = OPTION_FLAG,
     .help = "Change nothing; only update the GENV_* and CUDA_* variables of this shell, in case another shell changed "
             "the environment",
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
    {"genv attach", "Attach the configured number of devices."},
    {"genv attach --count 2", "Attach devices until there are two, or release the surplus."},
    {"genv attach --index 0 -o", "Attach device 0, even if someone else holds it."},
    {NULL, NULL},
};

const struct command command_attach = {
    .name = "attach",
    .summary = "Attach devices to the environment",
    .description =
        "Finds devices that nobody holds, or, if gpu-memory is configured, devices with that much memory left, and "
        "reserves them. Devices that are already attached stay; a surplus is released, highest indices first.\n\nIf "
        "too few devices are available, or a limit does not allow that many, genv says why and releases all devices of "
        "the environment. If the device given with --index is not available, nothing changes.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .examples = examples,
    .run = run,
};
