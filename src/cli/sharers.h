/* Who else has what this environment has. */
#ifndef CLI_SHARERS_H
#define CLI_SHARERS_H

#include "cli/cli.h"

/* Warns of each device of @env that others are attached to beyond what it has, by -o on either side: its memory may
 * run out. Says nothing where that cannot be told. */
void sharers_warn(struct cli *cli, const struct genv_env *env);

#endif
