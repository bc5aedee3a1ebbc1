/* The bench's table: what was measured, ours, beside what, the limit, and whether it is kept. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>

void table_begin(void);
/* The cells are texts as printf() makes them; @kept: within the limit. */
void table_row(const char *what, const char *ours, const char *ratio, const char *limit, bool kept);
/* The last line: how many rows are over their limit. */
void table_end(void);

/* A text in a ring of buffers that is good for a row's cells. */
const char *cell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
