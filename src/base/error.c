/* Sentences for the user, carried up to whoever prints them. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

int error_set(struct genv_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;

        err->code = code;
        va_start(args, format);
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        utf8_make_printable(err->message);
    }
    return -code;
}

int error_set_errno(struct genv_error *err, int code, const char *format, ...)
{
    if (err) {
        char reason[128];
        size_t length;
        va_list args;

        err->code = code;
        va_start(args, format);
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        length = strlen(err->message);
        snprintf(err->message + length, sizeof(err->message) - length, ": %s",
                 strerror_r(code, reason, sizeof(reason)));
        utf8_make_printable(err->message);
    }
    return -code;
}

int error_prefix(struct genv_error *err, int code, const char *format, ...)
{
    if (err) {
        char rest[sizeof(err->message)];
        size_t length;
        va_list args;

        memcpy(rest, err->message, sizeof(rest));
        va_start(args, format);
        vsnprintf(err->message, sizeof(err->message), format, args);
        va_end(args);
        length = strlen(err->message);
        snprintf(err->message + length, sizeof(err->message) - length, ": %s", rest);
        utf8_make_printable(err->message);
    }
    return code;
}

int error_no_memory(struct genv_error *err)
{
    return error_set(err, ENOMEM, "out of memory");
}
