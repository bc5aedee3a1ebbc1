/* What a mistyped word was meant to be. */
#include "option/guess.h"

#include <string.h>

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t min = a < b ? a : b;

    return min < c ? min : c;
}

/* How many characters have to be added, dropped or changed (Levenshtein's distance). */
static size_t distance(const char *from, size_t length_from, const char *to)
{
    size_t row[GUESS_MAX + 1], length = strlen(to);

    for (size_t k = 0; k <= length; k++)
        row[k] = k;
    for (size_t i = 0; i < length_from; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t above = row[k + 1];

            row[k + 1] = min3(above + 1, row[k] + 1, diagonal + (from[i] != to[k]));
            diagonal = above;
        }
    }
    return row[length];
}

struct guess guess_begin(const char *word, size_t length)
{
    return (struct guess){.word = word, .length = length, .slips = 3};
}

bool guess_is_closer(struct guess *guess, const char *candidate)
{
    size_t slips;

    if (guess->length > GUESS_MAX || strlen(candidate) > GUESS_MAX)
        return false;
    slips = distance(guess->word, guess->length, candidate);
    if (slips >= guess->slips || slips * 2 > guess->length)
        return false;
    guess->slips = slips;
    return true;
}
