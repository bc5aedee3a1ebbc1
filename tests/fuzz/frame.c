/* What a host printed, start-up files included: whatever that is, an answer with the caller's nonce is found in it. */
#include "fuzz.h"

#include <errno.h>

#include "base/text.h"
#include "remote/frame.h"

#define NONCE "5eed"
#define OTHER "another nonce"

/* An answer between noise that does not know its nonce comes out as it was. */
static void wrap(const uint8_t *data, size_t size)
{
    cleanup_text struct text output = TEXT_INIT;

    if (size && memmem(data, size, OTHER, strlen(OTHER)))
        return;
    text_add_bytes(&output, data, size);
    frame_add_line(&output, OTHER, "begin");
    text_add_bytes(&output, data, size);
    frame_add_line(&output, OTHER, "end");
    text_add_bytes(&output, data, size);
    promise(frame_unwrap(&output, OTHER, NULL) == 0);
    promise(output.length == size && (size == 0 || memcmp(output.data, data, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_text struct text output = TEXT_INIT;
    struct genv_error err = {0};
    struct frame_line line;
    int r;

    text_add_bytes(&output, data, size);
    for (size_t from = 0; frame_find(&output, from, NONCE, &line) == 0; from = line.end) {
        promise(line.begin >= from && line.end > line.begin && line.end <= size);
        promise(strlen(line.words) < line.end - line.begin && !strchr(line.words, '\n'));
    }
    r = frame_unwrap(&output, NONCE, &err);
    promise(r == 0 || (r == -EPROTO && err.code == EPROTO && utf8_is_printable(err.message)));
    promise(output.length <= size && (!output.data || output.data[output.length] == '\0'));
    wrap(data, size);
    return 0;
}
