/* The terminal, by ncurses. */
#define NCURSES_WIDECHAR 1
#include "top/terminal.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <curses.h>
#include <term.h>

/* curses.h has macros for all sorts of words. */
#undef lines
#undef columns

#include "top/keys.h"

#define ESCAPE_MS 25 /* between the bytes of a key that sends several */

struct terminal {
    SCREEN *screen;
    bool colours;
};

static const struct {
    int foreground; /* -1: the terminal's own */
    attr_t attributes;
} looks[STYLE_COUNT] = {
    [STYLE_PLAIN] = {-1, A_NORMAL},
    [STYLE_BOLD] = {-1, A_BOLD},
    [STYLE_DIM] = {-1, A_DIM},
    [STYLE_HEADING] = {COLOR_CYAN, A_NORMAL},
    [STYLE_SORTED] = {COLOR_CYAN, A_BOLD | A_UNDERLINE},
    [STYLE_SELECTED] = {-1, A_REVERSE},
    [STYLE_FOCUS] = {-1, A_BOLD | A_REVERSE},
    [STYLE_KEY] = {COLOR_CYAN, A_BOLD},
    [STYLE_GOOD] = {COLOR_GREEN, A_NORMAL},
    [STYLE_WARN] = {COLOR_YELLOW, A_NORMAL},
    [STYLE_BAD] = {COLOR_RED, A_BOLD},
    [STYLE_MEMORY] = {COLOR_CYAN, A_NORMAL},
    [STYLE_USE] = {COLOR_GREEN, A_NORMAL},
};

/* Whether the terminal can do what is needed, before curses is asked: it would end the program. */
static int check_terminal(struct genv_error *err)
{
    const char *name = getenv("TERM");
    bool places_cursor;
    int known;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(err, ENOTTY, "'genv top' needs a terminal: to print once, use 'genv top --once'");
    if (!name || !*name || setupterm(name, STDOUT_FILENO, &known) == ERR)
        return error_set(err, ENOTSUP, "unknown terminal type '%s' (TERM): to print once, use 'genv top --once'",
                         name ? name : "");
    places_cursor = tigetstr("cup");
    del_curterm(cur_term);
    return places_cursor
               ? 0
               : error_set(err, ENOTSUP,
                           "terminal type '%s' cannot move the cursor: to print once, use 'genv top --once'", name);
}

int terminal_open(bool colours, struct terminal **ret_terminal, struct genv_error *err)
{
    cleanup_free struct terminal *terminal = calloc(1, sizeof(*terminal));
    int r = check_terminal(err);

    if (r < 0)
        return r;
    if (!terminal)
        return error_no_memory(err);
    terminal->screen = newterm(NULL, stdout, stdin);
    if (!terminal->screen)
        return error_set(err, ENOTSUP, "cannot use terminal type '%s': to print once, use 'genv top --once'",
                         getenv("TERM"));
    set_term(terminal->screen);
    set_escdelay(ESCAPE_MS);
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    curs_set(0);
    terminal->colours = colours && has_colors() && start_color() == OK && use_default_colors() == OK;
    for (short style = 1; style < STYLE_COUNT && terminal->colours; style++)
        init_pair(style, (short)looks[style].foreground, -1);
    *ret_terminal = STEAL_POINTER(terminal);
    return 0;
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal)
        return;
    endwin();
    delscreen(terminal->screen);
    free(terminal);
}

void terminal_size(const struct terminal *terminal, int *ret_width, int *ret_height)
{
    (void)terminal;
    getmaxyx(stdscr, *ret_height, *ret_width);
}

void terminal_resize(struct terminal *terminal)
{
    struct winsize size;

    (void)terminal;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        resizeterm(size.ws_row, size.ws_col);
    clearok(curscr, TRUE); /* what the terminal has made of the old contents is unknown */
}

void terminal_forget(struct terminal *terminal)
{
    (void)terminal;
    clearok(curscr, TRUE);
}

static void set_style(const struct terminal *terminal, uint8_t style)
{
    attr_set(looks[style].attributes, (short)(terminal->colours ? style : 0), NULL);
}

void terminal_show(struct terminal *terminal, const struct frame *frame)
{
    erase();
    for (int row = 0; row < frame->height; row++) {
        for (int column = 0; column < frame->width; column++) {
            const struct cell *cell = frame_cell(frame, row, column);

            if (!cell->glyph[0] || (cell->style == STYLE_PLAIN && strcmp(cell->glyph, " ") == 0))
                continue;
            set_style(terminal, cell->style);
            mvaddstr(row, column, cell->glyph);
        }
    }
    refresh();
}

static uint32_t special_key(wint_t code)
{
    switch (code) {
    case KEY_UP:
        return KEY_CODE_UP;
    case KEY_DOWN:
        return KEY_CODE_DOWN;
    case KEY_LEFT:
        return KEY_CODE_LEFT;
    case KEY_RIGHT:
        return KEY_CODE_RIGHT;
    case KEY_PPAGE:
        return KEY_CODE_PAGE_UP;
    case KEY_NPAGE:
        return KEY_CODE_PAGE_DOWN;
    case KEY_HOME:
        return KEY_CODE_HOME;
    case KEY_END:
        return KEY_CODE_END;
    case KEY_BTAB:
        return KEY_CODE_BACK_TAB;
    case KEY_BACKSPACE:
        return KEY_CODE_ERASE;
    case KEY_ENTER:
        return KEY_CODE_ENTER;
    case KEY_F(1):
        return '?';
    default:
        return KEY_CODE_OTHER;
    }
}

uint32_t terminal_key(struct terminal *terminal)
{
    wint_t code = 0;
    int r = get_wch(&code);

    (void)terminal;
    if (r == ERR)
        return KEY_CODE_NONE;
    if (r == KEY_CODE_YES)
        return special_key(code);
    if (code == '\r')
        return KEY_CODE_ENTER;
    if (code == '\b')
        return KEY_CODE_ERASE;
    return code ? (uint32_t)code : KEY_CODE_OTHER;
}
