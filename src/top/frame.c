/* A screenful of text before anybody sees it. */
#include "top/frame.h"

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "base/text.h"

struct frame *frame_new(int width, int height)
{
    struct frame *frame = calloc(1, sizeof(*frame));

    if (!frame)
        return NULL;
    frame->width = width > 0 ? width : 0;
    frame->height = height > 0 ? height : 0;
    frame->cells = calloc((size_t)frame->width * (size_t)frame->height + 1, sizeof(*frame->cells));
    frame->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!frame->cells) {
        frame_free(frame);
        return NULL;
    }
    for (int i = 0; i < frame->width * frame->height; i++)
        frame->cells[i].glyph[0] = ' ';
    return frame;
}

void frame_free(struct frame *frame)
{
    if (!frame)
        return;
    if (frame->utf8)
        freelocale(frame->utf8);
    free(frame->cells);
    free(frame);
}

/* The length of the character at @text, and the columns that it takes; a stray byte is a '?' of one. */
static size_t measure(const struct frame *frame, const char *text, int *ret_columns)
{
    uint32_t character;
    size_t length = utf8_decode(text, &character);
    locale_t before;

    *ret_columns = 1;
    if (length <= 1 || !frame->utf8)
        return length ? length : 1;
    before = uselocale(frame->utf8);
    *ret_columns = wcwidth((wchar_t)character);
    uselocale(before);
    if (*ret_columns < 0)
        *ret_columns = 1;
    return length;
}

static struct cell *cell_at(const struct frame *frame, int row, int column)
{
    if (row < 0 || row >= frame->height || column < 0 || column >= frame->width)
        return NULL;
    return &frame->cells[row * frame->width + column];
}

const struct cell *frame_cell(const struct frame *frame, int row, int column)
{
    return cell_at(frame, row, column);
}

/* A character without a width of its own joins the one before it. */
static void combine(struct cell *cell, const char *text, size_t length)
{
    size_t used = cell ? strlen(cell->glyph) : 0;

    if (used && used + length < GLYPH_SIZE)
        memcpy(cell->glyph + used, text, length);
}

/* Half of a wide character that is written over would take a column more than it has. */
static void clear_neighbours(struct frame *frame, int row, int column)
{
    struct cell *cell = cell_at(frame, row, column), *left = cell_at(frame, row, column - 1),
                *right = cell_at(frame, row, column + 1);

    if (cell && !cell->glyph[0] && left)
        memcpy(left->glyph, " ", sizeof(" "));
    if (cell && cell->glyph[0] && right && !right->glyph[0])
        memcpy(right->glyph, " ", sizeof(" "));
}

static void set(struct frame *frame, int row, int column, enum style style, const char *text, size_t length)
{
    struct cell *cell = cell_at(frame, row, column);

    if (!cell)
        return;
    clear_neighbours(frame, row, column);
    memset(cell->glyph, 0, sizeof(cell->glyph));
    memcpy(cell->glyph, text, length);
    cell->style = (uint8_t)style;
}

/* One character of @columns columns at @column. */
static void put_character(struct frame *frame, int row, int column, int columns, enum style style, const char *text,
                          size_t length)
{
    bool strange = (frame->replace && length > 1) || (length == 1 && (*text < 0x20 || *text > 0x7e));

    for (int i = 0; i < columns && strange; i++)
        set(frame, row, column + i, style, "?", 1);
    if (strange)
        return;
    if (columns > 1)
        set(frame, row, column + 1, style, "", 0);
    set(frame, row, column, style, text, length);
    if (columns > 1 && cell_at(frame, row, column + 1))
        cell_at(frame, row, column + 1)->glyph[0] = '\0';
}

int frame_put(struct frame *frame, int row, int column, int width, enum style style, const char *text)
{
    int used = 0, columns;
    size_t length;

    for (width = column + width > frame->width ? frame->width - column : width; *text; text += length) {
        length = measure(frame, text, &columns);
        if (columns == 0 && !frame->replace)
            combine(used ? cell_at(frame, row, column + used - 1) : NULL, text, length);
        if (columns == 0)
            continue;
        if (used + columns > width)
            break;
        put_character(frame, row, column + used, columns, style, text, length);
        used += columns;
    }
    return used;
}

int frame_text_width(const struct frame *frame, const char *text)
{
    int width = 0, columns;

    for (size_t length; *text; text += length) {
        length = measure(frame, text, &columns);
        width += columns;
    }
    return width;
}

int frame_put_short(struct frame *frame, int row, int column, int width, enum style style, const char *text)
{
    const char *dots = frame->ascii ? ".." : "…";
    int dots_width = frame->ascii ? 2 : 1, used;

    if (frame_text_width(frame, text) <= width || width <= dots_width)
        return frame_put(frame, row, column, width, style, text);
    used = frame_put(frame, row, column, width - dots_width, style, text);
    return used + frame_put(frame, row, column + used, dots_width, style, dots);
}

int frame_putf(struct frame *frame, int row, int column, int width, enum style style, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it is not */
    va_end(args);
    return frame_put(frame, row, column, width, style, text);
}

void frame_paint(struct frame *frame, int row, int column, int width, enum style style)
{
    for (int i = 0; i < width; i++) {
        struct cell *cell = cell_at(frame, row, column + i);

        if (cell)
            cell->style = (uint8_t)style;
    }
}

static const char *const escapes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "",     [STYLE_BOLD] = "1",    [STYLE_DIM] = "2",  [STYLE_HEADING] = "1", [STYLE_SORTED] = "1;4",
    [STYLE_SELECTED] = "7", [STYLE_FOCUS] = "1;7", [STYLE_KEY] = "1",  [STYLE_GOOD] = "32",   [STYLE_WARN] = "33",
    [STYLE_BAD] = "1;31",   [STYLE_MEMORY] = "36", [STYLE_USE] = "32",
};

static void add_row(struct text *text, const struct frame *frame, int row, bool colours)
{
    const struct cell *cells = &frame->cells[row * frame->width];
    int end = frame->width;
    uint8_t style = STYLE_PLAIN;

    while (end > 0 && strcmp(cells[end - 1].glyph, " ") == 0)
        end--;
    for (int i = 0; i < end; i++) {
        if (colours && cells[i].style != style) {
            style = cells[i].style;
            text_addf(text, "\033[0%s%sm", *escapes[style] ? ";" : "", escapes[style]);
        }
        text_add(text, cells[i].glyph);
    }
    text_add(text, style == STYLE_PLAIN ? "\n" : "\033[0m\n");
}

char *frame_to_text(const struct frame *frame, bool colours)
{
    cleanup_text struct text text = TEXT_INIT;

    for (int row = 0; row < frame->height; row++)
        add_row(&text, frame, row, colours);
    return text_take(&text);
}
