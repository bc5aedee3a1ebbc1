/* The user's own ssh, 7.3 or newer: how it is called, and what its failures mean. */
#ifndef REMOTE_SSH_H
#define REMOTE_SSH_H

#include "base/text.h"
#include "remote/hosts.h"

#define SSH_FAILED 255 /* its exit status where it fails itself */

/* Prepares what all calls share: a private directory for shared connections, with a configuration that reads the user's
 * and the system's first and only then adds our own defaults (a connection is shared, and kept for a minute). free()
 * @ret_config, the configuration's path; NULL: there is no directory that others keep their hands off, and ssh is
 * called without. */
int ssh_prepare(char **ret_config, struct genv_error *err);

/* Whether the ssh here knows an option such as "RemoteCommand=none" (7.6 and newer do). */
bool ssh_takes(const char *option);

enum ssh_terminal {
    SSH_NO_INPUT, /* a query: standard input is /dev/null, no forwardings */
    SSH_PLAIN,    /* standard streams as they are */
    SSH_TERMINAL, /* a terminal there */
};

struct ssh_call {
    const char *config;       /* ssh_prepare(); may be NULL */
    unsigned timeout_seconds; /* to connect */
    bool share;               /* keep the connection for calls that follow */
    enum ssh_terminal terminal;
    bool below_shell;        /* the login shell there stays, as the command's parent */
    const char *nonce;       /* its output is to be an answer with it (frame.h); NULL: it comes as it is */
    bool has_remote_command; /* ssh_takes("RemoteCommand=none"), which a configured one gives way to */
};

/* The argument vector, NULL-terminated, that runs genv on @host with @words, NULL-terminated, which may hold anything
 * but arrive as they are: where a word has characters that some shell could take for its own they are sent encoded
 * (words.h). strv_free() it. -E2BIG: longer than what the other side can take. */
int ssh_command(const struct host *host, const struct ssh_call *call, const char *const *words, char ***ret_argv,
                struct genv_error *err);

/* Frees a NULL-terminated array and what is in it; NULL is fine. */
void strv_free(char **strings);

/* Says in @err, without the host's name, why a call failed: @status is ssh's exit status (128+N for a signal), @output
 * what it wrote to standard error. Returns the negative errno: -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH, -EACCES (not
 * let in), -EKEYREJECTED (the host's key), -ENOENT (no genv there), -EPROTO (an older genv, something else),
 * -ECONNRESET (the other side closed the connection before it let anybody in, as an sshd does to whom more connect at
 * once than it likes: nothing has begun there). */
int ssh_explain(const struct host *host, int status, const char *output, struct genv_error *err);
/* What explains a failure: @errors, what was written to standard error, or @output, to the other one, where they say
 * nothing: some programs in the place of a shell speak there. Either may be NULL. */
const char *ssh_last_words(const char *errors, const char *output);

/* Removes from @text the lines in which ssh says that a connection could not be shared. */
void ssh_drop_chatter(struct text *text);
/* Removes from the end of @text the line in which ssh says that a session on a terminal is over. */
void ssh_drop_farewell(struct text *text);
/* The length of @text, of @length, without it. */
size_t ssh_length_before_farewell(const char *text, size_t length);

/* Whether what may be asked twice is worth another try: ssh failed for no reason that is known to last. An ssh that
 * says in other words that it was turned away has that, too. */
bool ssh_may_fare_better(int status, const char *output);

#endif
