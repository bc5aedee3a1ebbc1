/* Words that pass through a login shell of unknown kind: encoded so that no shell finds anything in them. */
#ifndef REMOTE_WORDS_H
#define REMOTE_WORDS_H

#include "base/error.h"
#include "base/text.h"

/* Adds @word with every byte but letters, digits and . _ - / : , + @ as %XX, and '=' too unless it is behind a letter
 * or a digit; the empty word is "%". */
void word_encode(struct text *text, const char *word);
/* Decodes @word in place. -EINVAL: not such a word. */
int word_decode(char *word);
/* Whether word_encode() would change it. */
bool word_needs_encoding(const char *word);

#endif
