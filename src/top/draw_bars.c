/* The rows around the panes: the machine as a whole above, the keys below; and the page that explains the keys. */
#include "top/draw.h"

#include <string.h>

#define GAP 2

/* Writes the text behind what is there, with a gap, if all of it fits before @end; returns where the next may begin. */
static int append(struct canvas *canvas, int row, int column, int end, enum style style, const char *text)
{
    int width = frame_text_width(canvas->frame, text);

    if (column + width > end)
        return column;
    frame_put(canvas->frame, row, column, width, style, text);
    return column + width + GAP;
}

static void draw_machine(struct canvas *canvas)
{
    const struct picture *picture = canvas->picture;
    const struct genv_snapshot *snapshot = picture->snapshot;
    int end = canvas->frame->width, column;
    char text[400], clock[16] = "";
    struct tm local;

    if (localtime_r(&picture->now.tv_sec, &local))
        strftime(clock, sizeof(clock), "%H:%M:%S", &local);
    if (end >= 40)
        end -= (int)strlen(clock) + GAP, frame_put(canvas->frame, 0, end + GAP, 8, STYLE_PLAIN, clock);
    column = frame_put(canvas->frame, 0, 0, end, STYLE_BOLD, "genv top") + GAP;
    if (!snapshot)
        return;
    if (picture->age_seconds > 0) {
        snprintf(text, sizeof(text), picture->failure ? "as of %.0f s ago" : "no response from the driver for %.0f s",
                 picture->age_seconds);
        column = append(canvas, 0, column, end, STYLE_BAD, text);
    }
    column = append(canvas, 0, column, end, STYLE_PLAIN, snapshot->hostname);
    snprintf(text, sizeof(text), "%zu of %zu devices free", genv_snapshot_available(snapshot, 0),
             snapshot->device_count);
    if (snapshot->device_count || !picture->blind)
        column = append(canvas, 0, column, end, STYLE_GOOD, text);
    snprintf(text, sizeof(text), "driver %s", snapshot->driver);
    if (*snapshot->driver)
        append(canvas, 0, column, end, STYLE_DIM, text);
}

struct sums {
    uint64_t used, total;
    int64_t power_mw;
    int use, known; /* percent of all devices together, and how many there are */
};

static struct sums sum_up(const struct genv_snapshot *snapshot)
{
    struct sums sums = {.used = 0};

    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];

        if (device->state != GENV_DEVICE_OK)
            continue;
        if (device->sample.used_memory != GENV_UNKNOWN_U64) {
            sums.used += device->sample.used_memory;
            sums.total += device->total_memory;
        }
        if (device->sample.power_mw > 0)
            sums.power_mw += device->sample.power_mw;
        if (device->sample.utilization >= 0) {
            sums.use += device->sample.utilization;
            sums.known++;
        }
    }
    return sums;
}

/* "Memory ████░░ 112/564Gi  Use ██░░ 37% ▁▂▃  1712W  3 users" */
static void draw_sums(struct canvas *canvas)
{
    const struct genv_snapshot *snapshot = canvas->picture->snapshot;
    int width = canvas->frame->width, bar = width >= 120 ? 20 : 10, column, percent;
    struct sums sums;
    char text[64], used[SIZE_TEXT], total[SIZE_TEXT], watts[SIZE_TEXT];

    if (!snapshot || !snapshot->device_count || width < 60)
        return;
    sums = sum_up(snapshot);
    percent = sums.known ? (sums.use + sums.known / 2) / sums.known : 0;
    column = frame_put(canvas->frame, 1, 0, width, STYLE_PLAIN, "Memory ");
    draw_bar(canvas, 1, column, bar, STYLE_MEMORY, sums.used, sums.total);
    size_format(sums.used, used);
    size_format(sums.total, total);
    snprintf(text, sizeof(text), "%s/%s", used, total);
    column = append(canvas, 1, column + bar + 1, width, STYLE_PLAIN, sums.total ? text : "-");
    column += frame_put(canvas->frame, 1, column, width, STYLE_PLAIN, "Use ");
    draw_bar(canvas, 1, column, bar, STYLE_USE, (uint64_t)percent, 100);
    snprintf(text, sizeof(text), "%3d%%", percent);
    column = append(canvas, 1, column + bar + 1, width, STYLE_PLAIN, sums.known ? text : "   -");
    if (canvas->picture->trends) {
        draw_graph(canvas, 1, column, bar, TRENDS_ALL);
        column += bar + GAP;
    }
    watts_format(sums.power_mw, watts);
    snprintf(text, sizeof(text), "Power %s", watts);
    column = sums.power_mw ? append(canvas, 1, column, width, STYLE_PLAIN, text) : column;
    snprintf(text, sizeof(text), "%zu user%s", canvas->rows->user_count, canvas->rows->user_count == 1 ? "" : "s");
    append(canvas, 1, column, width, STYLE_PLAIN, text);
}

void draw_header(struct canvas *canvas)
{
    if (canvas->layout->header > 0)
        draw_machine(canvas);
    if (canvas->layout->header > 1)
        draw_sums(canvas);
}

struct key {
    const char *key, *does;
};

static int draw_keys(struct canvas *canvas, int row, int column, int end, const struct key *keys)
{
    for (; keys->key; keys++) {
        int width = frame_text_width(canvas->frame, keys->key) + 1 + frame_text_width(canvas->frame, keys->does);

        if (column + width > end)
            break;
        column += frame_put(canvas->frame, row, column, width, STYLE_KEY, keys->key) + 1;
        column += frame_put(canvas->frame, row, column, width, STYLE_PLAIN, keys->does) + GAP;
    }
    return column;
}

/* What the filters are, while there are any. */
static int draw_filters(struct canvas *canvas, int row)
{
    static const struct key all[] = {{"Esc", "All"}, {NULL, NULL}};
    const struct choice *choice = canvas->picture->choice;
    int column = 0, width = canvas->frame->width;

    if (*choice->user)
        column += frame_putf(canvas->frame, row, column, width, STYLE_WARN, "user: %s", choice->user) + GAP;
    if (*choice->env)
        column +=
            frame_putf(canvas->frame, row, column, width - column, STYLE_WARN, "environment: %s", choice->env) + GAP;
    return column ? draw_keys(canvas, row, column, width, all) : 0;
}

void draw_footer(struct canvas *canvas)
{
    static const struct key browse[] = {{"q", "Quit"},    {"?", "Help"}, {"Tab", "Next list"}, {"s", "Sort"},
                                        {"r", "Reverse"}, {"u", "User"}, {"e", "Environment"}, {NULL, NULL}};
    static const struct key typing[] = {{"Enter", "Keep"}, {"Esc", "Show all"}, {NULL, NULL}};
    static const struct key help[] = {{"Any key", "Close"}, {NULL, NULL}};
    const struct choice *choice = canvas->picture->choice;
    int row = canvas->layout->footer, width = canvas->frame->width, column;

    if (row < 0)
        return;
    if (choice->mode == MODE_HELP) {
        draw_keys(canvas, row, 0, width, help);
    } else if (choice->mode == MODE_BROWSE) {
        draw_keys(canvas, row, draw_filters(canvas, row), width, browse);
    } else {
        column = frame_putf(canvas->frame, row, 0, width, STYLE_BOLD, "%s: %s_",
                            choice->mode == MODE_USER ? "User" : "Environment",
                            choice->mode == MODE_USER ? choice->user : choice->env);
        draw_keys(canvas, row, column + GAP, width, typing);
    }
}

static const struct key help_keys[] = {
    {"Tab, 1 2 3", "go to the next list, or to devices, environments, processes"},
    {"Up Down, PgUp PgDn", "move in the list (also j k, Home End)"},
    {"s S, Left Right", "sort by the next or previous column"},
    {"r", "reverse the order"},
    {"u", "show only one user: type part of the name"},
    {"e", "show only one environment: type part of its ID or name"},
    {"Enter", "show only the environment of the selected row"},
    {"Esc", "clear the filters"},
    {"Ctrl-L", "redraw the screen"},
    {"q, Ctrl-C", "quit"},
    {"", ""},
    {"free, in use", "not held, but used by processes outside environments"},
    {"none", "a process outside any environment"},
    {"2!", "a process uses a device that its environment does not hold"},
    {"5.0Gi!", "an environment uses more memory than it reserved"},
    {NULL, NULL},
};

void draw_help(struct canvas *canvas)
{
    int row = canvas->layout->header, width = canvas->frame->width, keys = 0;
    int end = canvas->layout->footer < 0 ? canvas->frame->height : canvas->layout->footer;

    for (const struct key *key = help_keys; key->key; key++) {
        int needed = frame_text_width(canvas->frame, key->key);

        keys = needed > keys ? needed : keys;
    }
    for (const struct key *key = help_keys; key->key && row < end; key++, row++) {
        frame_put(canvas->frame, row, 0, width, STYLE_KEY, key->key);
        frame_put_short(canvas->frame, row, keys + GAP, width - keys - GAP, STYLE_PLAIN, key->does);
    }
}
