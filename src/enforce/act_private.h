/* What acting on processes and on attachments share. */
#ifndef ENFORCE_ACT_PRIVATE_H
#define ENFORCE_ACT_PRIVATE_H

#include "enforce/act.h"

/* Reports what became of @violation. */
void act_tell(const struct act_options *options, const struct violation *violation, enum act_outcome outcome);
/* The same where @r, a negative errno, was the answer, with @err, unless it is empty. */
void act_tell_failure(const struct act_options *options, const struct violation *violation, int r,
                      struct genv_error *err);

#endif
