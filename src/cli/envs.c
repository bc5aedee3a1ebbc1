/* genv envs, genv envs ps, genv envs query: the environments of this machine. */
#include <errno.h>

#include "base/proc.h"
#include "cli/env_fields.h"

static const struct table_column columns[] = {
    {"ID", 8},       {"USER", 16},   {"NAME", 16},
    {"CREATED", 21}, {"PID(S)", 16}, {"GPUS", 0}, /* where there is more to show */
};

static void add_row(struct table *table, const struct genv_env *env)
{
    cleanup_text struct text user = TEXT_INIT, pids = TEXT_INIT;

    env_add_user(&user, env);
    env_add_pids(&pids, env);
    table_add_eid(table, env->eid);
    table_add(table, user.data ? user.data : "");
    table_add(table, env->config.name);
    table_add_time(table, env->created);
    table_add(table, pids.data ? pids.data : "");
    if (table->column_count == ARRAY_SIZE(columns)) {
        cleanup_text struct text indices = TEXT_INIT;

        cli_add_indices(&indices, env);
        table_add(table, indices.data ? indices.data : "");
    }
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct long_table_options *values = arguments->values;
    const struct table_options *options = &values->table;
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    cleanup_table struct table table;
    int r;

    table_init(&table, columns, ARRAY_SIZE(columns) - !table_shows_more(values), options);
    listing_warn_of_reset(cli, options);
    r = listing_take(cli, GENV_DEPTH_ENVS, &snapshot, err);
    if (r < 0)
        return r;
    if (options->format == TABLE_JSON)
        return listing_add_json(cli, genv_snapshot_envs_to_json(snapshot), err);
    for (size_t i = 0; i < snapshot->env_count; i++)
        add_row(&table, &snapshot->envs[i]);
    table_print(&table, &cli->output);
    return 0;
}

static const struct command *const subcommands[] = {
    &command_envs_activate, &command_envs_deactivate, &command_envs_config,
    &command_envs_find,     &command_envs_keep,       &command_envs_ps,
    &command_envs_query,    &command_envs_variables,  NULL,
};

static const struct example examples[] = {
    {"genv envs", "List the environments of all users."},
    {"genv envs --format csv --no-header --timestamp", "Print the same list for a script."},
    {"genv envs query --query eid config.name", "Print these fields as CSV, with one line per environment."},
    {NULL, NULL},
};

const struct command command_envs = {
    .name = "envs",
    .summary = "List the environments on this machine",
    .description = "Shows ID, user, name, age and processes of each environment, for all users.",
    .group = GROUP_MACHINE,
    .options = long_table_option_rows,
    .values_size = sizeof(struct long_table_options),
    .subcommands = subcommands,
    .examples = examples,
    .run = run,
};

const struct command command_envs_ps = {
    .name = "envs ps",
    .summary = "List the environments on this machine, like 'genv envs'",
    .options = long_table_option_rows,
    .values_size = sizeof(struct long_table_options),
    .run = run,
};

struct query_values {
    const char *eid;
    struct option_choices fields;
};

static const struct option query_options[] = {
    {.name = "eid",
     .type = OPTION_EID,
     .argument = "EID",
     .help = "Print only this environment",
     .offset = offsetof(struct query_values, eid)},
    {.name = "query",
     .alias = "queries",
     .type = OPTION_CHOICES,
     .argument = "FIELD",
     .help = ENV_QUERY_HELP,
     .offset = offsetof(struct query_values, fields),
     .choices = env_query_fields,
     .required = true},
    {.name = NULL},
};

static int run_query(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct query_values *values = arguments->values;
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    cleanup_env struct genv_env *env = NULL;
    char hostname[sizeof(snapshot->hostname)];
    struct env_query_row row = {.hostname = hostname};
    int r = cli_open(cli, err);

    proc_hostname(hostname, sizeof(hostname));
    if (r == 0 && values->eid) {
        r = genv_env_get(cli->genv, values->eid, &env, err);
        row.env = env;
        if (r == 0)
            listing_add_query(&cli->output, &values->fields, &row, env_add_query_field);
        return r == -ENOENT ? 0 : r; /* no line for what is not there: older callers ask before they make one */
    }
    if (r == 0)
        r = listing_take(cli, GENV_DEPTH_ENVS, &snapshot, err);
    for (size_t i = 0; r == 0 && i < snapshot->env_count; i++) {
        row.env = &snapshot->envs[i];
        listing_add_query(&cli->output, &values->fields, &row, env_add_query_field);
    }
    return r;
}

const struct command command_envs_query = {
    .name = "envs query",
    .summary = "Print fields of the environments as CSV",
    .description =
        "Prints one line per environment, with the fields in the order given. Items of a list are separated by spaces; "
        "a cell is empty if its field is not configured. The creation time is in RFC 3339 format.",
    .options = query_options,
    .values_size = sizeof(struct query_values),
    .run = run_query,
};
