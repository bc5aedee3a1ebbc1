/* JSON to and from plain structs, by table: one table says how a struct reads and how it is written. */
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static int refuse(struct genv_error *err, const char *key, const char *expected)
{
    return error_set(err, EINVAL, "'%s' is not %s", key ? key : "element", expected);
}

static size_t array_max(const struct json_field *field)
{
    return field->max ? field->max : JSON_ARRAY_MAX;
}

static int decode_array(const json_t *value, const struct json_field *field, char *object, bool *ret_rest,
                        struct genv_error *err)
{
    size_t count = json_array_size(value), *ret_count = (size_t *)(void *)(object + field->count_offset);
    const struct json_table *element = field->element;
    char *elements;

    if (!json_is_array(value))
        return refuse(err, field->key, "an array");
    if (count > array_max(field))
        return error_set(err, EINVAL, "'%s' has %zu elements (limit %zu)", field->key, count, array_max(field));
    elements = calloc(count ? count : 1, element->size);
    if (!elements)
        return error_no_memory(err);
    *(void **)(void *)(object + field->offset) = elements;
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        int r = json_decode_some(json_array_get(value, i), element, elements + i * element->size, ret_rest, err);

        if (r < 0)
            return error_prefix(err, r, "%s[%zu]", field->key, i);
    }
    return 0;
}

static int decode_text(const json_t *value, const struct json_field *field, char *object, struct genv_error *err)
{
    const char *string = json_string_value(value);

    /* A NUL inside would make two different texts read alike. */
    if (!string || strlen(string) != json_string_length(value) || !utf8_is_printable(string))
        return refuse(err, field->key, "text without control characters");
    if (strlen(string) >= field->size)
        return error_set(err, EINVAL, "'%s' is too long", field->key ? field->key : "element");
    if (field->kind == JSON_KIND_TEXT) {
        copy_string(object + field->offset, field->size, string);
        return 0;
    }
    *(char **)(void *)(object + field->offset) = strdup(string);
    return *(char **)(void *)(object + field->offset) ? 0 : error_no_memory(err);
}

static int decode_field(const json_t *value, const struct json_field *field, char *object, bool *ret_rest,
                        struct genv_error *err)
{
    void *target = object + field->offset;
    json_int_t number = json_integer_value(value);

    switch (field->kind) {
    case JSON_KIND_TEXT:
    case JSON_KIND_STRING:
        return decode_text(value, field, object, err);
    case JSON_KIND_U64:
        if (!json_is_integer(value) || number < 0)
            return refuse(err, field->key, "a whole number");
        *(uint64_t *)target = (uint64_t)number;
        return 0;
    case JSON_KIND_I32:
        if (!json_is_integer(value) || number < 0 || number > INT_MAX)
            return refuse(err, field->key, "a whole number below 2^31");
        *(int *)target = (int)number;
        return 0;
    case JSON_KIND_REAL:
        if (!json_is_number(value))
            return refuse(err, field->key, "a number");
        *(double *)target = json_number_value(value);
        return 0;
    case JSON_KIND_BOOL:
        if (!json_is_boolean(value))
            return refuse(err, field->key, "true or false");
        *(bool *)target = json_is_true(value);
        return 0;
    case JSON_KIND_TIME:
        if (!json_is_string(value) || rfc3339_parse(json_string_value(value), target) < 0)
            return refuse(err, field->key, "an RFC 3339 time");
        return 0;
    case JSON_KIND_ARRAY:
        return decode_array(value, field, object, ret_rest, err);
    }
    return -EINVAL;
}

static void set_absent(const struct json_field *field, char *object)
{
    if (field->kind == JSON_KIND_U64)
        *(uint64_t *)(void *)(object + field->offset) = (uint64_t)field->absent;
    else if (field->kind == JSON_KIND_I32)
        *(int *)(void *)(object + field->offset) = (int)field->absent;
    else if (field->kind == JSON_KIND_REAL)
        *(double *)(void *)(object + field->offset) = (double)field->absent;
}

int json_decode_some(const json_t *json, const struct json_table *table, void *object, bool *ret_rest,
                     struct genv_error *err)
{
    size_t known = 0;

    if (table->field_count == 1 && !table->fields->key)
        return decode_field(json, table->fields, object, ret_rest, err);
    if (!json_is_object(json))
        return error_set(err, EINVAL, "not a JSON object");
    for (size_t i = 0; i < table->field_count; i++) {
        const struct json_field *field = &table->fields[i];
        const json_t *value = json_object_get(json, field->key);
        int r;

        known += value != NULL;
        if (field->derived)
            continue;
        if (value ? field->nullable && json_is_null(value) : field->optional) {
            set_absent(field, object);
            continue;
        }
        if (!value)
            return error_set(err, EINVAL, "'%s' is missing", field->key);
        r = decode_field(value, field, object, ret_rest, err);
        if (r < 0)
            return r;
    }
    *ret_rest |= known < json_object_size(json);
    return 0;
}

int json_decode(const json_t *json, const struct json_table *table, void *object, struct genv_error *err)
{
    return json_decode_some(json, table, object, &(bool){false}, err);
}

/* Each of these reads at *@text, which ends with a NUL, and moves behind what it has read. What JSON allows and
 * json_dumps() never writes is refused, so that what is read here reads alike there. */
static bool skip(const char **text, const char *expected)
{
    size_t length = strlen(expected);

    if (strncmp(*text, expected, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool scan_text(const char **text, char *target, size_t size)
{
    const char *begin = *text + 1;
    size_t length;

    if (**text != '"')
        return false;
    length = strcspn(begin, "\"\\");
    if (begin[length] != '"' || length >= size)
        return false;
    memcpy(target, begin, length);
    target[length] = '\0';
    *text = begin + length + 1;
    return utf8_is_printable(target);
}

static bool scan_string(const char **text, char **target, size_t size)
{
    size_t length = strcspn(*text, "\"") == 0 ? strcspn(*text + 1, "\"\\") : size;

    if (length >= size)
        return false;
    free(*target);
    *target = malloc(length + 1);
    return *target && scan_text(text, *target, length + 1);
}

static bool scan_number(const char **text, uint64_t max, uint64_t *ret_number)
{
    size_t length = strspn(*text, "0123456789");
    char digits[20];

    if (length == 0 || length >= sizeof(digits) || (**text == '0' && length > 1))
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length;
    return text_to_u64(digits, max, ret_number) == 0;
}

static bool scan_object(const char **text, const struct json_table *table, char *object);

static bool scan_array(const char **text, const struct json_field *field, char *object)
{
    size_t *count = (size_t *)(void *)(object + field->count_offset), size = field->element->size, room = 0;
    char **elements = (char **)(void *)(object + field->offset);

    if (!skip(text, "["))
        return false;
    while (!skip(text, "]")) {
        size_t index = *count;

        if (index == room) {
            char *grown = room < array_max(field) ? reallocarray(*elements, room * 2 + 1, size) : NULL;

            if (!grown)
                return false;
            *elements = grown;
            room = room * 2 + 1;
        }
        memset(*elements + index * size, 0, size);
        ++*count;
        if ((index && !skip(text, ",")) || !scan_object(text, field->element, *elements + index * size))
            return false;
    }
    return *count <= array_max(field);
}

static bool scan_field(const char **text, const struct json_field *field, char *object)
{
    void *target = object + field->offset;
    char time[RFC3339_SIZE];
    uint64_t number;

    switch (field->kind) {
    case JSON_KIND_TEXT:
        return scan_text(text, target, field->size);
    case JSON_KIND_STRING:
        return scan_string(text, target, field->size);
    case JSON_KIND_U64:
        return scan_number(text, INT64_MAX, target);
    case JSON_KIND_I32:
        if (!scan_number(text, INT_MAX, &number))
            return false;
        *(int *)target = (int)number;
        return true;
    case JSON_KIND_BOOL:
        *(bool *)target = skip(text, "true");
        return *(bool *)target || skip(text, "false");
    case JSON_KIND_TIME:
        return scan_text(text, time, sizeof(time)) && rfc3339_parse(time, target) == 0;
    case JSON_KIND_ARRAY:
        return scan_array(text, field, object);
    case JSON_KIND_REAL: /* no form of its own */
        break;
    }
    return false;
}

static bool scan_object(const char **text, const struct json_table *table, char *object)
{
    const char *separator = "{";

    if (!table->fields->key)
        return false;
    for (size_t i = 0; i < table->field_count; i++) {
        const struct json_field *field = &table->fields[i];
        const char *key = *text;

        if (skip(&key, separator) && skip(&key, "\"") && skip(&key, field->key) && skip(&key, "\":")) {
            *text = key;
            separator = ",";
            if (!scan_field(text, field, object))
                return false;
        } else if (field->optional) {
            set_absent(field, object);
        } else {
            return false;
        }
    }
    return *separator == ',' && skip(text, "}");
}

bool json_decode_compact(const char *text, size_t length, const struct json_table *table, void *object)
{
    const char *rest = text;

    return scan_object(&rest, table, object) && rest == text + length;
}

static json_t *encode_array(const struct json_field *field, const char *object)
{
    size_t count = *(const size_t *)(const void *)(object + field->count_offset);
    const char *elements = *(char *const *)(const void *)(object + field->offset);
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, json_encode(field->element, elements + i * field->element->size)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

bool json_is_absent(const struct json_field *field, const void *object)
{
    const void *source = (const char *)object + field->offset;

    switch (field->kind) {
    case JSON_KIND_TEXT:
        return !*(const char *)source;
    case JSON_KIND_STRING:
        return !*(char *const *)source || !**(char *const *)source;
    case JSON_KIND_U64:
        return *(const uint64_t *)source == (uint64_t)field->absent;
    case JSON_KIND_I32:
        return *(const int *)source == field->absent || *(const int *)source < 0;
    case JSON_KIND_REAL:
        return *(const double *)source == (double)field->absent;
    case JSON_KIND_BOOL:
        return !field->nullable && !*(const bool *)source;
    case JSON_KIND_ARRAY:
        return *(const size_t *)(const void *)((const char *)object + field->count_offset) == 0;
    case JSON_KIND_TIME:
        return ((const struct timespec *)source)->tv_sec == 0 && ((const struct timespec *)source)->tv_nsec == 0;
    }
    return false;
}

static json_t *encode_text(const char *text)
{
    cleanup_free char *printable = NULL;

    if (utf8_is_printable(text))
        return json_string_nocheck(text);
    printable = strdup(text);
    if (!printable)
        return NULL;
    utf8_make_printable(printable);
    return json_string(printable);
}

static json_t *encode_field(const struct json_field *field, const char *object)
{
    const void *source = object + field->offset;
    char time[RFC3339_SIZE];

    if (field->nullable && json_is_absent(field, object))
        return json_null();
    switch (field->kind) {
    case JSON_KIND_TEXT:
        return encode_text(source);
    case JSON_KIND_STRING:
        return encode_text(*(char *const *)source ? *(char *const *)source : "");
    case JSON_KIND_U64:
        return json_integer((json_int_t) * (const uint64_t *)source);
    case JSON_KIND_I32:
        return json_integer(*(const int *)source);
    case JSON_KIND_REAL:
        return json_real(*(const double *)source);
    case JSON_KIND_BOOL:
        return json_boolean(*(const bool *)source);
    case JSON_KIND_TIME:
        rfc3339_format(*(const struct timespec *)source, time);
        return json_string(time);
    case JSON_KIND_ARRAY:
        return encode_array(field, object);
    }
    return NULL;
}

json_t *json_encode(const struct json_table *table, const void *object)
{
    cleanup_json json_t *json = NULL;

    if (table->field_count == 1 && !table->fields->key)
        return encode_field(table->fields, object);
    json = json_object();
    for (size_t i = 0; json && i < table->field_count; i++) {
        const struct json_field *field = &table->fields[i];

        if (field->optional && !field->nullable && json_is_absent(field, object))
            continue;
        if (json_object_set_new_nocheck(json, field->key, encode_field(field, object)) < 0)
            return NULL;
    }
    return STEAL_POINTER(json);
}

static bool is_known(const struct json_table *table, const char *key)
{
    for (size_t i = 0; i < table->field_count; i++) {
        if (strcmp(table->fields[i].key, key) == 0)
            return true;
    }
    return false;
}

/* The values of the fields that tell @element from others, as text; free() it. NULL: out of memory. */
static char *identify(const json_t *element, const struct json_table *table)
{
    cleanup_json json_t *values = json_array();

    for (size_t i = 0; i < table->field_count; i++) {
        if (table->fields[i].identity && json_array_append(values, json_object_get(element, table->fields[i].key)) < 0)
            return NULL;
    }
    return json_dumps(values, JSON_COMPACT);
}

/* By a table of the identities: comparing each with each would let a hostile array keep us for long. */
static int keep_rest_of_elements(json_t *array, const json_t *source, const struct json_table *element)
{
    cleanup_json json_t *old = json_object();
    json_t *value;
    size_t i;

    json_array_foreach (source, i, value) {
        cleanup_free char *identity = identify(value, element);

        if (!identity || json_object_set(old, identity, value) < 0)
            return -ENOMEM;
    }
    json_array_foreach (array, i, value) {
        cleanup_free char *identity = identify(value, element);
        int r = identity ? json_keep_rest(value, json_object_get(old, identity), element) : -ENOMEM;

        if (r < 0)
            return r;
    }
    return 0;
}

int json_keep_rest(json_t *json, const json_t *source, const struct json_table *table)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)source, key, value) {
        if (!is_known(table, key) && json_object_set(json, key, value) < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < table->field_count; i++) {
        const struct json_field *field = &table->fields[i];
        int r = field->kind != JSON_KIND_ARRAY
                    ? 0
                    : keep_rest_of_elements(json_object_get(json, field->key), json_object_get(source, field->key),
                                            field->element);

        if (r < 0)
            return r;
    }
    return 0;
}

/* At least what the values of @text weigh: more where a string holds such characters. */
static size_t weigh(const char *text, size_t length)
{
    size_t weight = 0;

    for (size_t i = 0; i < length; i++)
        weight += text[i] == '{' ? 4 : text[i] == '[' ? 2 : text[i] == ',';
    return weight;
}

/* jansson calls itself for each level, up to 2048, on what stack there is. */
static bool is_too_deep(const char *text, size_t length)
{
    bool in_string = false;
    unsigned depth = 0;

    for (size_t i = 0; i < length; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '[' || text[i] == '{') && ++depth > JSON_DEPTH_MAX)
            return true;
        else if (!in_string && depth && (text[i] == ']' || text[i] == '}'))
            depth--;
    }
    return false;
}

json_t *json_parse(const char *text, size_t length, struct genv_error *err)
{
    json_error_t reason;
    json_t *json = NULL;

    if (is_too_deep(text, length)) {
        error_set(err, EINVAL, "nested too deeply (limit %d levels)", JSON_DEPTH_MAX);
        return NULL;
    }
    if (weigh(text, length) > JSON_WEIGHT_MAX) {
        error_set(err, EINVAL, "too many values");
        return NULL;
    }
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
    if (!json)
        error_set(err, EINVAL, "invalid JSON: line %d: %s", reason.line, reason.text);
    return json;
}
