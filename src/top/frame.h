/* A screenful of text before anybody sees it: cells with a glyph and a style. Pure; screen.c shows it on a terminal. */
#ifndef TOP_FRAME_H
#define TOP_FRAME_H

#include "base/macros.h"

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_HEADING,  /* a table's titles */
    STYLE_SORTED,   /* the one that it is sorted by */
    STYLE_SELECTED, /* the row that the keys act on */
    STYLE_FOCUS,    /* the name of the list that the keys act on */
    STYLE_KEY,      /* a key in the footer */
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_MEMORY,
    STYLE_USE, /* utilisation */
    STYLE_COUNT,
};

#define GLYPH_SIZE 16 /* bytes of a character and those that combine with it; more of them are dropped */

struct cell {
    char glyph[GLYPH_SIZE]; /* "" in the second column of a wide character */
    uint8_t style;
};

struct frame {
    int width, height;
    bool ascii;   /* what the frame adds itself is ASCII */
    bool replace; /* other characters become '?' */
    locale_t utf8;
    struct cell *cells;
};

/* NULL: out of memory. */
struct frame *frame_new(int width, int height);
void frame_free(struct frame *frame); /* NULL is fine */
DEFINE_CLEANUP(struct frame *, cleanup_framep, frame_free)
#define cleanup_frame cleanup_with(cleanup_framep)

/* Writes @text from @column on, over at most @width columns and never past the frame's edge; what is outside of the
 * frame is dropped. A wide character is never cut in two. Returns the columns written. */
int frame_put(struct frame *frame, int row, int column, int width, enum style style, const char *text);
/* The same; a text that is too long ends in "…" (".." in ASCII). */
int frame_put_short(struct frame *frame, int row, int column, int width, enum style style, const char *text);
int frame_putf(struct frame *frame, int row, int column, int width, enum style style, const char *format, ...)
    PRINTF_LIKE(6, 7);

/* The columns that @text takes. */
int frame_text_width(const struct frame *frame, const char *text);

/* Gives @width cells the style. */
void frame_paint(struct frame *frame, int row, int column, int width, enum style style);

const struct cell *frame_cell(const struct frame *frame, int row, int column);

/* The text, a line for each row without blanks at its end; with the styles as escape sequences if @colours. free() it;
 * NULL: out of memory. */
char *frame_to_text(const struct frame *frame, bool colours);

#endif
