/* What goes where on a screen of so many columns and rows. Pure. */
#ifndef TOP_LAYOUT_H
#define TOP_LAYOUT_H

#include "top/rows.h"

/* One column of a table. */
struct column {
    const char *title;
    int min, max; /* widths */
    int gap;      /* blanks in front of it, unless it is the first */
    int priority; /* where there is no room for all, the highest go first; 0 goes never */
    bool right;   /* numbers: its title and cells stand at its right edge */
    int sort;     /* what it sorts by, or -1 */
};

struct span {
    int start, width; /* width 0: it is not shown */
};

/* Places the columns in @width: leaves out what does not fit, then lets the others grow evenly to their maxima. What
 * is left over is behind the last one. */
void columns_fit(const struct column *columns, size_t count, int width, struct span *ret_spans);

struct place {
    bool shown;
    int row, height; /* of all of it */
    bool title;      /* has a row with its name */
    bool heading;    /* and one with the columns' titles */
    int rows;        /* of the list that there is room for */
    int columns;     /* lists beside each other: of devices, on a wide screen */
    size_t first;    /* row of the list that is shown first */
    size_t selected;
};

struct layout {
    int width, height;
    int header;  /* rows at the top: 0 to 2 */
    int tabs;    /* row that names the panes of which only one is shown, or -1 */
    int message; /* row of what went wrong, or -1 */
    int footer;  /* row, or -1 */
    struct place panes[PANE_COUNT];
};

/* @message: there is something to tell. */
void layout_make(const struct rows *rows, const struct choice *choice, bool message, int width, int height,
                 struct layout *ret_layout);

/* The layout of a text that has room for all rows; its height is what it needs. */
void layout_make_whole(const struct rows *rows, bool message, int width, struct layout *ret_layout);

#endif
