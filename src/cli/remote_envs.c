/* genv remote envs, genv remote query: the environments of many machines. */
#include <string.h>

#include "cli/env_fields.h"
#include "cli/remote.h"

static const struct table_column columns[] = {{"HOST", 19}, {"ID", 8}, {"USER", 16}, {"NAME", 16}, {"CREATED", 0}};

static void add_row(struct table *table, const struct host *host, const struct genv_env *env)
{
    cleanup_text struct text user = TEXT_INIT;

    env_add_user(&user, env);
    table_add(table, host->name);
    table_add_eid(table, env->eid);
    table_add(table, user.data ? user.data : "");
    table_add(table, env->config.name);
    table_add_time(table, env->created);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct remote_table_options *values = arguments->values;
    cleanup_host_list struct host_list hosts = {0};
    cleanup_survey struct survey survey = {0};
    cleanup_table struct table table;
    size_t total = 0;
    int r;

    table_init(&table, columns, ARRAY_SIZE(columns), &values->table);
    r = remote_survey_all(arguments, &hosts, &survey, err);
    if (r < 0)
        return r;
    if (values->table.format == TABLE_JSON)
        return remote_add_json(&cli->output, &survey, "envs", genv_snapshot_envs_to_json, err);
    for (size_t i = 0; i < survey.count; i++) {
        const struct genv_snapshot *snapshot = survey.answers[i].snapshot;

        for (size_t k = 0; snapshot && k < snapshot->env_count; k++, total++)
            add_row(&table, survey.answers[i].host, &snapshot->envs[k]);
    }
    table_print(&table, &cli->output);
    if (values->table.format == TABLE_TUI && !values->no_summary)
        text_addf(&cli->output, "\nTotal %zu environments on %zu hosts\n", total, survey_count_answers(&survey));
    return 0;
}

const struct command command_remote_envs = {
    .name = "remote envs",
    .summary = "List the environments on the hosts",
    .description = "Shows host, ID, user, name and age of each environment, for all users.",
    .options = remote_table_option_rows,
    .values_size = sizeof(struct remote_table_options),
    .run = run,
};

struct query_values {
    const char *name;
    struct option_choices fields;
};

static const struct option query_options[] = {
    {.name = "name",
     .type = OPTION_NAME,
     .argument = "NAME",
     .help = "Print only environments with this name",
     .offset = offsetof(struct query_values, name)},
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
    cleanup_host_list struct host_list hosts = {0};
    cleanup_survey struct survey survey = {0};
    int r = remote_survey_all(arguments, &hosts, &survey, err);

    for (size_t i = 0; r == 0 && i < survey.count; i++) {
        const struct genv_snapshot *snapshot = survey.answers[i].snapshot;
        struct env_query_row row = {.hostname = survey.answers[i].host->name};

        for (size_t k = 0; snapshot && k < snapshot->env_count; k++) {
            row.env = &snapshot->envs[k];
            if (!values->name || strcmp(values->name, row.env->config.name) == 0)
                listing_add_query(&cli->output, &values->fields, &row, env_add_query_field);
        }
    }
    return r;
}

const struct command command_remote_query = {
    .name = "remote query",
    .summary = "Print fields of the environments on the hosts as CSV",
    .description =
        "Prints one line per environment like 'genv envs query'; hostname is the host's name in the host list.",
    .options = query_options,
    .values_size = sizeof(struct query_values),
    .run = run_query,
};
