/* Enforcement on this machine. */
#ifndef ENFORCE_MACHINE_H
#define ENFORCE_MACHINE_H

#include "enforce/session.h"

/* Looks whenever an environment changes, a grace or the interval is over, and acts, until SIGINT or SIGTERM; with an
 * interval of 0 until what was told to end has ended. 0: it has come to its end; *ret_failed: with an interval of
 * 0, that something could not be done. */
int enforce_machine(struct genv *g, const struct session_options *options, bool *ret_failed, struct genv_error *err);

#endif
