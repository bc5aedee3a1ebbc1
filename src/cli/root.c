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
        return error_set(err, ENOENT, "%s is not part of a genv installation: %s is missing", installation.genv,
                         installation.shims);
    text_addf(&cli->output, "%s\n", installation.root);
    return 0;
}

static const struct example examples[] = {
    {"ls \"$(genv root)/shims\"", "List the programs that are wrapped in an environment."},
    {"rm -rf \"$(genv root)\"", "Uninstall genv; only dangling links to that directory remain."},
    {NULL, NULL},
};

const struct command command_root = {
    .name = "root",
    .summary = "Show the directory that genv is installed in",
    .description = "The directory contains all of genv and nothing else; genv in PREFIX/bin and the manual pages are "
                   "links into it. You can move or copy the directory: the genv in it still works, and this command "
                   "shows its new place. Then change the links, and start new shells.",
    .group = GROUP_SETUP,
    .examples = examples,
    .run = run,
};
