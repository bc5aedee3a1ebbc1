/* genv version: says which version this is. */
#include "cli/cli.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    (void)arguments;
    (void)err;
    text_addf(&cli->output, "%s\n", genv_version());
    return 0;
}

static const struct example examples[] = {
    {"genv version", "Print the bare number, for scripts."},
    {"genv --version", "Print the name and the number; -V does the same."},
    {NULL, NULL},
};

const struct command command_version = {
    .name = "version",
    .summary = "Show the version of genv",
    .group = GROUP_ABOUT,
    .examples = examples,
    .run = run,
};
