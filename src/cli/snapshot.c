/* genv snapshot: everything at once, as JSON; genv usage snapshot, as the Python genv calls it. */
#include "cli/listing.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    int r = listing_take(cli, GENV_DEPTH_LIVE, &snapshot, err);

    (void)arguments;
    return r < 0 ? r : listing_add_json(cli, genv_snapshot_to_json(snapshot), err);
}

static const struct example examples[] = {
    {"genv snapshot | jq '.devices[].used_memory'", "Print the used memory of each device, in bytes."},
    {NULL, NULL},
};

const struct command command_snapshot = {
    .name = "snapshot",
    .summary = "Print the state of this machine as JSON",
    .description = "Includes devices with their current figures and attachments, environments, and the processes that "
                   "use devices. Memory is in bytes, times are in RFC 3339 format, and unknown values are null.",
    .group = GROUP_MACHINE,
    .examples = examples,
    .run = run,
};

static const struct command command_usage_snapshot = {
    .name = "usage snapshot",
    .summary = "Print the state of this machine as JSON, like 'genv snapshot'",
    .run = run,
};

static const struct command *const usage_subcommands[] = {&command_usage_snapshot, NULL};

const struct command command_usage = {
    .name = "usage",
    .summary = "The older form of 'genv snapshot'",
    .hidden = true,
    .operands = {.synopsis = "snapshot", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .subcommands = usage_subcommands,
};
