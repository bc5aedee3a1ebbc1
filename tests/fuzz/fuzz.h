/* What the fuzz targets share. A target is LLVMFuzzerTestOneInput() in a file of its own; it ends the process when a
 * promise of the parser does not hold. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define promise(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The input as a text with a NUL behind it and nothing else, so that the sanitizer sees who reads on; free() it. */
static inline char *input_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    promise(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* The lines of the input as the words of a command line, NULL-terminated: each by itself, and no room behind them, so
 * that the sanitizer sees who reads on. free_words() them. */
static inline char **input_words(const uint8_t *data, size_t size, size_t *ret_count)
{
    cleanup_free char *text = input_text(data, size);
    char *rest = text, **words, *word;
    size_t count = 0, lines = 0;

    for (const char *c = text; *c; c++)
        lines += *c == '\n' || c[1] == '\0';
    words = malloc((lines + 1) * sizeof(*words));
    promise(words);
    while (count < lines && (word = strsep(&rest, "\n"))) {
        words[count] = strdup(word);
        promise(words[count++]);
    }
    words[count] = NULL;
    *ret_count = count;
    return words;
}

static inline void free_words(char ***words)
{
    for (char **word = *words; *word; word++)
        free(*word);
    free(*words);
}
#define cleanup_words cleanup_with(free_words)

#endif
