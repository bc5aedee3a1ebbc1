/* Bars, graphs and figures. */
#include <stdio.h>

#include "top/draw.h"

#define EIGHTHS 8

void draw_bar(struct canvas *canvas, int row, int column, int width, enum style style, uint64_t part, uint64_t whole)
{
    static const char *const blocks[EIGHTHS + 1] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    int filled = 0;

    if (whole && part != GENV_UNKNOWN_U64)
        filled = (int)((double)(part < whole ? part : whole) / (double)whole * width * EIGHTHS + 0.5);
    for (int i = 0; i < width; i++) {
        int eighths = filled - i * EIGHTHS;

        if (canvas->picture->ascii)
            frame_put(canvas->frame, row, column + i, 1, eighths >= EIGHTHS / 2 ? style : STYLE_DIM,
                      eighths >= EIGHTHS / 2 ? "#" : ".");
        else if (eighths > 0)
            frame_put(canvas->frame, row, column + i, 1, style, blocks[eighths < EIGHTHS ? eighths : EIGHTHS]);
        else
            frame_put(canvas->frame, row, column + i, 1, STYLE_DIM, "░");
    }
}

/* So many seconds a column that the graph tells of two minutes, or of five where it is wide. */
static long graph_step(int width)
{
    long seconds = width < 30 ? 120 : 300;

    return (seconds + width - 1) / width;
}

void draw_graph(struct canvas *canvas, int row, int column, int width, const char *uuid)
{
    static const char *const blocks[EIGHTHS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const ascii[EIGHTHS] = {"_", ".", ":", "-", "=", "+", "*", "#"};

    for (int i = 0; i < width; i++) {
        int percent = trends_value(canvas->picture->trends, uuid, graph_step(width), width - 1 - i);
        int level = percent * EIGHTHS / 101;

        if (percent != TRENDS_UNKNOWN)
            frame_put(canvas->frame, row, column + i, 1, level ? STYLE_USE : STYLE_DIM,
                      canvas->picture->ascii ? ascii[level] : blocks[level]);
    }
}

void draw_graph_title(struct canvas *canvas, int row, int column, int width, enum style style)
{
    long minutes = (graph_step(width) * width + 30) / 60;

    frame_putf(canvas->frame, row, column, width, style, width < 10 ? "%ld MIN" : "LAST %ld MIN", minutes);
}

static const char *const units[] = {"B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

/* The unit in which it has three digits at most. */
static size_t unit_of(uint64_t bytes, double *ret_divisor)
{
    size_t unit = 0;

    for (*ret_divisor = 1; (double)bytes / *ret_divisor >= 999.5 && unit < ARRAY_SIZE(units) - 1; unit++)
        *ret_divisor *= 1024;
    return unit;
}

/* Digits behind the point of a number of so many units. */
static int decimals(double number)
{
    return number > 0 && number < 99.95 ? 1 : 0;
}

void size_format(uint64_t bytes, char text[static SIZE_TEXT])
{
    double divisor;
    size_t unit = unit_of(bytes, &divisor);
    double number = (double)bytes / divisor;

    if (bytes == GENV_UNKNOWN_U64)
        snprintf(text, SIZE_TEXT, "-");
    else if (bytes == 0)
        snprintf(text, SIZE_TEXT, "0");
    else
        snprintf(text, SIZE_TEXT, "%.*f%s", unit ? decimals(number) : 0, number, units[unit]);
}

void sizes_format(uint64_t used, uint64_t total, char text[static 2 * SIZE_TEXT])
{
    double divisor;
    size_t unit = unit_of(total, &divisor);
    double of = (double)total / divisor, number = (double)used / divisor;

    if (used == GENV_UNKNOWN_U64)
        snprintf(text, (size_t)2 * SIZE_TEXT, "?/%.*f%s", decimals(of), of, units[unit]);
    else if (number > 0 && number < 0.1) /* would be shown as nothing */
        snprintf(text, (size_t)2 * SIZE_TEXT, "<0.1/%.*f%s", decimals(of), of, units[unit]);
    else
        snprintf(text, (size_t)2 * SIZE_TEXT, "%.*f/%.*f%s", decimals(number), number, decimals(of), of, units[unit]);
}

void watts_format(int64_t milliwatts, char text[static SIZE_TEXT])
{
    if (milliwatts < 0)
        snprintf(text, SIZE_TEXT, "-");
    else if (milliwatts < 9999500)
        snprintf(text, SIZE_TEXT, "%lldW", (long long)(milliwatts + 500) / 1000);
    else
        snprintf(text, SIZE_TEXT, "%.1fkW", (double)milliwatts / 1e6);
}

void age_format(struct timespec then, struct timespec now, char text[static SIZE_TEXT])
{
    static const struct {
        char unit;
        long seconds;
    } steps[] = {{'w', 7 * 24 * 3600}, {'d', 24 * 3600}, {'h', 3600}, {'m', 60}, {'s', 1}};
    long age = now.tv_sec > then.tv_sec ? (long)(now.tv_sec - then.tv_sec) : 0;
    size_t i = 0;

    while (i < ARRAY_SIZE(steps) - 1 && age < steps[i].seconds)
        i++;
    snprintf(text, SIZE_TEXT, "%ld%c", age / steps[i].seconds, steps[i].unit);
}
