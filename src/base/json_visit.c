/* Plain structs, told value by value: what json_encode() writes, without JSON. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static int visit_object(const struct json_table *table, const char *key, const void *object, genv_visitor visit,
                        void *data);

static int visit_text(const char *key, const char *text, genv_visitor visit, void *data)
{
    cleanup_free char *printable = NULL;
    struct genv_value value = {.kind = GENV_VALUE_TEXT, .key = key, .text = text};

    if (!utf8_is_printable(text)) {
        printable = strdup(text);
        if (!printable)
            return -ENOMEM;
        utf8_make_printable(printable);
        value.text = printable;
    }
    return visit(&value, data);
}

static int visit_array(const struct json_field *field, const char *object, genv_visitor visit, void *data)
{
    size_t count = *(const size_t *)(const void *)(object + field->count_offset);
    const char *elements = *(char *const *)(const void *)(object + field->offset);
    int r = visit(&(struct genv_value){.kind = GENV_VALUE_LIST, .key = field->key}, data);

    for (size_t i = 0; r == 0 && i < count; i++)
        r = visit_object(field->element, NULL, elements + i * field->element->size, visit, data);
    return r ? r : visit(&(struct genv_value){.kind = GENV_VALUE_END}, data);
}

static int visit_field(const struct json_field *field, const char *object, genv_visitor visit, void *data)
{
    const void *source = object + field->offset;
    struct genv_value value = {.kind = GENV_VALUE_NULL, .key = field->key};

    if (field->nullable && json_is_absent(field, object))
        return visit(&value, data);
    switch (field->kind) {
    case JSON_KIND_TEXT:
        return visit_text(field->key, source, visit, data);
    case JSON_KIND_STRING:
        return visit_text(field->key, *(char *const *)source ? *(char *const *)source : "", visit, data);
    case JSON_KIND_U64:
        value.kind = GENV_VALUE_INTEGER;
        memcpy(&value.integer, source, sizeof(value.integer)); /* no number of ours needs the highest bit */
        break;
    case JSON_KIND_I32:
        value.kind = GENV_VALUE_INTEGER;
        value.integer = *(const int *)source;
        break;
    case JSON_KIND_REAL:
        value.kind = GENV_VALUE_REAL;
        value.real = *(const double *)source;
        break;
    case JSON_KIND_BOOL:
        value.kind = GENV_VALUE_BOOL;
        value.boolean = *(const bool *)source;
        break;
    case JSON_KIND_TIME:
        value.kind = GENV_VALUE_TIME;
        value.time = *(const struct timespec *)source;
        break;
    case JSON_KIND_ARRAY:
        return visit_array(field, object, visit, data);
    }
    return visit(&value, data);
}

static int visit_object(const struct json_table *table, const char *key, const void *object, genv_visitor visit,
                        void *data)
{
    int r;

    if (table->field_count == 1 && !table->fields->key)
        return visit_field(table->fields, object, visit, data);
    r = visit(&(struct genv_value){.kind = GENV_VALUE_OBJECT, .key = key}, data);
    for (size_t i = 0; r == 0 && i < table->field_count; i++) {
        const struct json_field *field = &table->fields[i];

        if (!field->optional || field->nullable || !json_is_absent(field, object))
            r = visit_field(field, object, visit, data);
    }
    return r ? r : visit(&(struct genv_value){.kind = GENV_VALUE_END}, data);
}

int json_visit(const struct json_table *table, const void *object, genv_visitor visit, void *data)
{
    return visit_object(table, NULL, object, visit, data);
}
