/* genv remote devices, genv remote snapshot: the devices of many machines, and all else that they tell. */
#include "cli/remote.h"

static const struct table_column columns[] = {{"HOST", 19}, {"TOTAL", 9}, {"AVAILABLE", 0}};

static void add_number(struct table *table, size_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", number);
    table_add(table, text);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct remote_table_options *values = arguments->values;
    cleanup_host_list struct host_list hosts = {0};
    cleanup_survey struct survey survey = {0};
    cleanup_table struct table table;
    size_t total = 0, available = 0;
    int r;

    table_init(&table, columns, ARRAY_SIZE(columns), &values->table);
    r = remote_survey_all(arguments, &hosts, &survey, err);
    if (r < 0)
        return r;
    if (values->table.format == TABLE_JSON)
        return remote_add_json(&cli->output, &survey, "devices", genv_snapshot_devices_to_json, err);
    for (size_t i = 0; i < survey.count; i++) {
        const struct genv_snapshot *snapshot = survey.answers[i].snapshot;
        size_t here = snapshot ? genv_snapshot_available(snapshot, 0) : 0;

        if (!snapshot)
            continue;
        table_add(&table, survey.answers[i].host->name);
        add_number(&table, snapshot->device_count);
        add_number(&table, here);
        total += snapshot->device_count;
        available += here;
    }
    table_print(&table, &cli->output);
    if (values->table.format == TABLE_TUI && !values->no_summary)
        text_addf(&cli->output, "\nTotal %zu devices with %zu available on %zu hosts\n", total, available,
                  survey_count_answers(&survey));
    return 0;
}

const struct command command_remote_devices = {
    .name = "remote devices",
    .summary = "Show how many devices the hosts have, and how many are available",
    .description = "A device is available if it works and is not attached to any environment.",
    .options = remote_table_option_rows,
    .values_size = sizeof(struct remote_table_options),
    .run = run,
};

static int run_snapshot(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    cleanup_host_list struct host_list hosts = {0};
    cleanup_survey struct survey survey = {0};
    int r = remote_survey_all(arguments, &hosts, &survey, err);

    return r < 0 ? r : remote_add_json(&cli->output, &survey, NULL, genv_snapshot_to_json, err);
}

const struct command command_remote_snapshot = {
    .name = "remote snapshot",
    .summary = "Print the state of all hosts as JSON",
    .description = "Prints an array with the output of 'genv snapshot' on each host, with the host's name as \"host\".",
    .run = run_snapshot,
};
