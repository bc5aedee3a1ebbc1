/* What a container asks genv for, in its variables. Decides, and does no input or output. */
#ifndef CONTAINER_REQUEST_H
#define CONTAINER_REQUEST_H

#include "container/config.h"

struct container_request {
    struct genv_config config;
    const char *eid;     /* GENV_ENVIRONMENT_ID; NULL: the container's own */
    const char *claim;   /* GENV_CLAIM: whose it is; NULL: nobody has said */
    const char *devices; /* GENV_DEVICE_UUIDS: of a live environment these, separated by commas; NULL: any */
    bool attach, shims, locks, over_subscribe;
};

/* Whether one of the variables by which containers ask for genv is in the list @env, and none says that it is to stay
 * outside (GENV_ACTIVATE=0). */
bool request_is_made(const json_t *env);

/* The same for a config.json that cannot be parsed: whether its text has a string that sets one of the variables. */
bool request_may_be_made(const char *text, size_t length);

/* Reads them. Texts are borrowed from @env. -EINVAL names the variable and the accepted form. */
int request_read(const json_t *env, struct container_request *ret_request, struct genv_error *err);

/* What none of the container's processes is to have: a claim is for once. */
extern const char request_claim_variable[];

#endif
