/* The signals that ask us to end. */
#ifndef REMOTE_SIGNALS_H
#define REMOTE_SIGNALS_H

#include <signal.h>

/* Adds to @set those of SIGINT, SIGTERM and SIGHUP that would end this process: not those that it ignores (nohup, a
 * script's job in the background) or that are blocked. */
void signals_add_ending(sigset_t *set);
/* Adds those of SIGINT and SIGHUP that it ignores. */
void signals_add_ignored(sigset_t *set);

#endif
