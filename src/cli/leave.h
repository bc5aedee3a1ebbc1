/* A shell that leaves its environment. */
#ifndef CLI_LEAVE_H
#define CLI_LEAVE_H

#include "cli/cli.h"

/* Takes @shell out of @eid, with cli->genv opened. What it leaves running there inherits its place, and is named on
 * standard error. Fails as genv_hand_over() does. */
int leave_environment(struct cli *cli, const char *eid, pid_t shell, struct genv_error *err);

#endif
