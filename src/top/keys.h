/* What keys do: changes of the choice. Pure. */
#ifndef TOP_KEYS_H
#define TOP_KEYS_H

#include "top/layout.h"

/* Keys that are no characters; others are their Unicode character. */
enum key {
    KEY_CODE_NONE = 0,
    KEY_CODE_TAB = '\t',
    KEY_CODE_ENTER = '\n',
    KEY_CODE_ESCAPE = 0x1b,
    KEY_CODE_ERASE = 0x7f,
    KEY_CODE_CLEAR = 0x15, /* Ctrl-U */
    KEY_CODE_REDRAW = 0x0c,
    KEY_CODE_UP = 0x110000,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_BACK_TAB,
    KEY_CODE_OTHER, /* one that means nothing here */
};

void choice_init(struct choice *choice);

/* Takes over what the screen shows: where its lists begin, and which rows are selected now. */
void choice_settle(struct choice *choice, const struct layout *layout);

/* Applies @key to @choice. @layout and @rows are those of the screen that the user sees. Returns false: quit. */
bool choice_apply(struct choice *choice, const struct layout *layout, const struct rows *rows, uint32_t key);

#endif
