/* Prints the rows as they come. */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>

static unsigned rows, over;

static void print_line(const char *what, const char *ours, const char *ratio, const char *limit, const char *verdict)
{
    printf("%-44s %-14s %-14s %-14s %s\n", what, ours, ratio, limit, verdict);
    fflush(stdout);
}

void table_begin(void)
{
    print_line("what", "ours", "ratio", "limit", "");
}

void table_row(const char *what, const char *ours, const char *ratio, const char *limit, bool kept)
{
    rows++;
    over += !kept;
    print_line(what, ours, ratio, limit, kept ? "ok" : "over");
}

void table_end(void)
{
    printf("%u of %u within their limits\n", rows - over, rows);
}

const char *cell(const char *format, ...)
{
    static char ring[8][64];
    static unsigned next;
    char *text = ring[next++ % 8];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(ring[0]), format, arguments);
    va_end(arguments);
    return text;
}
