/* The saved configuration of a project, where a command begins with it. */
#ifndef CLI_SAVED_H
#define CLI_SAVED_H

#include "cli/cli.h"

/* @given over what is saved in the .genv directory in force, if there is one; with cli->genv opened. Says in a line on
 * standard error what that added, where it added something. */
int saved_load(struct cli *cli, const struct genv_config *given, struct genv_config *ret_config,
               struct genv_error *err);

#endif
