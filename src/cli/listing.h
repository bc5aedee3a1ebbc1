/* Tables and queries of environments and devices: what `genv envs`, `genv envs ps` and the like share. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "cli/cli.h"
#include "cli/table.h"

/* Says that --reset, of older callers, does nothing. */
void listing_warn_of_reset(struct cli *cli, const struct table_options *options);

/* A snapshot of that depth. */
int listing_take(struct cli *cli, enum genv_depth depth, struct genv_snapshot **ret_snapshot, struct genv_error *err);

/* Adds a JSON text of the library, which it frees. */
int listing_add_json(struct cli *cli, char *json, struct genv_error *err);

/* Adds @item, and a blank before it if it is not the first: a list inside a cell. */
void listing_add_item(struct text *cell, const char *item);

/* Adds the csv line of @count fields of a row; @add_field adds one field's value to a cell. */
void listing_add_query(struct text *text, const struct option_choices *fields, const void *row,
                       void (*add_field)(struct text *cell, int field, const void *row));

#endif
