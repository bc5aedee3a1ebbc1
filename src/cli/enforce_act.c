/* genv enforce-act: acts on this machine on what `genv remote enforce` has found here; each after a look of its own. */
#include <errno.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "enforce/errand.h"

struct values {
    bool warn;
    bool dry_run;
    double grace_seconds;
    double kill_after_seconds;
};

static const struct values defaults = {.kill_after_seconds = 5};

static const struct option options[] = {
    {.name = "warn", .type = OPTION_FLAG, .help = "Only warn the users", .offset = offsetof(struct values, warn)},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .help = "Only print what would be done",
     .offset = offsetof(struct values, dry_run)},
    {.name = "grace",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Send this text to the users",
     .offset = offsetof(struct values, grace_seconds)},
    {.name = "kill-after",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "See 'genv enforce --help'",
     .offset = offsetof(struct values, kill_after_seconds)},
    {.name = NULL},
};

/* A line of JSON for the other side. */
static void tell(json_t *entry, void *data)
{
    cleanup_free char *printed = json_dumps(entry, JSON_COMPACT);
    cleanup_text struct text line = TEXT_INIT;

    (void)data;
    text_addf(&line, "%s\n", printed ? printed : "{}");
    if (!line.failed)
        file_write(STDOUT_FILENO, line.data, line.length);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct errand_options how = {
        .warn = values->warn,
        .dry_run = values->dry_run,
        .grace_seconds = values->grace_seconds,
        .kill_after_seconds = values->kill_after_seconds,
        .tell = tell,
    };
    int r = cli_open(cli, err);

    if (r == 0)
        r = errand_do(cli->genv, arguments->operands, &how, err);
    return r == -EINVAL ? cli_usage_error(cli, r, err) : r;
}

const struct command command_enforce_act = {
    .name = "enforce-act",
    .summary = "Act on what 'genv remote enforce' found on this machine",
    .description = "For genv's own use: prints what it did as JSON, one object per line.",
    .group = GROUP_MACHINE,
    .hidden = true,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "VIOLATION...", .kind = OPERAND_TEXT, .min = 1, .max = OPERANDS_ANY},
    .run = run,
};
