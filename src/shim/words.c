/* The words of a command line under construction. */
#include "shim/words.h"

#include <stdarg.h>
#include <string.h>

/* Takes @word over. */
static void take(struct words *words, char *word)
{
    if (words->count + 2 > words->room) {
        size_t room = words->room ? words->room * 2 : 32;
        char **items = realloc(words->items, room * sizeof(*items));

        if (items) {
            words->items = items;
            words->room = room;
        }
    }
    if (!word || words->count + 2 > words->room) {
        words->failed = true;
        free(word);
        return;
    }
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

void words_add(struct words *words, const char *word)
{
    take(words, strdup(word));
}

void words_addf(struct words *words, const char *format, ...)
{
    char *word;
    va_list args;

    va_start(args, format);
    if (vasprintf(&word, format, args) < 0)
        word = NULL;
    va_end(args);
    take(words, word);
}

void words_add_all(struct words *words, char **more)
{
    for (; *more; more++)
        words_add(words, *more);
}

void words_release(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){.count = 0};
}
