/* Text: a buffer that grows, whole numbers, UTF-8. */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static bool text_reserve(struct text *text, size_t extra)
{
    size_t needed, capacity;
    char *data;

    if (text->failed)
        return false;
    needed = text->length + extra + 1;
    if (needed <= text->capacity)
        return true;
    capacity = text->capacity ? text->capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_add_bytes(struct text *text, const void *bytes, size_t length)
{
    if (!text_reserve(text, length))
        return;
    memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        text->failed = true;
    if (!text_reserve(text, (size_t)length))
        return;
    va_start(args, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
    va_end(args);
    text->length += (size_t)length;
}

char *text_take(struct text *text)
{
    text_add_bytes(text, "", 0);
    if (text->failed)
        return NULL;
    text->length = text->capacity = 0;
    return STEAL_POINTER(text->data);
}

void text_release(struct text *text)
{
    free(text->data);
    *text = (struct text)TEXT_INIT;
}

int text_to_u64(const char *string, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (!*string)
        return -EINVAL;
    for (; *string; string++) {
        if (*string < '0' || *string > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*string - '0'), &number) || number > max)
            return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

uint64_t text_hash(uint64_t state, const char *string)
{
    for (; *string; string++)
        state = (state ^ (unsigned char)*string) * UINT64_C(0x100000001b3);
    return state;
}

size_t utf8_decode(const char *string, uint32_t *ret_character)
{
    const unsigned char *s = (const unsigned char *)string;
    uint32_t character, smallest;
    size_t length;

    if (s[0] < 0x80) {
        *ret_character = s[0];
        return s[0] ? 1 : 0;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        length = 2, character = s[0] & 0x1f, smallest = 0x80;
    } else if ((s[0] & 0xf0) == 0xe0) {
        length = 3, character = s[0] & 0x0f, smallest = 0x800;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        length = 4, character = s[0] & 0x07, smallest = 0x10000;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (s[i] & 0x3f);
    }
    if (character < smallest || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return length;
}

static bool reorders_text(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c;
}

/* The length in bytes of the printable character at @string, or 0 where there is none. */
static size_t printable_length(const char *string)
{
    uint32_t c;
    size_t length = utf8_decode(string, &c);

    if (!length || c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || reorders_text(c))
        return 0;
    return length;
}

const char *utf8_skip_mark(const char *string)
{
    static const char mark[] = "\xEF\xBB\xBF";

    return strncmp(string, mark, strlen(mark)) == 0 ? string + strlen(mark) : string;
}

bool utf8_is_printable(const char *string)
{
    for (size_t length; *string; string += length) {
        length = printable_length(string);
        if (!length)
            return false;
    }
    return true;
}

void utf8_make_printable(char *string)
{
    char *end = string;

    while (*string) {
        uint32_t ignored;
        size_t length = printable_length(string), passed = length;

        if (!length)
            passed = utf8_decode(string, &ignored); /* a whole character that is refused, or 0: a stray byte */
        if (length)
            memmove(end, string, length);
        else
            *end = '?';
        end += length ? length : 1;
        string += passed ? passed : 1;
    }
    *end = '\0';
}

void copy_string(char *target, size_t size, const char *source)
{
    size_t length = strnlen(source, size - 1);

    if (source[length]) {
        size_t start = length;

        while (start > 0 && length - start < 4 && ((unsigned char)source[start] & 0xc0) == 0x80)
            start--;
        if (((unsigned char)source[start] & 0xc0) == 0xc0) /* else it is no UTF-8 */
            length = start;
    }
    memmove(target, source, length);
    target[length] = '\0';
}
