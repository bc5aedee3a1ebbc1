/* Draws what is to be seen into a frame. Pure. */
#ifndef TOP_DRAW_H
#define TOP_DRAW_H

#include "top/frame.h"
#include "top/layout.h"

/* A screen of that size. -ENOMEM. @ret_layout says what went where: what keys that scroll need to know. */
int draw_screen(const struct picture *picture, int width, int height, struct frame **ret_frame,
                struct layout *ret_layout);

/* All of it, in as many rows as it takes: picture->once. */
int draw_whole(const struct picture *picture, int width, struct frame **ret_frame);

/* What the parts of the screen have in common. */
struct canvas {
    const struct picture *picture;
    const struct rows *rows;
    const struct layout *layout;
    struct frame *frame;
};

/* What all devices that are shown are, "" if they differ. */
const char *common_model(const struct rows *rows);
/* The words for what a pane is sorted by. */
const char *sort_name(enum pane pane, int sort);
int sort_count(enum pane pane);

/* draw_parts.c: a bar that is filled to @part of @whole, and the utilisation of the last minutes. */
void draw_bar(struct canvas *canvas, int row, int column, int width, enum style style, uint64_t part, uint64_t whole);
void draw_graph(struct canvas *canvas, int row, int column, int width, const char *uuid);
/* "LAST 2 MIN", as far as it fits: what a graph of that width shows. */
void draw_graph_title(struct canvas *canvas, int row, int column, int width, enum style style);
/* "5.6Gi", "141Gi"; "-" where it is unknown. */
#define SIZE_TEXT 16
void size_format(uint64_t bytes, char text[static SIZE_TEXT]);
/* "5.6/141Gi" */
void sizes_format(uint64_t used, uint64_t total, char text[static 2 * SIZE_TEXT]);
/* "312W", "19.9kW" */
void watts_format(int64_t milliwatts, char text[static SIZE_TEXT]);
/* "27m" */
void age_format(struct timespec then, struct timespec now, char text[static SIZE_TEXT]);

/* draw_devices.c, draw_tables.c: the lists of the panes. */
void draw_devices(struct canvas *canvas, const struct place *place);
void draw_envs(struct canvas *canvas, const struct place *place);
void draw_processes(struct canvas *canvas, const struct place *place);

/* draw_bars.c: the rows around the panes. */
void draw_header(struct canvas *canvas);
void draw_footer(struct canvas *canvas);
void draw_help(struct canvas *canvas);

#endif
