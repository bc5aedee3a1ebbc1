/* genv root: where genv is installed. */
#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/installation.h"

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct installation installation;
    int r = installation_find(&installation, err);

    (void)arguments;
    if (r < 0)
        return r;
    /* A binary that was copied to /usr/local/bin has no folder to itself, and people delete what this prints. */
    if (access(installation.shims, F_OK) < 0)
        return error_set(err, ENOENT, "%s is not in an installation of genv: %s is missing", installation.genv,
                         installation.shims);
    text_addf(&cli->output, "%s\n", installation.root);
    return 0;
}

static const struct example examples[] = {
    {"ls \"$(genv root)/shims\"", "Lists the programs that are wrapped in an environment."},
    {"rm -rf \"$(genv root)\"", "Uninstalls genv; what stays are links to that folder, which lead nowhere."},
    {NULL, NULL},
};

const struct command command_root = {
    .name = "root",
    .summary = "Show the folder that genv is installed in",
    .description =
        "The folder holds all of genv and nothing else; genv in PREFIX/bin, the manual pages and the rest are "
        "links to what is in it. It may be moved or copied: this command follows the genv that runs.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
