/* Whose containers are. */
#include <errno.h>

#include "libgenv/handle.h"

GENV_PUBLIC int genv_claim_make(struct genv *g, char *claim, struct genv_error *err)
{
    return store_claim_make(g->store, claim, err);
}

GENV_PUBLIC int genv_claim_redeem(struct genv *g, const char *claim, const char *container, uid_t *ret_uid,
                                  struct genv_error *err)
{
    if (g->uid != 0)
        return error_set(err, EPERM, "only root can redeem claims of others");
    return store_claim_redeem(g->store, claim, container, ret_uid, err);
}
