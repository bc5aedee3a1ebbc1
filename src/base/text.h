/* Text: a buffer that grows, whole numbers, UTF-8. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/* A text under construction. Zero-initialise it; text_release() frees it. Running out of memory is remembered and
 * told once, by text_take(). */
struct text {
    char *data; /* NUL-terminated once anything was added */
    size_t length;
    size_t capacity;
    bool failed;
};

#define TEXT_INIT                                                                                                      \
    {                                                                                                                  \
        .data = NULL                                                                                                   \
    }

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t length);
void text_addf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* Hands the text over, free() it; NULL when memory ran out at any point. */
char *text_take(struct text *text);
void text_release(struct text *text);
#define cleanup_text cleanup_with(text_release)

/* Reads a whole number in decimal digits alone (no sign, no blanks) of at most @max. -EINVAL for anything else. */
int text_to_u64(const char *string, uint64_t max, uint64_t *ret_number);

/* FNV-1a of @string, going on from @state: for what nobody gains by finding another text with. */
#define TEXT_HASH_INIT UINT64_C(0xcbf29ce484222325)
uint64_t text_hash(uint64_t state, const char *string);

/* Decodes the UTF-8 character at @string; returns its length in bytes, or 0 where there is none (malformed, end). */
size_t utf8_decode(const char *string, uint32_t *ret_character);

/* @string behind the mark that some editors put in front of UTF-8. */
const char *utf8_skip_mark(const char *string);

/* Whether @string is UTF-8 without control characters, line separators and characters that reorder the text around
 * them. */
bool utf8_is_printable(const char *string);

/* Replaces, in place, with '?' what utf8_is_printable() refuses. */
void utf8_make_printable(char *string);

/* Copies @source, which is known to fit, or is cut, between two characters. Always terminates. */
void copy_string(char *target, size_t size, const char *source);

#endif
