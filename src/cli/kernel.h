/* The Jupyter kernel that a command starts, which keeps its environment while it restarts. */
#ifndef CLI_KERNEL_H
#define CLI_KERNEL_H

#include "cli/cli.h"

/* Zero-initialise it; kernel_command_release() frees it. */
struct kernel_command {
    struct genv_member member; /* with texts of the command's and of @id */
    char *id;                  /* NULL: the command is no kernel */
    char *left; /* the environment that it left when it stopped to be started again; NULL: this is its first start, or
                 * that has ended */
};

void kernel_command_release(struct kernel_command *kernel);
#define cleanup_kernel_command cleanup_with(kernel_command_release)

/* Finds which kernel @command is. -EINVAL: it names no connection file. */
int kernel_command_read(char *const *command, struct kernel_command *ret_kernel, struct genv_error *err);

/* Fills kernel->left. cli->genv is opened. */
int kernel_command_find_left(struct cli *cli, struct kernel_command *kernel, struct genv_error *err);

#endif
