/* The saved configuration of a project, where a command begins with it. */
#ifndef CLI_SAVED_H
#define CLI_SAVED_H

#include "cli/cli.h"

/* @given over what is saved in the .genv directory in force, if there is one; with cli->genv opened. Says in a line on
 * standard error what that added, where it added something. */
int saved_load(struct cli *cli, const struct genv_config *given, struct genv_config *ret_config,
               struct genv_error *err);

/* The options --no-load and --no-attach of a command whose `struct values` has no_load and no_attach. */
#define NO_LOAD_OPTION                                                                                                 \
    {                                                                                                                  \
        .name = "no-load", .type = OPTION_FLAG, .help = "Do not load the saved configuration",                         \
        .offset = offsetof(struct values, no_load)                                                                     \
    }
#define SAVED_OPTIONS                                                                                                  \
    NO_LOAD_OPTION,                                                                                                    \
    {                                                                                                                  \
        .name = "no-attach", .type = OPTION_FLAG, .help = "Do not attach devices",                                     \
        .offset = offsetof(struct values, no_attach)                                                                   \
    }

#endif
