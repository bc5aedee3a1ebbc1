/* A running ssh: its pipes, its end, and the signals that come meanwhile. */
#ifndef REMOTE_CONNECTION_H
#define REMOTE_CONNECTION_H

#include "base/error.h"

#include <signal.h>

struct connection {
    pid_t pid;
    int in; /* -1: it has our own standard input */
    int out, err;
    int signals; /* becomes readable: connection_read_signals() */
    bool exited;
    int signal;    /* that asked us to end; 0: none */
    sigset_t mask; /* as it was before, and so */
    struct sigaction pipe_action, child_action;
};

#define CONNECTION_INIT                                                                                                \
    {                                                                                                                  \
        .pid = -1, .in = -1, .out = -1, .err = -1, .signals = -1                                                       \
    }

/* Starts @argv, which dies with us, with standard output and error as pipes, and standard input too if @input. From
 * here until connection_close() SIGINT, SIGTERM and SIGHUP, unless they are ignored or blocked, are told by
 * connection->signal, and SIGPIPE is ignored. */
int connection_start(struct connection *connection, char **argv, bool input, struct genv_error *err);

/* Learns what the signals say: sets @exited and @signal. Stops with ssh where the user has suspended it (~^Z). */
void connection_read_signals(struct connection *connection);

/* Ends ssh unless it has ended by itself, also where it is stopped, and by SIGKILL what does not obey within two
 * seconds; returns its exit status, 128+N for a signal. */
int connection_end(struct connection *connection);

/* Ends it and brings everything back as it was. */
void connection_close(struct connection *connection);

#endif
