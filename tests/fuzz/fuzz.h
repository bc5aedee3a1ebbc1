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

#endif
