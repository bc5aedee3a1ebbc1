/* Tells users what will happen to what breaks a rule, before it does. */
#ifndef ENFORCE_WARNING_H
#define ENFORCE_WARNING_H

#include "policy/violation.h"

/* Tells the user on their terminals what will happen in @grace_seconds; @sentence is what they were told. False: they
 * have no terminal here. */
bool warning_send(const struct violation *violation, const struct genv_snapshot *snapshot, double grace_seconds,
                  struct text *sentence);

#endif
