/* genv help: help about a command, and the manual pages. */
#include <errno.h>

#include "cli/cli.h"
#include "cli/overview.h"

struct values {
    bool man;
};

static const struct option options[] = {
    {.name = "man",
     .type = OPTION_FLAG,
     .help = "Print the source of the manual page, for man(1)",
     .offset = offsetof(struct values, man)},
    {.name = NULL},
};

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct command *command = NULL;

    for (int i = 0; i < arguments->operand_count; i++) {
        command = command_find(command, arguments->operands[i]);
        if (!command) {
            cli->failure_status = EXIT_USAGE;
            return error_set(err, EINVAL, "unknown command '%s': see 'genv help'", arguments->operands[i]);
        }
    }
    if (values->man)
        man_add_page(&cli->output, command);
    else if (command)
        help_add_command(&cli->output, command, cli_help_style(cli));
    else
        overview_add(&cli->output, cli_help_style(cli));
    return 0;
}

static const struct example examples[] = {
    {"genv help attach", "Show the help of 'genv attach'."},
    {"genv help --man envs | man -l -", "Show a manual page that is not installed."},
    {NULL, NULL},
};

const struct command command_help = {
    .name = "help",
    .summary = "Show help for genv or a command",
    .group = GROUP_ABOUT,
    .options = options,
    .values_size = sizeof(struct values),
    .operands = {.synopsis = "[COMMAND [SUBCOMMAND]]", .kind = OPERAND_TOPIC, .max = 2},
    .examples = examples,
    .run = run,
};
