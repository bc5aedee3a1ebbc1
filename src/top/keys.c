/* What keys do. */
#include "top/keys.h"

#include <string.h>

#include "base/text.h"
#include "top/draw.h"

void choice_init(struct choice *choice)
{
    *choice = (struct choice){.focus = PANE_ENVS, .lower = PANE_ENVS};
    choice->panes[PANE_DEVICES].sort = DEVICE_INDEX;
    choice->panes[PANE_ENVS].sort = ENV_MEMORY;
    choice->panes[PANE_PROCESSES].sort = PROCESS_MEMORY;
}

void choice_settle(struct choice *choice, const struct layout *layout)
{
    for (enum pane pane = 0; pane < PANE_COUNT; pane++) {
        choice->panes[pane].selected = layout->panes[pane].selected;
        choice->panes[pane].first = layout->panes[pane].first;
    }
}

static void focus_on(struct choice *choice, enum pane pane)
{
    choice->focus = pane;
    if (pane != PANE_DEVICES)
        choice->lower = pane;
}

static void move(struct choice *choice, const struct rows *rows, long by)
{
    size_t *selected = &choice->panes[choice->focus].selected, count = rows->counts[choice->focus];
    size_t back = (size_t)(by < 0 ? -by : 0);

    if (back)
        *selected -= back < *selected ? back : *selected;
    else
        *selected += (size_t)by;
    if (*selected >= count)
        *selected = count ? count - 1 : 0;
}

static void sort_by(struct choice *choice, int step)
{
    int count = sort_count(choice->focus), *sort = &choice->panes[choice->focus].sort;

    *sort = (*sort + step + count) % count;
    choice->panes[choice->focus].reverse = false;
}

static void show_all(struct choice *choice)
{
    choice->user[0] = choice->env[0] = '\0';
    choice->exact_env = false;
}

static void filter_by_selected(struct choice *choice, const struct rows *rows)
{
    size_t selected = choice->panes[choice->focus].selected;
    const char *eid = NULL;

    if (selected >= rows->counts[choice->focus])
        return;
    if (choice->focus == PANE_ENVS)
        eid = rows->envs[selected]->env->eid;
    else if (choice->focus == PANE_PROCESSES && rows->processes[selected].env)
        eid = rows->processes[selected].process->eid;
    else if (choice->focus == PANE_DEVICES && rows->devices[selected].holder_count == 1)
        eid = rows->devices[selected].holders[0]->env->eid;
    if (!eid)
        return;
    copy_string(choice->env, sizeof(choice->env), eid);
    choice->exact_env = true;
}

static void type(struct choice *choice, uint32_t character)
{
    char *text = choice->mode == MODE_USER ? choice->user : choice->env, bytes[5] = "";
    size_t length = strlen(text);

    if (character < 0x80) {
        bytes[0] = (char)character;
    } else if (character < 0x800) {
        bytes[0] = (char)(0xc0 | character >> 6);
        bytes[1] = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        bytes[0] = (char)(0xe0 | character >> 12);
        bytes[1] = (char)(0x80 | (character >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (character & 0x3f));
    } else {
        bytes[0] = (char)(0xf0 | character >> 18);
        bytes[1] = (char)(0x80 | (character >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (character >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (character & 0x3f));
    }
    if (utf8_is_printable(bytes) && length + strlen(bytes) < FILTER_SIZE)
        memcpy(text + length, bytes, sizeof(bytes));
}

static void erase(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    text[length > 0 ? length - 1 : 0] = '\0';
}

/* A filter is being typed; the lists follow at once. */
static void edit(struct choice *choice, uint32_t key)
{
    char *text = choice->mode == MODE_USER ? choice->user : choice->env;

    if (key == KEY_CODE_ENTER) {
        choice->mode = MODE_BROWSE;
    } else if (key == KEY_CODE_ESCAPE) {
        text[0] = '\0';
        choice->mode = MODE_BROWSE;
    } else if (key == KEY_CODE_CLEAR) {
        text[0] = '\0';
    } else if (key == KEY_CODE_ERASE) {
        erase(text);
    } else if (key >= ' ' && key < 0x110000) {
        type(choice, key);
    }
}

static void start_typing(struct choice *choice, enum mode mode)
{
    choice->mode = mode;
    if (mode == MODE_USER)
        choice->user[0] = '\0';
    else
        choice->env[0] = '\0', choice->exact_env = false;
}

static bool is_move(uint32_t key)
{
    return (key >= KEY_CODE_UP && key <= KEY_CODE_END && key != KEY_CODE_LEFT && key != KEY_CODE_RIGHT) || key == 'j' ||
           key == 'k';
}

static void apply_move(struct choice *choice, const struct layout *layout, const struct rows *rows, uint32_t key)
{
    const struct place *place = &layout->panes[choice->focus];
    long page = place->rows > 1 ? place->rows : 1, count = (long)rows->counts[choice->focus];

    switch (key) {
    case KEY_CODE_UP:
    case 'k':
        move(choice, rows, -1);
        break;
    case KEY_CODE_DOWN:
    case 'j':
        move(choice, rows, 1);
        break;
    case KEY_CODE_PAGE_UP:
        move(choice, rows, -page);
        break;
    case KEY_CODE_PAGE_DOWN:
        move(choice, rows, page);
        break;
    default:
        move(choice, rows, key == KEY_CODE_HOME ? -count : count);
    }
}

static void browse(struct choice *choice, const struct rows *rows, uint32_t key)
{
    switch (key) {
    case KEY_CODE_TAB:
        focus_on(choice, (choice->focus + 1) % PANE_COUNT);
        break;
    case KEY_CODE_BACK_TAB:
        focus_on(choice, (choice->focus + PANE_COUNT - 1) % PANE_COUNT);
        break;
    case '1':
    case '2':
    case '3':
        focus_on(choice, (enum pane)(key - '1'));
        break;
    case 's':
    case KEY_CODE_RIGHT:
        sort_by(choice, 1);
        break;
    case 'S':
    case KEY_CODE_LEFT:
        sort_by(choice, -1);
        break;
    case 'r':
        choice->panes[choice->focus].reverse = !choice->panes[choice->focus].reverse;
        break;
    case 'u':
        start_typing(choice, MODE_USER);
        break;
    case 'e':
        start_typing(choice, MODE_ENV);
        break;
    case KEY_CODE_ENTER:
        filter_by_selected(choice, rows);
        break;
    case KEY_CODE_ESCAPE:
        show_all(choice);
        break;
    case '?':
    case 'h':
        choice->mode = MODE_HELP;
        break;
    default:
        break;
    }
}

bool choice_apply(struct choice *choice, const struct layout *layout, const struct rows *rows, uint32_t key)
{
    if (choice->mode == MODE_USER || choice->mode == MODE_ENV) {
        edit(choice, key);
        return true;
    }
    if (choice->mode == MODE_HELP) {
        choice->mode = MODE_BROWSE;
        return true;
    }
    if (key == 'q' || key == 'Q')
        return false;
    if (is_move(key))
        apply_move(choice, layout, rows, key);
    else
        browse(choice, rows, key);
    return true;
}
