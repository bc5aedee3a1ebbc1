/* Draws what is to be seen: which part goes where is the layout's business. */
#include "top/draw.h"

#include <errno.h>
#include <string.h>

static const char *const pane_names[PANE_COUNT] = {
    [PANE_DEVICES] = "Devices", [PANE_ENVS] = "Environments", [PANE_PROCESSES] = "Processes"};

static const char *const sort_names[PANE_COUNT][8] = {
    [PANE_DEVICES] = {[DEVICE_INDEX] = "index",
                      [DEVICE_MEMORY] = "memory",
                      [DEVICE_USE] = "utilization",
                      [DEVICE_TEMPERATURE] = "temperature",
                      [DEVICE_POWER] = "power"},
    [PANE_ENVS] = {[ENV_ID] = "identifier",
                   [ENV_USER] = "user",
                   [ENV_NAME] = "name",
                   [ENV_DEVICES] = "GPUs",
                   [ENV_MEMORY] = "memory",
                   [ENV_PROCESSES] = "processes",
                   [ENV_AGE] = "age"},
    [PANE_PROCESSES] = {[PROCESS_PID] = "PID",
                        [PROCESS_USER] = "user",
                        [PROCESS_ENV] = "environment",
                        [PROCESS_DEVICES] = "GPUs",
                        [PROCESS_MEMORY] = "memory",
                        [PROCESS_COMMAND] = "command"},
};

const char *sort_name(enum pane pane, int sort)
{
    return sort_names[pane][sort];
}

int sort_count(enum pane pane)
{
    static const int counts[PANE_COUNT] = {DEVICE_SORT_COUNT, ENV_SORT_COUNT, PROCESS_SORT_COUNT};

    return counts[pane];
}

/* "Environments 12", or "Environments 3 of 12" while a filter hides the others, without a number that is not known; the
 * columns that it takes. */
static int draw_name(struct canvas *canvas, int row, int column, enum pane pane, enum style style)
{
    const struct rows *rows = canvas->rows;
    int width = canvas->frame->width - column;
    int used = frame_put(canvas->frame, row, column, width, style, pane_names[pane]);

    if (canvas->picture->blind && pane != PANE_ENVS && !rows->totals[pane])
        return used;
    if (rows->counts[pane] == rows->totals[pane])
        return used + frame_putf(canvas->frame, row, column + used, width - used, style, " %zu", rows->counts[pane]);
    return used + frame_putf(canvas->frame, row, column + used, width - used, style, " %zu of %zu", rows->counts[pane],
                             rows->totals[pane]);
}

const char *common_model(const struct rows *rows)
{
    const char *model = rows->counts[PANE_DEVICES] ? rows->devices[0].device->name : "";

    for (size_t i = 1; i < rows->counts[PANE_DEVICES]; i++) {
        if (strcmp(rows->devices[i].device->name, model) != 0)
            return "";
    }
    return model;
}

/* Where in its list a pane is, if it does not show all of it; what it is sorted by. */
static void draw_details(struct canvas *canvas, int row, int column, enum pane pane)
{
    const struct place *place = &canvas->layout->panes[pane];
    const struct choice *choice = canvas->picture->choice;
    size_t visible = (size_t)place->rows * (size_t)place->columns, last = place->first + visible;
    int end = canvas->frame->width;

    if (visible < canvas->rows->counts[pane] && place->shown && !canvas->picture->once) {
        char text[64];

        snprintf(text, sizeof(text), "%zu-%zu", place->first + 1, last);
        end -= (int)strlen(text);
        frame_put(canvas->frame, row, end, end > column + 2 ? (int)strlen(text) : 0, STYLE_DIM, text);
    }
    column += frame_putf(canvas->frame, row, column, end - column - 2, STYLE_DIM, "  by %s%s",
                         sort_name(pane, choice->panes[pane].sort), choice->panes[pane].reverse ? ", reversed" : "");
    if (pane == PANE_DEVICES && *common_model(canvas->rows))
        frame_putf(canvas->frame, row, column, end - column - 2, STYLE_DIM, "  %s", common_model(canvas->rows));
}

static void draw_title(struct canvas *canvas, enum pane pane)
{
    bool focus = canvas->picture->choice->focus == pane && !canvas->picture->once;
    int row = canvas->layout->panes[pane].row;

    draw_details(canvas, row, draw_name(canvas, row, 0, pane, focus ? STYLE_FOCUS : STYLE_BOLD), pane);
}

/* The names of the panes that share the rows below, the one that is shown first in bold. */
static void draw_tabs(struct canvas *canvas)
{
    const struct choice *choice = canvas->picture->choice;
    bool all = !canvas->layout->panes[PANE_DEVICES].shown || !canvas->layout->panes[PANE_DEVICES].title;
    int row = canvas->layout->tabs, column = 0;
    enum pane shown = PANE_DEVICES;

    for (enum pane pane = all ? PANE_DEVICES : PANE_ENVS; pane < PANE_COUNT; pane++) {
        enum style style = STYLE_DIM;

        if (canvas->layout->panes[pane].shown) {
            style = choice->focus == pane ? STYLE_FOCUS : STYLE_BOLD;
            shown = pane;
        }
        column += draw_name(canvas, row, column, pane, style) + 2;
    }
    draw_details(canvas, row, column - 2, shown);
}

static const char *nothing(const struct canvas *canvas, enum pane pane)
{
    static const char *const none[PANE_COUNT] = {"There are no devices.", "There are no environments.",
                                                 "No process uses a device."};
    static const char *const unknown[PANE_COUNT] = {"The devices are unknown.", "There are no environments.",
                                                    "The processes that use devices are unknown."};

    if (!canvas->picture->snapshot)
        return pane == PANE_DEVICES && !canvas->picture->failure ? "Waiting for the driver ..." : "";
    if (canvas->rows->totals[pane])
        return "None match the filter.";
    return canvas->picture->blind ? unknown[pane] : none[pane];
}

static void draw_pane(struct canvas *canvas, enum pane pane)
{
    static void (*const lists[PANE_COUNT])(struct canvas *, const struct place *) = {draw_devices, draw_envs,
                                                                                     draw_processes};
    const struct place *place = &canvas->layout->panes[pane];

    if (!place->shown)
        return;
    if (place->title)
        draw_title(canvas, pane);
    if (canvas->rows->counts[pane])
        lists[pane](canvas, place);
    else
        frame_put_short(canvas->frame, place->row + place->title, 0, canvas->frame->width, STYLE_DIM,
                        nothing(canvas, pane));
}

static void draw_message(struct canvas *canvas)
{
    const struct picture *picture = canvas->picture;

    if (canvas->layout->message < 0)
        return;
    frame_put_short(canvas->frame, canvas->layout->message, 0, canvas->frame->width,
                    picture->failure ? STYLE_BAD : STYLE_WARN, picture->failure ? picture->failure : picture->warning);
}

static int draw(const struct picture *picture, const struct rows *rows, const struct layout *layout,
                struct frame **ret_frame)
{
    struct canvas canvas = {.picture = picture, .rows = rows, .layout = layout};

    canvas.frame = frame_new(layout->width, layout->height);
    if (!canvas.frame)
        return -ENOMEM;
    canvas.frame->ascii = picture->ascii;
    canvas.frame->replace = picture->ascii && !picture->once; /* other commands print names as they are, too */
    draw_header(&canvas);
    if (picture->choice->mode == MODE_HELP) {
        draw_help(&canvas);
    } else {
        if (layout->tabs >= 0)
            draw_tabs(&canvas);
        for (enum pane pane = 0; pane < PANE_COUNT; pane++)
            draw_pane(&canvas, pane);
        draw_message(&canvas);
    }
    draw_footer(&canvas);
    *ret_frame = canvas.frame;
    return 0;
}

int draw_screen(const struct picture *picture, int width, int height, struct frame **ret_frame,
                struct layout *ret_layout)
{
    cleanup_rows struct rows rows = {.user_count = 0};
    int r = rows_make(picture->snapshot, picture->choice, &rows);

    if (r < 0)
        return r;
    layout_make(&rows, picture->choice, picture->failure || picture->warning, width, height, ret_layout);
    return draw(picture, &rows, ret_layout, ret_frame);
}

int draw_whole(const struct picture *picture, int width, struct frame **ret_frame)
{
    cleanup_rows struct rows rows = {.user_count = 0};
    struct layout layout;
    int r = rows_make(picture->snapshot, picture->choice, &rows);

    if (r < 0)
        return r;
    layout_make_whole(&rows, picture->failure || picture->warning, width, &layout);
    return draw(picture, &rows, &layout, ret_frame);
}
