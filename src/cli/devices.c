/* genv devices, genv devices ps, genv devices query: the devices of this machine and who has them. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cli/env_fields.h"
#include "cli/listing.h"

static const struct table_column columns[] = {
    {"ID", 8}, {"ENV ID", 12}, {"ENV NAME", 16}, {"ATTACHED", 21}, {"USER", 0}, /* where there is more to show */
};

/* The attachment of @env to @device, or NULL. By index: there are many pairs, and UUIDs take longer to compare. */
static const struct genv_attachment *find_attachment(const struct genv_env *env, const struct genv_device *device)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (env->attachments[i].index == (int)device->index)
            return &env->attachments[i];
    }
    return NULL;
}

/* A row for each environment on the device, or one for the device alone. */
static void add_rows(struct table *table, const struct genv_snapshot *snapshot, const struct genv_device *device)
{
    size_t shown = table->column_count;
    bool free_device = true;
    char index[16];

    snprintf(index, sizeof(index), "%u", device->index);
    for (size_t i = 0; i < snapshot->env_count; i++) {
        const struct genv_env *env = &snapshot->envs[i];
        const struct genv_attachment *attachment = find_attachment(env, device);

        if (!attachment)
            continue;
        table_add(table, index);
        table_add_eid(table, env->eid);
        table_add(table, env->config.name);
        table_add_time(table, attachment->time);
        if (shown == ARRAY_SIZE(columns)) {
            cleanup_text struct text user = TEXT_INIT;

            env_add_user(&user, env);
            table_add(table, user.data ? user.data : "");
        }
        free_device = false;
    }
    if (!free_device)
        return;
    table_add(table, index);
    for (size_t column = 1; column < shown; column++)
        table_add(table, "");
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
    r = listing_take(cli, GENV_DEPTH_DEVICES, &snapshot, err);
    if (r < 0)
        return r;
    if (options->format == TABLE_JSON)
        return listing_add_json(cli, genv_snapshot_devices_to_json(snapshot), err);
    for (size_t i = 0; i < snapshot->device_count; i++)
        add_rows(&table, snapshot, &snapshot->devices[i]);
    table_print(&table, &cli->output);
    return 0;
}

static const struct command *const subcommands[] = {
    &command_devices_attach, &command_devices_detach, &command_devices_find,
    &command_devices_ps,     &command_devices_query,  NULL,
};

static const struct example examples[] = {
    {"genv devices", "List the devices; the line of a free device has only its index."},
    {"genv devices --format json", "Print everything that genv knows about them."},
    {NULL, NULL},
};

const struct command command_devices = {
    .name = "devices",
    .summary = "List the devices on this machine and who holds them",
    .description =
        "Shows the environments attached to each device, and since when. A shared device has one line per environment.",
    .group = GROUP_MACHINE,
    .options = long_table_option_rows,
    .values_size = sizeof(struct long_table_options),
    .subcommands = subcommands,
    .examples = examples,
    .run = run,
};

const struct command command_devices_ps = {
    .name = "devices ps",
    .summary = "List the devices on this machine, like 'genv devices'",
    .options = long_table_option_rows,
    .values_size = sizeof(struct long_table_options),
    .run = run,
};

enum { QUERY_INDEX, QUERY_EIDS, QUERY_TOTAL_MEMORY, QUERY_ATTACHMENTS };

static const char *const query_fields[] = {
    [QUERY_INDEX] = "index",
    [QUERY_EIDS] = "eids",
    [QUERY_TOTAL_MEMORY] = "total_memory",
    [QUERY_ATTACHMENTS] = "attachments",
    NULL,
};

struct query_values {
    struct option_choices fields;
};

static const struct option query_options[] = {
    {.name = "query",
     .alias = "queries",
     .type = OPTION_CHOICES,
     .argument = "FIELD",
     .help = "Print these fields: index, eids, total_memory, attachments",
     .offset = offsetof(struct query_values, fields),
     .choices = query_fields,
     .required = true},
    {.name = NULL},
};

struct query_row {
    const struct genv_snapshot *snapshot;
    const struct genv_device *device;
};

/* The environments on the device: their identifiers, or "1573/2026-11-20T10:14:12.345Z/4g". */
static void add_attachments(struct text *cell, const struct query_row *row, bool whole)
{
    for (size_t i = 0; i < row->snapshot->env_count; i++) {
        const struct genv_env *env = &row->snapshot->envs[i];
        const struct genv_attachment *attachment = find_attachment(env, row->device);
        char time[RFC3339_SIZE], amount[GENV_AMOUNT_SIZE];

        if (!attachment)
            continue;
        listing_add_item(cell, env->eid);
        if (!whole)
            continue;
        rfc3339_format(attachment->time, time);
        text_addf(cell, "/%s", time);
        if (attachment->gpu_memory) {
            genv_amount_format(attachment->gpu_memory, amount);
            text_addf(cell, "/%s", amount);
        }
    }
}

static void add_field(struct text *cell, int field, const void *data)
{
    const struct query_row *row = data;
    char amount[GENV_AMOUNT_SIZE];

    if (field == QUERY_INDEX)
        text_addf(cell, "%u", row->device->index);
    if (field == QUERY_TOTAL_MEMORY && row->device->total_memory) {
        genv_amount_format(row->device->total_memory, amount);
        text_add(cell, amount);
    }
    if (field == QUERY_EIDS || field == QUERY_ATTACHMENTS)
        add_attachments(cell, row, field == QUERY_ATTACHMENTS);
}

static int run_query(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct query_values *values = arguments->values;
    cleanup_snapshot struct genv_snapshot *snapshot = NULL;
    int r = listing_take(cli, GENV_DEPTH_DEVICES, &snapshot, err);

    for (size_t i = 0; r == 0 && i < snapshot->device_count; i++) {
        const struct query_row row = {.snapshot = snapshot, .device = &snapshot->devices[i]};

        listing_add_query(&cli->output, &values->fields, &row, add_field);
    }
    return r;
}

const struct command command_devices_query = {
    .name = "devices query",
    .summary = "Print fields of the devices as CSV",
    .description = "Prints one line per device, with the fields in the order given. Items of a list are separated by "
                   "spaces; a cell is empty if its value is unknown. An attachment is the environment's ID, the time "
                   "and, if set, the memory capacity, such as 1573/2026-11-20T10:14:12.345Z/4g.",
    .options = query_options,
    .values_size = sizeof(struct query_values),
    .run = run_query,
};
