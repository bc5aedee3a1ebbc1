/* genv home: the directory of the saved configuration. */
#include <errno.h>

#include "cli/cli.h"

struct values {
    bool quiet;
};

static const struct option options[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .help = "If there is no such directory, print nothing and only set the exit status",
     .offset = offsetof(struct values, quiet)},
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    cleanup_free char *path = NULL;
    int r = cli_open(cli, err);

    if (r == 0)
        r = genv_home_find(cli->genv, &path, err);
    if (r == -ENOENT && values->quiet)
        return EXIT_FAILURE;
    if (r == 0)
        text_addf(&cli->output, "%s\n", path);
    return r;
}

static const struct example examples[] = {
    {"mkdir -p .genv", "Create a place for the saved configuration of this directory and those below it."},
    {"genv home", "Show the directory that 'genv config --save' and --load use."},
    {NULL, NULL},
};

const struct command command_home = {
    .name = "home",
    .summary = "Show the directory of the saved configuration",
    .description = "genv looks for a directory .genv in the current directory, then in its parents, then in $HOME, and "
                   "uses the first one that it finds. It ignores directories that belong to other users, except root.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .values_size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
