/* The words of a command line under construction. */
#include "shim/argv.h"

#include <stdarg.h>
#include <string.h>

/* Takes @word over. */
static void take(struct argv *argv, char *word)
{
    if (argv->count + 2 > argv->room) {
        size_t room = argv->room ? argv->room * 2 : 32;
        char **items = realloc(argv->items, room * sizeof(*items));

        if (items) {
            argv->items = items;
            argv->room = room;
        }
    }
    if (!word || argv->count + 2 > argv->room) {
        argv->failed = true;
        free(word);
        return;
    }
    argv->items[argv->count++] = word;
    argv->items[argv->count] = NULL;
}

void argv_add(struct argv *argv, const char *word)
{
    take(argv, strdup(word));
}

void argv_addf(struct argv *argv, const char *format, ...)
{
    char *word;
    va_list args;

    va_start(args, format);
    if (vasprintf(&word, format, args) < 0)
        word = NULL;
    va_end(args);
    take(argv, word);
}

void argv_add_all(struct argv *argv, char **more)
{
    for (; *more; more++)
        argv_add(argv, *more);
}

void argv_release(struct argv *argv)
{
    for (size_t i = 0; i < argv->count; i++)
        free(argv->items[i]);
    free(argv->items);
    *argv = (struct argv){.count = 0};
}
