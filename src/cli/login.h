/* The user's login shell on the other side of `genv remote activate`. It is what `ssh HOST` gives, inside an
 * environment: the same variables, and the user's own start-up files, each read once. */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/installation.h"

struct login_request {
    const struct installation *installation;
    const char *eid;
    bool prompt; /* it shows "(genv)" */
};

/* Brings the variables and the folder back that process @caller began with: sshd has a shell of the user's run genv,
 * and that shell's start-up files have set what the login shell's are about to set. Those of genv's own stay as they
 * are. Nothing happens where they cannot be read, or @caller is not what sshd has started. */
int login_restore_variables(pid_t caller, struct genv_error *err);

/* Becomes the shell. Returns only on failure: -ENOENT and the like. */
int login_become_shell(const struct login_request *request, struct genv_error *err);

#endif
