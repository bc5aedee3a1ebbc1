/* Tables for people and for spreadsheets. */
#include "cli/table.h"

#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"

#define GAP         2  /* blanks between two columns at least */
#define EID_MAX     14 /* longer ones are shortened on a screen */
#define EID_SHORT   12
#define WIDTHS_MAX  8   /* columns of a table */
#define WIDE_SCREEN 110 /* columns of a terminal */

const char *const table_formats[] = {[TABLE_TUI] = "tui", [TABLE_CSV] = "csv", [TABLE_JSON] = "json", NULL};

/* What older callers add: a look never cleans up. */
#define OLDER_ROWS                                                                                                     \
    {.name = "no-cleanup", .type = OPTION_FLAG, .offset = offsetof(struct table_options, no_cleanup)},                 \
    {                                                                                                                  \
        .name = "reset", .type = OPTION_FLAG, .offset = offsetof(struct table_options, reset)                          \
    }

const struct option table_option_rows[] = {TABLE_OPTION_ROWS, OLDER_ROWS, {.name = NULL}};

const struct option long_table_option_rows[] = {
    TABLE_OPTION_ROWS,
    {.name = "long",
     .letter = 'l',
     .type = OPTION_FLAG,
     .help = "Show more columns in the table (the default on a wide terminal)",
     .offset = offsetof(struct long_table_options, more)},
    OLDER_ROWS,
    {.name = NULL},
};

bool table_shows_more(const struct long_table_options *options)
{
    struct winsize size;

    if (options->table.format != TABLE_TUI)
        return false;
    return options->more || (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDE_SCREEN);
}

void table_init(struct table *table, const struct table_column *columns, size_t column_count,
                const struct table_options *options)
{
    *table = (struct table){.columns = columns, .column_count = column_count, .options = options, .now = clock_now()};
}

void table_release(struct table *table)
{
    text_release(&table->cells);
    if (table->utf8)
        freelocale(table->utf8);
}

void table_add(struct table *table, const char *cell)
{
    text_add_bytes(&table->cells, cell, strlen(cell) + 1);
    table->cell_count++;
}

void table_add_eid(struct table *table, const char *eid)
{
    char shortened[EID_SHORT + sizeof("..")];

    if (table->options->format != TABLE_TUI || strlen(eid) <= EID_MAX) {
        table_add(table, eid);
        return;
    }
    snprintf(shortened, sizeof(shortened), "%.*s..", EID_SHORT, eid);
    table_add(table, shortened);
}

void table_add_time(struct table *table, struct timespec time)
{
    char cell[64] = "";
    struct tm local;

    if (!table->options->timestamp)
        relative_format(time, table->now, cell);
    else if (localtime_r(&time.tv_sec, &local))
        strftime(cell, sizeof(cell), "%d/%m/%Y %H:%M:%S", &local);
    table_add(table, cell);
}

/* The columns of the screen that @cell takes. A locale is opened only for what is not ASCII: that costs. */
static size_t screen_width(struct table *table, const char *cell)
{
    size_t width = 0, length = 0;
    uint32_t character;
    locale_t before;

    while ((unsigned char)cell[length] - 1U < 0x7f)
        length++;
    if (cell[length] == '\0')
        return length;
    if (!table->utf8)
        table->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    before = table->utf8 ? uselocale(table->utf8) : (locale_t)0;
    while ((length = utf8_decode(cell, &character))) {
        int columns = table->utf8 ? wcwidth((wchar_t)character) : 1;

        width += columns > 0 ? (size_t)columns : 0;
        cell += length;
    }
    if (before)
        uselocale(before);
    return width;
}

static void add_tui_row(struct table *table, struct text *text, const size_t *widths, const char *const *cells)
{
    size_t padding = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        size_t width = screen_width(table, cells[i]);

        if (width)
            text_addf(text, "%*s%s", (int)padding, "", cells[i]);
        padding = width ? widths[i] - width : padding + widths[i];
    }
    text_add(text, "\n");
}

static void add_csv_row(struct text *text, size_t count, const char *const *cells)
{
    for (size_t i = 0; i < count; i++) {
        text_add(text, i ? "," : "");
        csv_add_cell(text, cells[i]);
    }
    text_add(text, "\n");
}

static void widen(struct table *table, size_t *width, const char *cell)
{
    size_t needed = screen_width(table, cell) + GAP;

    *width = needed > *width ? needed : *width;
}

static void measure(struct table *table, size_t *widths)
{
    const char *cell = table->cells.data;
    size_t column = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = table->columns[i].width;
        widen(table, &widths[i], table->columns[i].title);
    }
    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        widen(table, &widths[column], cell);
        column = column + 1 < table->column_count ? column + 1 : 0;
    }
}

static void add_row(struct table *table, struct text *text, const size_t *widths, const char *const *cells)
{
    if (table->options->format == TABLE_CSV)
        add_csv_row(text, table->column_count, cells);
    else
        add_tui_row(table, text, widths, cells);
}

void table_print(struct table *table, struct text *text)
{
    size_t widths[WIDTHS_MAX] = {0};
    const char *cells[WIDTHS_MAX] = {NULL}, *cell = table->cells.data;
    size_t column = 0;

    text->failed = text->failed || table->cells.failed;
    if (text->failed)
        return;
    if (table->options->format == TABLE_TUI)
        measure(table, widths);
    for (size_t i = 0; i < table->column_count; i++)
        cells[i] = table->columns[i].title;
    if (!table->options->no_header)
        add_row(table, text, widths, cells);
    for (size_t i = 0; i < table->cell_count; i++, cell += strlen(cell) + 1) {
        cells[column++] = cell;
        if (column < table->column_count)
            continue;
        add_row(table, text, widths, cells);
        column = 0;
    }
}

void csv_add_cell(struct text *text, const char *cell)
{
    if (cell[strcspn(cell, ",\"\r\n")] == '\0') {
        text_add(text, cell);
        return;
    }
    text_add(text, "\"");
    for (; *cell; cell++)
        text_add_bytes(text, *cell == '"' ? "\"\"" : cell, *cell == '"' ? 2 : 1);
    text_add(text, "\"");
}
