/* genv root: where genv is installed. */
#include "cli/cli.h"
#include "cli/installation.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct installation installation;
    int r = installation_find(&installation, err);

    (void)arguments;
    if (r == 0)
        text_addf(&cli->output, "%s\n", installation.root);
    return r;
}

static const struct example examples[] = {
    {"ls \"$(genv root)/libexec/genv/shims\"", "Lists the programs that are wrapped in an environment."},
    {NULL, NULL},
};

const struct command command_root = {
    .name = "root",
    .summary = "Show where genv is installed",
    .description = "An installation may be moved as a whole: this follows the genv that runs.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
