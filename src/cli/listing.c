/* What the listings of environments and devices share. */
#include "cli/listing.h"

void listing_warn_of_reset(struct cli *cli, const struct table_options *options)
{
    if (options->reset)
        cli_warn(cli, "--reset does nothing: an environment that has ended holds no devices");
}

int listing_take(struct cli *cli, enum genv_depth depth, struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    int r = cli_open(cli, err);

    return r < 0 ? r : genv_snapshot_take(cli->genv, depth, ret_snapshot, err);
}

int listing_add_json(struct cli *cli, char *json, struct genv_error *err)
{
    if (!json)
        return error_no_memory(err);
    text_add(&cli->output, json);
    free(json);
    return 0;
}

void listing_add_item(struct text *cell, const char *item)
{
    text_addf(cell, "%s%s", cell->length ? " " : "", item);
}

void listing_add_query(struct text *text, const struct option_choices *fields, const void *row,
                       void (*add_field)(struct text *cell, int field, const void *row))
{
    for (size_t i = 0; i < fields->count; i++) {
        cleanup_text struct text cell = TEXT_INIT;

        add_field(&cell, fields->items[i], row);
        text_add(text, i ? "," : "");
        csv_add_cell(text, cell.data ? cell.data : "");
        text->failed = text->failed || cell.failed;
    }
    text_add(text, "\n");
}
