/* What goes where on a screen. */
#include "top/layout.h"

#define DEVICE_WIDTH 65 /* of a list of devices beside another one */
#define LIST_ROWS    4  /* of environments and of processes, for both to be shown */
#define SMALL        9  /* rows of a body that has room for one pane */
#define HEADINGS     2  /* a pane's rows above its list */
#define LIST_GAP     2
#define GAPS         3 /* empty rows above the panes, where there is room for all of them */

static int needed(const struct column *columns, size_t count, const bool *dropped)
{
    int width = 0;

    for (size_t i = 0; i < count; i++) {
        if (!dropped[i])
            width += columns[i].min + (width ? columns[i].gap : 0);
    }
    return width;
}

/* Leaves out the column of the highest priority that is still there; false: none may be left out. */
static bool drop_one(const struct column *columns, size_t count, bool *dropped)
{
    size_t worst = count;

    for (size_t i = 0; i < count; i++) {
        if (!dropped[i] && columns[i].priority && (worst == count || columns[i].priority > columns[worst].priority))
            worst = i;
    }
    if (worst == count)
        return false;
    dropped[worst] = true;
    return true;
}

void columns_fit(const struct column *columns, size_t count, int width, struct span *ret_spans)
{
    bool dropped[16] = {false}, grown = true;
    int left, start = 0;

    while (needed(columns, count, dropped) > width && drop_one(columns, count, dropped))
        ;
    left = width - needed(columns, count, dropped);
    for (size_t i = 0; i < count; i++)
        ret_spans[i].width = dropped[i] ? 0 : columns[i].min;
    while (left > 0 && grown) {
        grown = false;
        for (size_t i = 0; i < count && left > 0; i++) {
            if (dropped[i] || ret_spans[i].width >= columns[i].max)
                continue;
            ret_spans[i].width++;
            left--;
            grown = true;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!dropped[i] && start)
            start += columns[i].gap;
        ret_spans[i].start = start;
        start += ret_spans[i].width;
    }
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* What a pane would like to have; an empty one says so in a row. */
static int need(const struct rows *rows, enum pane pane)
{
    return HEADINGS + larger(1, smaller((int)rows->counts[pane], 100000));
}

/* Gives a pane its rows, and its list what the headings leave of them. */
static void put_pane(struct layout *layout, enum pane pane, int row, int height, bool title)
{
    struct place *place = &layout->panes[pane];

    if (height <= 0)
        return;
    place->shown = true;
    place->row = row;
    place->height = height;
    place->columns = 1;
    place->title = title && height > 2;
    place->heading = height - place->title > 1;
    place->rows = height - place->title - place->heading;
}

/* So many lists of devices beside each other that they fit in @height, or as many as the width has room for. */
static int device_columns(const struct rows *rows, int width, int height)
{
    int columns = 1, count = (int)rows->counts[PANE_DEVICES];

    while ((count + columns - 1) / columns > height && (columns + 1) * (DEVICE_WIDTH + LIST_GAP) <= width + LIST_GAP)
        columns++;
    return columns;
}

/* Scrolls no further than it takes to show the selected row; the last page of a list is full. */
static void scroll(struct layout *layout, const struct rows *rows, const struct choice *choice, enum pane pane)
{
    struct place *place = &layout->panes[pane];
    size_t visible = (size_t)larger(1, place->rows * place->columns), count = rows->counts[pane];

    place->selected = choice->panes[pane].selected;
    if (place->selected >= count)
        place->selected = count ? count - 1 : 0;
    place->first = choice->panes[pane].first;
    if (place->first > place->selected)
        place->first = place->selected;
    if (place->first + visible <= place->selected)
        place->first = place->selected - visible + 1;
    if (place->first + visible > count)
        place->first = count > visible ? count - visible : 0;
}

/* Environments above processes, or one of them, in @height rows from @row on. */
static void put_lower(struct layout *layout, const struct rows *rows, const struct choice *choice, int row, int height,
                      int gap)
{
    int envs = need(rows, PANE_ENVS), processes = need(rows, PANE_PROCESSES), half = height / 2;

    if (height < smaller(envs, HEADINGS + LIST_ROWS) + smaller(processes, HEADINGS + LIST_ROWS)) {
        layout->tabs = row;
        put_pane(layout, choice->lower, row + 1, height - 1, false);
        return;
    }
    if (envs + processes > height)
        envs = larger(smaller(envs, half), height - processes);
    put_pane(layout, PANE_ENVS, row, envs, true);
    put_pane(layout, PANE_PROCESSES, row + envs + gap, height - envs - gap, true);
}

/* What the lower panes take at least where there is much to show. */
static int lower_need(const struct rows *rows)
{
    return need(rows, PANE_ENVS) + need(rows, PANE_PROCESSES);
}

static void put_panes(struct layout *layout, const struct rows *rows, const struct choice *choice, int height)
{
    int row = layout->header, devices = need(rows, PANE_DEVICES), columns, most;
    int gap = height >= devices + lower_need(rows) + GAPS;

    if (height < SMALL) {
        layout->tabs = height > 3 ? row : -1;
        put_pane(layout, choice->focus, row + (height > 3), height - (height > 3), false);
        return;
    }
    most = larger(height / 2, height - lower_need(rows));
    columns = device_columns(rows, layout->width, most - HEADINGS);
    devices = HEADINGS + larger(1, ((int)rows->counts[PANE_DEVICES] + columns - 1) / columns);
    devices = smaller(devices, most);
    put_pane(layout, PANE_DEVICES, row + gap, devices, true);
    layout->panes[PANE_DEVICES].columns = columns;
    row += devices + 2 * gap;
    put_lower(layout, rows, choice, row, layout->header + height - row, gap);
}

void layout_make(const struct rows *rows, const struct choice *choice, bool message, int width, int height,
                 struct layout *ret_layout)
{
    struct layout layout = {.width = width, .height = height, .tabs = -1, .message = -1, .footer = -1};
    int end = height;

    layout.header = smaller(height, height < 16 || !rows->totals[PANE_DEVICES] ? 1 : 2);
    if (height >= 6)
        layout.footer = --end;
    if (height >= 6 && message)
        layout.message = --end;
    put_panes(&layout, rows, choice, end - layout.header);
    for (enum pane pane = 0; pane < PANE_COUNT; pane++)
        scroll(&layout, rows, choice, pane);
    *ret_layout = layout;
}

void layout_make_whole(const struct rows *rows, bool message, int width, struct layout *ret_layout)
{
    struct layout layout = {.width = width, .header = 1, .tabs = -1, .message = -1, .footer = -1};

    layout.header += rows->totals[PANE_DEVICES] > 0;
    layout.height = layout.header;
    for (enum pane pane = 0; pane < PANE_COUNT; pane++) {
        int height = need(rows, pane);

        put_pane(&layout, pane, layout.height + 1, height, true);
        layout.height += height + 1;
    }
    if (message)
        layout.message = layout.height++;
    *ret_layout = layout;
}
