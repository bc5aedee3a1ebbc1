/* The words of a command line under construction. */
#ifndef SHIM_WORDS_H
#define SHIM_WORDS_H

#include "base/macros.h"

#include <stdbool.h>

/* Zero-initialise it. Running out of memory is remembered in @failed. */
struct words {
    char **items; /* NULL-terminated once anything was added; copies */
    size_t count, room;
    bool failed;
};

void words_add(struct words *words, const char *word);
void words_addf(struct words *words, const char *format, ...) PRINTF_LIKE(2, 3);
/* All of the NULL-terminated @more. */
void words_add_all(struct words *words, char **more);
void words_release(struct words *words);
#define cleanup_words cleanup_with(words_release)

#endif
