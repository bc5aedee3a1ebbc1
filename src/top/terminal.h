/* The terminal, by ncurses: shows frames and reads keys, and is given back as it was. */
#ifndef TOP_TERMINAL_H
#define TOP_TERMINAL_H

#include "base/error.h"
#include "top/frame.h"

struct terminal;

/* Takes the terminal of standard input and output over. -ENOTTY: there is none; -ENOTSUP: it can't place its cursor, or
 * nobody knows how. */
int terminal_open(bool colours, struct terminal **ret_terminal, struct genv_error *err);
/* Gives it back. NULL is fine. */
void terminal_close(struct terminal *terminal);

void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height);
/* After SIGWINCH. */
void terminal_resize(struct terminal *terminal);
void terminal_show(struct terminal *terminal, const struct frame *frame);
/* Has the next terminal_show() draw everything, whatever is there. */
void terminal_forget(struct terminal *terminal);

/* The next key, as in keys.h, without waiting; KEY_CODE_NONE: there is none. */
uint32_t terminal_key(struct terminal *terminal);

#endif
