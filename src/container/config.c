/* A container's config.json: read, changed and written. */
#include "container/config.h"

#include <errno.h>
#include <string.h>

/* A number that jansson would change stands for itself in a string meanwhile. No string of a config.json begins so:
 * U+0001 is no character of a path, variable or name. */
#define KEPT      "\"\\u0001genv "
#define KEPT_SIZE (sizeof(KEPT) - 1)

#define DIGITS_MAX 18 /* of what surely fits into 64 bits with a sign */

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

/* The length of the string at @text, with both quotes; what follows the last quote's place is none. */
static size_t skip_string(const char *text, const char *end)
{
    const char *c = text + 1;

    while (c < end && *c != '"')
        c += *c == '\\' && c + 1 < end ? 2 : 1;
    return (size_t)((c < end ? c + 1 : end) - text);
}

static bool is_plain(const char *number, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (number[i] == '.' || number[i] == 'e' || number[i] == 'E')
            return false;
    }
    return length <= DIGITS_MAX;
}

/* Whether it is a number as JSON has it; what is not stays for the parser to refuse. */
static bool is_number(const char *text, size_t length)
{
    const char *end = text + length, *c = text + (*text == '-');
    size_t digits = 0;

    if (c + 1 < end && *c == '0' && c[1] >= '0' && c[1] <= '9')
        return false;
    for (; c < end && *c >= '0' && *c <= '9'; c++)
        digits++;
    if (digits && c < end && *c == '.') {
        for (c++, digits = 0; c < end && *c >= '0' && *c <= '9'; c++)
            digits++;
    }
    if (digits && c < end && (*c == 'e' || *c == 'E')) {
        c += 1 + (c + 1 < end && (c[1] == '+' || c[1] == '-'));
        for (digits = 0; c < end && *c >= '0' && *c <= '9'; c++)
            digits++;
    }
    return digits && c == end;
}

static void keep_numbers(struct text *target, const char *text, size_t length)
{
    const char *end = text + length, *from = text;

    for (const char *c = text; c < end;) {
        size_t size = 1;

        if (*c == '"') {
            size = skip_string(c, end);
        } else if (*c == '-' || (*c >= '0' && *c <= '9')) {
            while (c + size < end && is_of_number(c[size]))
                size++;
            if (!is_plain(c, size) && is_number(c, size)) {
                text_add_bytes(target, from, (size_t)(c - from));
                text_addf(target, KEPT "%.*s\"", (int)size, c);
                from = c + size;
            }
        }
        c += size;
    }
    text_add_bytes(target, from, (size_t)(end - from));
}

json_t *config_parse(const char *text, size_t length, struct genv_error *err)
{
    cleanup_text struct text kept = TEXT_INIT;

    if (memmem(text, length, KEPT, KEPT_SIZE)) {
        error_set(err, EINVAL, "a string begins with a control character");
        return NULL;
    }
    keep_numbers(&kept, text, length);
    if (kept.failed) {
        error_no_memory(err);
        return NULL;
    }
    return json_parse(kept.data ? kept.data : "", kept.length, err);
}

static char *format(const json_t *config, size_t flags, const char *end, size_t *ret_length)
{
    cleanup_free char *text = json_dumps(config, flags | JSON_ENCODE_ANY);
    cleanup_text struct text target = TEXT_INIT;
    const char *from = text, *at;

    if (!text)
        return NULL;
    for (const char *rest = text; (at = strstr(rest, KEPT));) {
        const char *number = at + KEPT_SIZE, *quote = strchr(number, '"');

        rest = number;
        if (!quote || !is_number(number, (size_t)(quote - number)))
            continue;
        text_add_bytes(&target, from, (size_t)(at - from));
        text_add_bytes(&target, number, (size_t)(quote - number));
        from = rest = quote + 1;
    }
    text_add(&target, from);
    text_add(&target, end);
    *ret_length = target.length;
    return text_take(&target);
}

char *config_format(const json_t *config, size_t *ret_length)
{
    return format(config, JSON_COMPACT, "", ret_length);
}

char *config_format_indented(const json_t *config, size_t *ret_length)
{
    return format(config, JSON_INDENT(4), "\n", ret_length);
}

/* The member @name, which is to be of @type, in @object. */
static json_t *member(json_t *object, const char *name, json_type type, struct genv_error *err)
{
    json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value)) {
        value = type == JSON_OBJECT ? json_object() : json_array();
        if (json_object_set_new(object, name, value) < 0) {
            error_no_memory(err);
            return NULL;
        }
    }
    if (json_typeof(value) == type)
        return value;
    error_set(err, EINVAL, "'%s' is not %s", name, type == JSON_OBJECT ? "an object" : "a list");
    return NULL;
}

json_t *config_object(json_t *object, const char *path, struct genv_error *err)
{
    char name[64];

    while (object && *path) {
        size_t length = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        object = member(object, name, JSON_OBJECT, err);
        path += length + (path[length] == '.');
    }
    return object;
}

json_t *config_list(json_t *object, const char *name, struct genv_error *err)
{
    return member(object, name, JSON_ARRAY, err);
}

static bool is_variable(const json_t *item, const char *name, size_t length)
{
    const char *text = json_string_value(item);

    return text && strncmp(text, name, length) == 0 && text[length] == '=';
}

const char *config_variable(const json_t *env, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = json_array_size(env); i-- > 0;) {
        const json_t *item = json_array_get(env, i);

        if (is_variable(item, name, length))
            return json_string_value(item) + length + 1;
    }
    return NULL;
}

int config_set_variable(json_t *env, const char *name, const char *value)
{
    cleanup_text struct text text = TEXT_INIT;
    size_t length = strlen(name);
    bool set = !value;

    text_addf(&text, "%s=%s", name, value ? value : "");
    if (text.failed)
        return -ENOMEM;
    for (size_t i = json_array_size(env); i-- > 0;) {
        if (!is_variable(json_array_get(env, i), name, length))
            continue;
        if (set ? json_array_remove(env, i) < 0 : json_array_set_new(env, i, json_string(text.data)) < 0)
            return -ENOMEM;
        set = true;
    }
    return set || json_array_append_new(env, json_string(text.data)) == 0 ? 0 : -ENOMEM;
}
