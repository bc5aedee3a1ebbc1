/* Environments in tables and queries, of this machine and of others. */
#ifndef CLI_ENV_FIELDS_H
#define CLI_ENV_FIELDS_H

#include "cli/listing.h"

/* "paul(1004)"; a user without a name is his number. */
void env_add_user(struct text *cell, const struct genv_env *env);
/* The PIDs, separated by blanks. */
void env_add_pids(struct text *cell, const struct genv_env *env);

/* What a query may ask for, NULL-terminated. */
extern const char *const env_query_fields[];
#define ENV_QUERY_CONFIG(bit, member, ...) "config." #member ", "
#define ENV_QUERY_HELP                                                                                                 \
    "Print these fields: hostname, eid, creation, uid, username, " GENV_CONFIG_FIELDS(                                 \
        ENV_QUERY_CONFIG) "pids, kernel_ids"

struct env_query_row {
    const char *hostname;
    const struct genv_env *env;
};

/* Adds a field of @data, a struct env_query_row, for listing_add_query(). */
void env_add_query_field(struct text *cell, int field, const void *data);

#endif
