/* genv version: says which version this is. */
#include "cli/cli.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    (void)arguments;
    (void)err;
    text_addf(&cli->output, "genv %s\n", genv_version());
    return 0;
}

static const struct example examples[] = {
    {"genv --version", "Says the same."},
    {NULL, NULL},
};

const struct command command_version = {
    .name = "version",
    .summary = "Show the version of genv",
    .group = GROUP_ABOUT,
    .examples = examples,
    .run = run,
};
