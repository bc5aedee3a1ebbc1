/* Amounts of memory: what is read is written as short as it can be, and reads alike then. */
#include "fuzz.h"

#include "base/error.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);
    char shortest[GENV_AMOUNT_SIZE];
    struct genv_error err = {0};
    uint64_t bytes, again;

    if (genv_amount_parse(text, &bytes, &err) < 0) {
        promise(strstr(err.message, "ki, mi or gi") && utf8_is_printable(err.message));
        return 0;
    }
    promise(bytes > 0 && bytes <= INT64_MAX);
    genv_amount_format(bytes, shortest);
    promise(genv_amount_parse(shortest, &again, NULL) == 0 && again == bytes);
    promise(strlen(shortest) <= strlen(text));
    return 0;
}
