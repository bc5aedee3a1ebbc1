/* YAML as JSON, event by event. */
#include "container/from_yaml.h"

#include <errno.h>
#include <string.h>

#include <yaml.h>

#define DIGITS      "0123456789"
#define CORE_SCHEMA "tag:yaml.org,2002:"

/* What is built is reachable from the root at any time: that is all there is to free. */
struct builder {
    json_t *root;
    json_t *levels[JSON_DEPTH_MAX]; /* the lists and objects that are open; borrowed */
    size_t depth, weight;
    char *key; /* of the value that comes next in the innermost object */
};

static void builder_release(struct builder *builder)
{
    json_decref(builder->root);
    free(builder->key);
}

static int refuse(const yaml_event_t *event, const char *reason, struct genv_error *err)
{
    return error_set(err, EINVAL, "invalid YAML: line %zu: %s", event->start_mark.line + 1, reason);
}

/* An object and a list weigh as they do in JSON. */
static int check_weight(struct builder *builder, const yaml_event_t *event, size_t weight, struct genv_error *err)
{
    builder->weight += weight;
    return builder->weight > JSON_WEIGHT_MAX ? refuse(event, "too many values", err) : 0;
}

static bool expects_key(const struct builder *builder)
{
    return builder->depth && json_is_object(builder->levels[builder->depth - 1]) && !builder->key;
}

/* Takes @value, also on failure. */
static int add(struct builder *builder, json_t *value, struct genv_error *err)
{
    json_t *parent = builder->depth ? builder->levels[builder->depth - 1] : NULL;
    int r;

    if (!value)
        return error_no_memory(err);
    if (!parent) {
        builder->root = value;
        return 0;
    }
    if (json_is_array(parent))
        r = json_array_append_new(parent, value);
    else
        r = json_object_set_new(parent, builder->key, value);
    free(STEAL_POINTER(builder->key));
    return r < 0 ? error_no_memory(err) : 0;
}

/* Whether a node's tag, if it has one, is that @name of the core schema. */
static bool is_tagged(const yaml_char_t *tag, const char *name)
{
    return !tag || (strncmp((const char *)tag, CORE_SCHEMA, strlen(CORE_SCHEMA)) == 0 &&
                    strcmp((const char *)tag + strlen(CORE_SCHEMA), name) == 0);
}

static int open_level(struct builder *builder, const yaml_event_t *event, struct genv_error *err)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag = is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    const yaml_char_t *anchor = is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    json_t *value;
    int r = check_weight(builder, event, is_map ? 5 : 3, err);

    if (r < 0)
        return r;
    if (anchor)
        return refuse(event, "anchors are not supported", err);
    if (!is_tagged(tag, is_map ? "map" : "seq"))
        return refuse(event, "the tag is not supported", err);
    if (expects_key(builder))
        return refuse(event, "a key must be text", err);
    if (builder->depth == JSON_DEPTH_MAX)
        return error_set(err, EINVAL, "nested too deeply (limit %d levels)", JSON_DEPTH_MAX);
    value = is_map ? json_object() : json_array();
    r = add(builder, value, err);
    if (r == 0)
        builder->levels[builder->depth++] = value;
    return r;
}

static bool is_one_of(const char *text, const char *const words[])
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0)
            return true;
    }
    return false;
}

static const char *skip_sign(const char *text)
{
    return text + (*text == '-' || *text == '+');
}

/* The base of an integer, and where its digits begin; 0: it is none. */
static int base_of(const char *text, const char **ret_digits)
{
    static const struct {
        const char *prefix, *digits;
        int base;
    } forms[] = {{"0x", DIGITS "abcdefABCDEF", 16}, {"0o", "01234567", 8}, {"", DIGITS, 10}};

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        const char *start = forms[i].base == 10 ? skip_sign(text) : text;
        const char *digits = start + strlen(forms[i].prefix);

        if (strncmp(start, forms[i].prefix, strlen(forms[i].prefix)) != 0 || !*digits ||
            digits[strspn(digits, forms[i].digits)])
            continue;
        *ret_digits = forms[i].base == 10 ? text : digits;
        return forms[i].base;
    }
    return 0;
}

static bool is_real(const char *text)
{
    const char *c = skip_sign(text);
    size_t digits = strspn(c, DIGITS), fraction = 0, exponent = 1;

    c += digits;
    if (*c == '.') {
        fraction = strspn(++c, DIGITS);
        c += fraction;
    }
    if (*c == 'e' || *c == 'E') {
        c = skip_sign(c + 1);
        exponent = strspn(c, DIGITS);
        c += exponent;
    }
    return (digits || fraction) && exponent && !*c;
}

static json_t *make_number(const char *text, int base)
{
    json_int_t integer;

    errno = 0;
    if (!base)
        return json_real(strtod(text, NULL)); /* NULL for what has become infinite */
    integer = strtoll(text, NULL, base);
    return errno == ERANGE ? NULL : json_integer(integer);
}

/* What a scalar stands for where it is not quoted. Infinity and the like are no values of JSON, and stay text. */
static int read_plain(const yaml_event_t *event, const char *text, json_t **ret_value, const char **ret_tag,
                      struct genv_error *err)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE", NULL};
    const char *digits = text;
    int base;

    *ret_value = NULL;
    if (is_one_of(text, nulls)) {
        *ret_value = json_null();
        *ret_tag = "null";
    } else if (is_one_of(text, yes) || is_one_of(text, no)) {
        *ret_value = json_boolean(is_one_of(text, yes));
        *ret_tag = "bool";
    } else if ((base = base_of(text, &digits)) || is_real(text)) {
        *ret_value = make_number(digits, base);
        *ret_tag = base ? "int" : "float";
        if (!*ret_value)
            return refuse(event, "the number is too large", err);
    }
    return 0;
}

static int add_scalar(struct builder *builder, const yaml_event_t *event, struct genv_error *err)
{
    const yaml_char_t *tag = event->data.scalar.tag;
    const char *text = (const char *)event->data.scalar.value, *kind = "str";
    bool is_text = tag && is_tagged(tag, "str");
    json_t *value = NULL;
    int r = 0;

    if (!is_text && (tag || event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
        r = read_plain(event, text, &value, &kind, err);
    if (r < 0)
        return r;
    if (!is_tagged(tag, kind)) {
        json_decref(value);
        return refuse(event, "the tag is not supported, or does not fit the value", err);
    }
    return add(builder, value ? value : json_string(text), err);
}

static int take_key(struct builder *builder, const char *text, const yaml_event_t *event, struct genv_error *err)
{
    if (json_object_get(builder->levels[builder->depth - 1], text))
        return error_set(err, EINVAL, "invalid YAML: line %zu: duplicate key '%s'", event->start_mark.line + 1, text);
    builder->key = strdup(text);
    return builder->key ? 0 : error_no_memory(err);
}

static int take_scalar(struct builder *builder, const yaml_event_t *event, struct genv_error *err)
{
    const char *text = (const char *)event->data.scalar.value;
    int r = check_weight(builder, event, 1, err);

    if (r < 0)
        return r;
    if (event->data.scalar.anchor)
        return refuse(event, "anchors are not supported", err);
    if (strlen(text) != event->data.scalar.length)
        return refuse(event, "a NUL character is not supported", err);
    return expects_key(builder) ? take_key(builder, text, event, err) : add_scalar(builder, event, err);
}

static int take(struct builder *builder, const yaml_event_t *event, struct genv_error *err)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return builder->root ? refuse(event, "a second document begins", err) : 0;
    case YAML_ALIAS_EVENT:
        return refuse(event, "aliases are not supported", err);
    case YAML_SCALAR_EVENT:
        return take_scalar(builder, event, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_level(builder, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        return 0;
    default:
        return 0;
    }
}

/* libyaml gives no line where it cannot read the characters. */
static size_t line_of(const yaml_parser_t *parser, const char *text, size_t length)
{
    size_t line = 1;

    if (parser->error != YAML_READER_ERROR)
        return parser->problem_mark.line + 1;
    for (size_t i = 0; i < parser->problem_offset && i < length; i++)
        line += text[i] == '\n';
    return line;
}

json_t *json_from_yaml(const char *text, size_t length, struct genv_error *err)
{
    cleanup_with(builder_release) struct builder builder = {.root = NULL};
    cleanup_with(yaml_parser_delete) yaml_parser_t parser;
    bool ended = false;
    int r = 0;

    if (!yaml_parser_initialize(&parser)) {
        error_no_memory(err);
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    while (r == 0 && !ended) {
        yaml_event_t event;

        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                r = error_no_memory(err);
            else
                r = error_set(err, EINVAL, "invalid YAML: line %zu: %s", line_of(&parser, text, length),
                              parser.problem);
            break;
        }
        r = take(&builder, &event, err);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    if (r == 0 && !builder.root)
        error_set(err, EINVAL, "invalid YAML: there is no document");
    return r == 0 ? STEAL_POINTER(builder.root) : NULL;
}
