/* An environment on another host that lives as long as the connection: reserved and entered in one ssh command.
 *
 * The other side runs `genv remote-session`, which makes the environment, attaches it and then prints a line with the
 * caller's nonce (frame.h) on its standard output: "ready", "busy" (not enough is available any more) or "failed
 * MESSAGE". What came before that line is the host's start-up files talking, and is dropped; what follows is the
 * shell's or the command's.
 *
 * What a command has left in the background keeps the environment as long as it has the command's standard output or
 * standard error open, as it keeps ssh; one that has redirected both is on its own. */
#ifndef REMOTE_SESSION_H
#define REMOTE_SESSION_H

#include "remote/hosts.h"
#include <genv/genv.h>

struct session_request {
    struct genv_config config; /* gpus -1: none */
    char **command;            /* NULL-terminated; NULL: the login shell */
    bool prompt;               /* the shell's prompt shows "(genv)" */
    bool terminal;             /* run the command on a terminal; a shell always is */
    double timeout_seconds;    /* until the other side is ready */
};

/* Runs the shell or the command there, with this process's standard streams, until it ends. 0: it did, *ret_status is
 * its exit status (255: the connection was lost, ssh has said so). -EBUSY: the host has not enough available any more.
 * Other errors, with the sentence: nothing was started there. -EINTR with *ret_status 128+N: a signal ended it before.
 */
int session_run(const struct host *host, const struct session_request *request, int *ret_status,
                struct genv_error *err);

#endif
