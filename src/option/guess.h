/* What a mistyped word was meant to be. */
#ifndef OPTION_GUESS_H
#define OPTION_GUESS_H

#include <stdbool.h>
#include <stddef.h>

#define GUESS_MAX 32 /* bytes of a word that is worth guessing about */

struct guess {
    const char *word; /* as it was typed */
    size_t length;    /* of it */
    size_t slips;     /* of the best candidate so far, or more than are forgiven */
};

/* Begins to guess about @word, of @length. */
struct guess guess_begin(const char *word, size_t length);
/* Whether @candidate is closer to it than those before, and close enough: two slips at most, and never more than half
 * of the word. */
bool guess_is_closer(struct guess *guess, const char *candidate);

#endif
