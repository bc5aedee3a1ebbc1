/* genv devices attach, detach, find: for editors and scripts. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/sharers.h"

struct values {
    const char *eid;
    int count;
    const char *device;
    bool over_subscribe;
    bool quiet;
};

static const struct values defaults = {.count = -1};

enum { EXCLUSIVE = 1 };

#define EID_OPTION                                                                                                     \
    {                                                                                                                  \
        .name = "eid", .type = OPTION_EID, .argument = "EID", .help = "ID of the environment",                         \
        .offset = offsetof(struct values, eid), .required = true                                                       \
    }
#define QUIET_OPTION                                                                                                   \
    {                                                                                                                  \
        .name = "quiet", .letter = 'q', .type = OPTION_FLAG, .help = "Print nothing",                                  \
        .offset = offsetof(struct values, quiet)                                                                       \
    }

static const struct option attach_options[] = {
    EID_OPTION,
    {.name = "count",
     .type = OPTION_COUNT,
     .argument = "N",
     .help = "Attach exactly N devices (default: the configured count)",
     .offset = offsetof(struct values, count),
     .group = EXCLUSIVE},
    {.name = "index",
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Also attach this device, given by index or UUID",
     .offset = offsetof(struct values, device),
     .group = EXCLUSIVE},
    OVER_SUBSCRIBE_OPTION_CALLED("allow-over-subscription", "over-subscribe"),
    QUIET_OPTION,
    {.name = NULL},
};

static const struct option detach_options[] = {
    EID_OPTION,
    {.name = "index",
     .type = OPTION_DEVICE,
     .argument = "I",
     .help = "Release this device, given by index or UUID (default: all devices)",
     .offset = offsetof(struct values, device)},
    QUIET_OPTION,
    {.name = NULL},
};

static const struct option find_options[] = {
    EID_OPTION,
    {.name = NULL},
};

/* The indices that are attached now, "0,1"; nothing for none, or for no environment. */
static void show(struct cli *cli, const struct genv_env *env)
{
    size_t before = cli->output.length;

    if (!env)
        return;

    cli_add_indices(&cli->output, env);
    if (cli->output.length > before)
        text_add(&cli->output, "\n");
}

/* An environment that is not there has no devices, and nothing to release: older callers ask before they make one. */
static int allow_missing(int r)
{
    return r == -ENOENT ? 0 : r;
}

static int run_attach(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct genv_attach_request request = {
        .count = values->count, .device = values->device, .over_subscribe = values->over_subscribe};
    cleanup_env struct genv_env *env = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_attach(cli->genv, values->eid, &request, &env, err);
    if (r == 0 && !values->quiet)
        show(cli, env);
    return r;
}

static int run_detach(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_env struct genv_env *env = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_detach(cli->genv, values->eid, values->device, &env, err);
    if (r == -ENODEV) /* it is not attached, which was wanted */
        r = genv_env_get(cli->genv, values->eid, &env, err);
    if (r == 0 && !values->quiet)
        show(cli, env);
    return allow_missing(r);
}

static int run_find(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_env struct genv_env *env = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_env_get(cli->genv, values->eid, &env, err);
    if (r == 0)
        show(cli, env);
    return allow_missing(r);
}

const struct command command_devices_attach = {
    .name = "devices attach",
    .summary = "Attach devices to an environment and print the indices of all its devices",
    .description = "If too few devices are available, or a limit does not allow that many, genv says why and releases "
                   "all devices of the environment.",
    .options = attach_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .run = run_attach,
};

const struct command command_devices_detach = {
    .name = "devices detach",
    .summary = "Release devices of an environment and print the indices of those that remain",
    .description = "Does nothing if the device is not attached or there is no such environment.",
    .options = detach_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .run = run_detach,
};

const struct command command_devices_find = {
    .name = "devices find",
    .summary = "Print the indices of the devices that are attached to an environment",
    .description = "Prints nothing if there is no such environment.",
    .options = find_options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .run = run_find,
};
