/* Environments in tables and queries, of this machine and of others. */
#include "cli/env_fields.h"

#include <string.h>

#include "base/clock.h"
#include "cli/fields.h"

void env_add_user(struct text *cell, const struct genv_env *env)
{
    char name[GENV_USERNAME_SIZE], number[16];

    if (env->uid == (uid_t)-1) { /* others can have written its record */
        text_add(cell, "unknown");
        return;
    }
    genv_env_username(env, name);
    snprintf(number, sizeof(number), "%u", (unsigned)env->uid);
    if (strcmp(name, number) == 0)
        text_add(cell, number);
    else
        text_addf(cell, "%s(%s)", name, number);
}

void env_add_pids(struct text *cell, const struct genv_env *env)
{
    for (size_t i = 0; i < env->process_count; i++) {
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", (int)env->processes[i].pid);
        listing_add_item(cell, pid);
    }
}

#define QUERY(bit, ...) QUERY_##bit,

enum {
    QUERY_EID,
    QUERY_CREATION,
    QUERY_UID,
    QUERY_USERNAME,
    GENV_CONFIG_FIELDS(QUERY) /* one each: QUERY_NAME */
    QUERY_PIDS,
    QUERY_KERNEL_IDS,
    QUERY_HOSTNAME,
    QUERY_COUNT,
};

#define QUERY_KEY(bit, member, ...) [QUERY_##bit] = "config." #member,

const char *const env_query_fields[QUERY_COUNT + 1] = {
    [QUERY_EID] = "eid",           [QUERY_CREATION] = "creation", [QUERY_UID] = "uid",
    [QUERY_USERNAME] = "username", [QUERY_PIDS] = "pids",         [QUERY_KERNEL_IDS] = "kernel_ids",
    [QUERY_HOSTNAME] = "hostname", GENV_CONFIG_FIELDS(QUERY_KEY)};

static void add_kernels(struct text *cell, const struct genv_env *env)
{
    for (size_t i = 0; i < env->kernel_count; i++)
        listing_add_item(cell, env->kernels[i].id);
}

#define QUERY_CASE(bit, ...)                                                                                           \
    case QUERY_##bit:                                                                                                  \
        field_add_value(cell, GENV_CONFIG_##bit, &row->env->config);                                                   \
        return;

void env_add_query_field(struct text *cell, int field, const void *data)
{
    const struct env_query_row *row = data;
    char username[GENV_USERNAME_SIZE], creation[RFC3339_SIZE];

    switch (field) {
    case QUERY_HOSTNAME:
        text_add(cell, row->hostname);
        return;
    case QUERY_EID:
        text_add(cell, row->env->eid);
        return;
    case QUERY_CREATION:
        rfc3339_format(row->env->created, creation);
        text_add(cell, creation);
        return;
    case QUERY_UID:
        text_addf(cell, "%u", (unsigned)row->env->uid);
        return;
    case QUERY_USERNAME:
        genv_env_username(row->env, username);
        text_add(cell, username);
        return;
    case QUERY_PIDS:
        env_add_pids(cell, row->env);
        return;
    case QUERY_KERNEL_IDS:
        add_kernels(cell, row->env);
        return;
        GENV_CONFIG_FIELDS(QUERY_CASE)
    default:
        return;
    }
}
