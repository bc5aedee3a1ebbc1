/* Whose containers are: "claims/ID", a file of the user's that only they and root can read, holds what nobody else can
 * know. Who shows "ID.SECRET" to root acts for the file's owner. Once redeemed it is "vouched/container.CONTAINER",
 * root's, and that container's alone, for as long as containers of that name come again. Of a user's containers the
 * 1024 that were created last are remembered for certain: where there are 4096 and more of all users, the user who
 * comes with another loses their own oldest one, and nobody else's. */
#ifndef STORE_CLAIM_H
#define STORE_CLAIM_H

#include "base/error.h"

#include <sys/types.h>

/* Makes one of the caller's; @claim has room for GENV_CLAIM_SIZE bytes. Removes the caller's that nobody has redeemed
 * for 30 days. @directory is the state directory, @shown its path for sentences. */
int claim_make(int directory, const char *shown, char *claim, struct genv_error *err);

/* For root: @ret_uid is whose it is, from now on for @container alone. -EPERM, -EINVAL. */
int claim_redeem(int directory, const char *shown, const char *claim, const char *container, uid_t *ret_uid,
                 struct genv_error *err);

#endif
