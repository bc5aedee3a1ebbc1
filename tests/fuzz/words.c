/* Words for a login shell of unknown kind: any word comes back, and nothing that is sent means anything to a shell. */
#include "fuzz.h"

#include "base/text.h"
#include "remote/words.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:,+@=%"

static char *encode(const char *word)
{
    struct text text = TEXT_INIT;
    char *encoded;

    word_encode(&text, word);
    encoded = text_take(&text);
    promise(encoded && *encoded && *encoded != '=' && encoded[strspn(encoded, PLAIN)] == '\0');
    promise(word_needs_encoding(word) == (strcmp(word, encoded) != 0));
    return encoded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *word = input_text(data, size), *encoded = encode(word), *again = NULL;

    promise(word_decode(encoded) == 0 && strcmp(encoded, word) == 0);
    if (word_decode(word) < 0)
        return 0;
    again = encode(word);
    promise(word_decode(again) == 0 && strcmp(again, word) == 0);
    return 0;
}
