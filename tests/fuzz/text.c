/* UTF-8, identifiers, names, numbers. */
#include "fuzz.h"

#include <inttypes.h>

#include "base/text.h"
#include "model/env.h"

static void check_printable(const char *text)
{
    cleanup_free char *printable = strdup(text), *again = NULL;
    uint32_t c;

    promise(printable);
    utf8_make_printable(printable);
    promise(utf8_is_printable(printable) && strlen(printable) <= strlen(text));
    again = strdup(printable);
    promise(again);
    utf8_make_printable(again);
    promise(strcmp(printable, again) == 0);
    if (!utf8_is_printable(text))
        return;
    promise(strcmp(printable, text) == 0);
    for (size_t length; *text; text += length) {
        length = utf8_decode(text, &c);
        promise(length >= 1 && length <= 4 && c >= 0x20 && c != 0x7f && c <= 0x10ffff);
    }
}

/* Whatever is cut off a UTF-8 text, the rest is one. */
static void check_copies(const char *text)
{
    char copy[GENV_NAME_MAX + 1];

    for (size_t size = 1; size <= sizeof(copy); size = size * 2 + 1) {
        copy_string(copy, size, text);
        promise(strlen(copy) < size && strncmp(copy, text, strlen(copy)) == 0);
        promise(!utf8_is_printable(text) || utf8_is_printable(copy));
    }
}

static void check_number(const char *text)
{
    uint64_t number;
    char digits[32];

    if (text_to_u64(text, UINT64_MAX, &number) < 0)
        return;
    while (*text == '0' && text[1])
        text++;
    snprintf(digits, sizeof(digits), "%" PRIu64, number);
    promise(strcmp(digits, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);

    check_printable(text);
    check_copies(text);
    check_number(text);
    if (genv_eid_validate(text, NULL) == 0)
        promise(genv_name_validate(text, NULL) == 0 && !strpbrk(text, "/ \n") && *text != '.');
    if (kernel_id_validate(text, NULL) == 0)
        promise(genv_eid_validate(text, NULL) == 0);
    if (genv_name_validate(text, NULL) == 0)
        promise(utf8_is_printable(text) && *text && strlen(text) <= GENV_NAME_MAX);
    return 0;
}
