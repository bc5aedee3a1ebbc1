/* Times of RFC 3339: what is read is written, and reads alike then, to the millisecond. */
#include "fuzz.h"

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);
    char written[RFC3339_SIZE], relative[RELATIVE_SIZE];
    struct timespec time, again;

    if (rfc3339_parse(text, &time) < 0)
        return 0;
    promise(time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    rfc3339_format(time, written);
    promise(strlen(written) == 24 && rfc3339_parse(written, &again) == 0);
    promise(again.tv_sec == time.tv_sec && again.tv_nsec == time.tv_nsec - time.tv_nsec % 1000000);
    relative_format(time, (struct timespec){.tv_sec = 1795169652}, relative);
    promise(strlen(relative) > 4 && strcmp(relative + strlen(relative) - 4, " ago") == 0);
    return 0;
}
