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
     .help = "Where there is none, say nothing; the exit status tells",
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
    {"mkdir -p .genv", "Makes this directory, and all below it, a project whose configuration can be saved."},
    {"genv home", "Shows which directory 'genv config --save' and --load use."},
    {NULL, NULL},
};

const struct command command_home = {
    .name = "home",
    .summary = "Show the directory of the saved configuration",
    .description = "It is called .genv and is looked for in the current directory, then in those above it, then in "
                   "$HOME. One that belongs to somebody else, other than root, is ignored.",
    .group = GROUP_ENVIRONMENT,
    .options = options,
    .values_size = sizeof(struct values),
    .examples = examples,
    .run = run,
};
