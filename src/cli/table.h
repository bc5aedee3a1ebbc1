/* Tables for people (tui) and for spreadsheets (csv). */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <locale.h>
#include <time.h>

#include "base/text.h"
#include "option/option.h"

enum table_format { TABLE_TUI, TABLE_CSV, TABLE_JSON };

extern const char *const table_formats[];

/* The options that all tables have. */
struct table_options {
    int format; /* enum table_format */
    bool no_header;
    bool timestamp;
    bool no_cleanup, reset; /* of older callers */
};

/* Their rows, for a command whose values begin with a struct table_options. */
#define TABLE_OPTION_ROWS                                                                                              \
    {.name = "format",                                                                                                 \
     .letter = 'f',                                                                                                    \
     .type = OPTION_CHOICE,                                                                                            \
     .argument = "FORMAT",                                                                                             \
     .help = "Print tui (a table), csv or json (default: tui)",                                                        \
     .offset = offsetof(struct table_options, format),                                                                 \
     .choices = table_formats},                                                                                        \
        {.name = "no-header",                                                                                          \
         .type = OPTION_FLAG,                                                                                          \
         .help = "Leave out the header line",                                                                          \
         .offset = offsetof(struct table_options, no_header)},                                                         \
    {                                                                                                                  \
        .name = "timestamp", .type = OPTION_FLAG,                                                                      \
        .help = "Show times as DD/MM/YYYY HH:MM:SS instead of relative ones",                                          \
        .offset = offsetof(struct table_options, timestamp)                                                            \
    }

/* The same with one for tables that have more to show than fits an ordinary screen. */
struct long_table_options {
    struct table_options table;
    bool more;
};

extern const struct option long_table_option_rows[];

/* Whether to show it: asked for, or the screen is wide. csv stays as programs know it. */
bool table_shows_more(const struct long_table_options *options);

/* For a command whose values are a struct table_options: them, and what older callers add. */
extern const struct option table_option_rows[];

struct table_column {
    const char *title;
    size_t width; /* at least so many columns of the screen */
};

/* A table under construction: cells are added from left to right, row by row. */
struct table {
    const struct table_column *columns;
    size_t column_count;
    const struct table_options *options;
    struct timespec now;
    struct text cells; /* each with its NUL */
    size_t cell_count;
    locale_t utf8; /* opened for the first cell that is not ASCII */
};

void table_init(struct table *table, const struct table_column *columns, size_t column_count,
                const struct table_options *options);
void table_release(struct table *table);
#define cleanup_table cleanup_with(table_release)

void table_add(struct table *table, const char *cell);
/* Identifiers that are too long for a screen are shortened there. */
void table_add_eid(struct table *table, const char *eid);
void table_add_time(struct table *table, struct timespec time);

/* Prints the table in the format of its options (JSON is not its business). */
void table_print(struct table *table, struct text *text);

/* A cell of a csv line as in RFC 4180: quoted where it has to be. */
void csv_add_cell(struct text *text, const char *cell);

#endif
