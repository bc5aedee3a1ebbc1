/* Words that pass through a login shell of unknown kind. */
#include "remote/words.h"

#include <errno.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether no shell sees anything in @c where it stands. zsh replaces "=ls" by a path, at the front of a word and, where
 * the user has it so, behind another "=" or a ":". */
static bool is_plain(const char *word, const char *c)
{
    if (*c == '=')
        return c > word && is_alphanumeric(c[-1]);
    return *c && (is_alphanumeric(*c) || strchr("._-/:,+@", *c));
}

void word_encode(struct text *text, const char *word)
{
    if (*word == '\0')
        text_add(text, "%");
    for (const char *c = word; *c; c++) {
        if (is_plain(word, c))
            text_add_bytes(text, c, 1);
        else
            text_addf(text, "%%%02X", (unsigned char)*c);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int word_decode(char *word)
{
    char *to = word;

    if (strcmp(word, "%") == 0) {
        *word = '\0';
        return 0;
    }
    for (const char *c = word; *c; c++) {
        if (*c == '%') {
            int high = hex_digit(c[1]), low = high < 0 ? -1 : hex_digit(c[2]);

            if (low < 0 || (high == 0 && low == 0))
                return -EINVAL;
            *to++ = (char)(high * 16 + low);
            c += 2;
        } else if (is_alphanumeric(*c) || strchr("._-/:,+@=", *c)) {
            *to++ = *c;
        } else {
            return -EINVAL;
        }
    }
    *to = '\0';
    return to > word ? 0 : -EINVAL;
}

bool word_needs_encoding(const char *word)
{
    for (const char *c = word; *c; c++) {
        if (!is_plain(word, c))
            return true;
    }
    return *word == '\0';
}
