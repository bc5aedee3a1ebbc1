/* What ssh, and what it ran, wrote to standard error, behind a line with the exit status: whatever that is, one
 * sentence says what was the matter, and what ssh says of shared connections is not in it. */
#include "fuzz.h"

#include <errno.h>

#include "remote/ssh.h"

static const struct host host = {"gpu-1", "paul@gpu-1", "genv"};

static const int ssh_codes[] = {EACCES, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EIO, EKEYREJECTED, ETIMEDOUT};
static const int program_codes[] = {EINTR, ENOENT, ENOEXEC, EPROTO, EREMOTEIO};

static bool is_among(int code, const int *codes, size_t count)
{
    size_t i = 0;

    while (i < count && codes[i] != code)
        i++;
    return i < count;
}

static void check_explanation(int status, const char *output)
{
    struct genv_error err = {0};
    int r = ssh_explain(&host, status, output, &err);

    promise(r == -err.code && *err.message && utf8_is_printable(err.message));
    if (status == SSH_FAILED)
        promise(is_among(-r, ssh_codes, ARRAY_SIZE(ssh_codes)));
    else
        promise(is_among(-r, program_codes, ARRAY_SIZE(program_codes)));
    promise(r != -ECONNRESET || ssh_may_fare_better(status, output)); /* nothing has begun there */
    promise(!ssh_may_fare_better(status, output) || r == -ECONNRESET || r == -EIO);
}

/* Lines of @dropped are lines of @text, and in their order. */
static void check_dropped(const struct text *text, const struct text *dropped)
{
    size_t from = 0;

    for (size_t at = 0, next; at < dropped->length; at = next) {
        const char *newline = memchr(dropped->data + at, '\n', dropped->length - at), *found;

        next = newline ? (size_t)(newline + 1 - dropped->data) : dropped->length;
        found = memmem(text->data + from, text->length - from, dropped->data + at, next - at);
        promise(found);
        from = (size_t)(found - text->data) + (next - at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_text struct text text = TEXT_INIT, dropped = TEXT_INIT;
    cleanup_free char *input = input_text(data, size);
    char *output = input, *line = strsep(&output, "\n");
    int status = atoi(line) & 0xff;
    size_t length, skipped = output ? (size_t)(output - input) : size;

    text_add_bytes(&text, data + skipped, size - skipped);
    text_add_bytes(&dropped, data + skipped, size - skipped);
    ssh_drop_chatter(&dropped);
    check_dropped(&text, &dropped);
    length = dropped.length;
    ssh_drop_chatter(&dropped);
    promise(dropped.length == length); /* all of it has gone */
    ssh_drop_farewell(&dropped);
    promise(dropped.length <= length);
    check_explanation(status, dropped.data);
    check_explanation(status, text.data);
    return 0;
}
