/* The devices: how much of each is used, and who has it. */
#include "top/draw.h"

#define LIST_GAP 2 /* columns between two lists beside each other */
#define ROOMY    100
#define HOT      85 /* degrees Celsius */
#define WARM     75

enum { INDEX, MODEL, MEMORY_BAR, MEMORY, USE_BAR, USE, GRAPH, TEMPERATURE, POWER, HOLDERS, COLUMN_COUNT };

static const struct column all_columns[COLUMN_COUNT] = {
    [INDEX] = {"GPU", 3, 3, 0, 0, true, DEVICE_INDEX},
    [MODEL] = {"MODEL", 16, 24, 2, 10, false, -1},
    [MEMORY_BAR] = {"MEMORY", 6, 20, 2, 6, false, DEVICE_MEMORY},
    [MEMORY] = {"MEMORY", 10, 11, 1, 2, true, DEVICE_MEMORY},
    [USE_BAR] = {"USE", 6, 20, 2, 9, false, DEVICE_USE},
    [USE] = {"USE", 4, 4, 1, 0, true, DEVICE_USE},
    [GRAPH] = {"", 10, 40, 2, 5, false, -1},
    [TEMPERATURE] = {"TEMP", 5, 5, 1, 4, true, DEVICE_TEMPERATURE},
    [POWER] = {"POWER", 5, 5, 1, 7, true, DEVICE_POWER},
    [HOLDERS] = {"HELD BY", 10, 1000, 2, 3, false, -1},
};

/* The columns of a list of that width. */
static void fit(const struct canvas *canvas, int width, struct span spans[static COLUMN_COUNT])
{
    struct column columns[COLUMN_COUNT];

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        columns[i] = all_columns[i];
    if (!canvas->picture->trends)
        columns[GRAPH] = (struct column){.title = ""};
    for (size_t i = MEMORY_BAR; i <= GRAPH && width < ROOMY; i++) /* who holds a device says more than a longer bar */
        columns[i].max = columns[i].min;
    if (*common_model(canvas->rows)) /* the title names it */
        columns[MODEL] = (struct column){.title = ""};
    columns_fit(columns, COLUMN_COUNT, width, spans);
}

static void draw_titles(struct canvas *canvas, int row, int column, const struct span *spans)
{
    int sort = canvas->picture->choice->panes[PANE_DEVICES].sort;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        enum style style = all_columns[i].sort >= 0 && all_columns[i].sort == sort ? STYLE_SORTED : STYLE_HEADING;
        int start = column + spans[i].start, width = spans[i].width;

        if (!width || ((i == MEMORY || i == USE) && spans[i - 1].width))
            continue;
        if (i == GRAPH)
            draw_graph_title(canvas, row, start, width, style);
        else if (all_columns[i].right)
            frame_put(canvas->frame, row, start + width - frame_text_width(canvas->frame, all_columns[i].title), width,
                      style, all_columns[i].title);
        else
            frame_put(canvas->frame, row, start, width, style, all_columns[i].title);
    }
}

static void put_right(struct canvas *canvas, int row, int column, const struct span *span, enum style style,
                      const char *text)
{
    int width = frame_text_width(canvas->frame, text);

    frame_put(canvas->frame, row, column + span->start + (width < span->width ? span->width - width : 0), span->width,
              style, text);
}

static void draw_holders(struct canvas *canvas, int row, int column, int width, const struct device_row *device)
{
    char text[1024], capacity[SIZE_TEXT];
    size_t length = 0;

    if (!device->holder_count) {
        frame_put_short(canvas->frame, row, column, width, device->strangers ? STYLE_WARN : STYLE_GOOD,
                        device->strangers ? "free, in use" : "free");
        return;
    }
    for (size_t i = 0; i < device->holder_count && length < sizeof(text) - 1; i++) {
        const struct env_row *row_of = device->holders[i];
        const struct genv_env *env = row_of->env;
        const struct genv_attachment *attachment = genv_env_attachment(env, device->device->id.uuid);
        uint64_t share = attachment ? attachment->gpu_memory : 0;

        size_format(share, capacity);
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "%s%s:%s%s%s", i ? ", " : "", row_of->user,
                             *env->config.name ? env->config.name : env->eid, share ? " " : "", share ? capacity : "");
    }
    frame_put_short(canvas->frame, row, column, width, STYLE_PLAIN, text);
}

static const char *const states[] = {
    [GENV_DEVICE_OK] = "",
    [GENV_DEVICE_LOST] = "lost: needs a reset",
    [GENV_DEVICE_FORBIDDEN] = "permission denied",
    [GENV_DEVICE_FAILED] = "does not respond",
};

static void draw_figures(struct canvas *canvas, int row, int column, const struct span *spans,
                         const struct genv_device *device)
{
    const struct genv_sample *sample = &device->sample;
    char text[2 * SIZE_TEXT];

    draw_bar(canvas, row, column + spans[MEMORY_BAR].start, spans[MEMORY_BAR].width, STYLE_MEMORY, sample->used_memory,
             device->total_memory);
    sizes_format(sample->used_memory, device->total_memory, text);
    put_right(canvas, row, column, &spans[MEMORY], STYLE_PLAIN, text);
    draw_bar(canvas, row, column + spans[USE_BAR].start, spans[USE_BAR].width, STYLE_USE,
             sample->utilization < 0 ? 0 : (uint64_t)sample->utilization, 100);
    snprintf(text, sizeof(text), sample->utilization < 0 ? "-" : "%d%%", sample->utilization);
    put_right(canvas, row, column, &spans[USE], STYLE_PLAIN, text);
    draw_graph(canvas, row, column + spans[GRAPH].start, spans[GRAPH].width, device->id.uuid);
    snprintf(text, sizeof(text), sample->temperature < 0 ? "-" : "%d%sC", sample->temperature,
             canvas->picture->ascii ? "" : "°");
    put_right(canvas, row, column, &spans[TEMPERATURE],
              sample->temperature >= HOT    ? STYLE_BAD
              : sample->temperature >= WARM ? STYLE_WARN
                                            : STYLE_PLAIN,
              text);
    watts_format(sample->power_mw, text);
    put_right(canvas, row, column, &spans[POWER], STYLE_PLAIN, text);
}

static void draw_device(struct canvas *canvas, int row, int column, const struct span *spans,
                        const struct device_row *device)
{
    int state_width = spans[HOLDERS].start - spans[MEMORY_BAR].start - 1;
    char index[16];

    snprintf(index, sizeof(index), "%u", device->device->index);
    put_right(canvas, row, column, &spans[INDEX], STYLE_BOLD, index);
    frame_put_short(canvas->frame, row, column + spans[MODEL].start, spans[MODEL].width, STYLE_PLAIN,
                    device->device->name);
    if (device->device->state == GENV_DEVICE_OK)
        draw_figures(canvas, row, column, spans, device->device);
    else
        frame_put_short(canvas->frame, row, column + spans[INDEX].width + 2,
                        spans[HOLDERS].width ? state_width : canvas->frame->width, STYLE_BAD,
                        states[device->device->state]);
    if (spans[HOLDERS].width && (device->holder_count || device->device->state == GENV_DEVICE_OK))
        draw_holders(canvas, row, column + spans[HOLDERS].start, spans[HOLDERS].width, device);
}

void draw_devices(struct canvas *canvas, const struct place *place)
{
    int width = (canvas->frame->width - LIST_GAP * (place->columns - 1)) / place->columns;
    int row = place->row + place->title, list = row + place->heading;
    struct span spans[COLUMN_COUNT];

    fit(canvas, width, spans);
    for (int i = 0; i < place->columns && place->heading; i++)
        draw_titles(canvas, row, i * (width + LIST_GAP), spans);
    for (int i = 0; i < place->rows * place->columns; i++) {
        size_t number = place->first + (size_t)i;
        int column = i / place->rows * (width + LIST_GAP), at = list + i % place->rows;

        if (number >= canvas->rows->counts[PANE_DEVICES])
            break;
        draw_device(canvas, at, column, spans, &canvas->rows->devices[number]);
        if (number == place->selected && canvas->picture->choice->focus == PANE_DEVICES && !canvas->picture->once)
            frame_paint(canvas->frame, at, column, width, STYLE_SELECTED);
    }
}
