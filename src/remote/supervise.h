/* A program that lives no longer than the connection that started it. */
#ifndef REMOTE_SUPERVISE_H
#define REMOTE_SUPERVISE_H

#include "base/error.h"

#include <signal.h>

struct supervision {
    pid_t child;
    bool terminal; /* the connection is a terminal */
    bool shell;    /* for the caller to set: the child is a shell, which sees to what it has started by itself */
    int signals;   /* signalfd(2) */
    sigset_t mask; /* as it was before */
};

/* Forks. Returns 0 in both: in the child, *ret_supervision has @child 0. On a terminal the child leads the foreground
 * process group, without one a session of its own, so that what it starts can be found. */
int supervise_fork(struct supervision *ret_supervision, struct genv_error *err);

/* In the parent: waits until the child has ended and, without a terminal, nothing in its session has standard output or
 * standard error open any more; or until the connection is gone: standard input and standard output are closed on the
 * other side, or a SIGHUP or SIGTERM says so. Then calls @ended, once, while the child's PID is still its own; @left,
 * ended by 0, are the processes of a shell's session that live then, NULL if they cannot be told. If the connection is
 * gone, everything in the child's session gets SIGHUP then, and two seconds later SIGKILL; a shell alone gets both
 * before, so that what ignores SIGHUP outlives it. Returns the child's exit status, 128+N for a signal. */
int supervise_wait(struct supervision *supervision, void (*ended)(const pid_t *left, void *data), void *data);

#endif
