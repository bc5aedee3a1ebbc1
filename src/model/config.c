/* The configuration of an environment, by the table of its fields. */
#include "model/config.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/env.h"
#include "model/reserved.h"

#define ROW(field, member, field_kind, called, shell_variable, ...)                                                    \
    {.bit = GENV_CONFIG_##field,                                                                                       \
     .kind = CONFIG_KIND_##field_kind,                                                                                 \
     .offset = offsetof(struct genv_config, member),                                                                   \
     .name = (called),                                                                                                 \
     .key = #member,                                                                                                   \
     .variable = (shell_variable)},

const struct config_field config_fields[CONFIG_FIELD_COUNT] = {GENV_CONFIG_FIELDS(ROW)};

_Static_assert(GENV_CONFIG_ALL == (1 << CONFIG_FIELD_COUNT) - 1, "every bit has a row");

/* What a field points to, by its kind. */
union value {
    char *name;
    int *count;
    uint64_t *amount;
};

static union value value_of(const struct config_field *field, const struct genv_config *config)
{
    void *value = (char *)config + field->offset;

    switch (field->kind) {
    case CONFIG_KIND_NAME:
        return (union value){.name = value};
    case CONFIG_KIND_COUNT:
        return (union value){.count = value};
    case CONFIG_KIND_AMOUNT:
        break;
    }
    return (union value){.amount = value};
}

static const struct config_field *find(enum genv_config_field bit)
{
    size_t i = 0;

    while (i < CONFIG_FIELD_COUNT - 1 && config_fields[i].bit != bit)
        i++;
    return &config_fields[i];
}

static bool is_given(const struct config_field *field, const struct genv_config *config)
{
    union value value = value_of(field, config);

    switch (field->kind) {
    case CONFIG_KIND_NAME:
        return *value.name;
    case CONFIG_KIND_COUNT:
        return *value.count >= 0;
    case CONFIG_KIND_AMOUNT:
        break;
    }
    return *value.amount;
}

GENV_PUBLIC unsigned genv_config_given(const struct genv_config *config)
{
    unsigned fields = 0;

    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
        fields |= is_given(&config_fields[i], config) ? config_fields[i].bit : 0;
    return fields;
}

GENV_PUBLIC void genv_config_copy(struct genv_config *config, const struct genv_config *from, unsigned fields)
{
    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
        union value to = value_of(&config_fields[i], config), value = value_of(&config_fields[i], from);

        if (!(fields & config_fields[i].bit))
            continue;
        switch (config_fields[i].kind) {
        case CONFIG_KIND_NAME:
            copy_string(to.name, GENV_NAME_MAX + 1, value.name);
            break;
        case CONFIG_KIND_COUNT:
            *to.count = *value.count;
            break;
        case CONFIG_KIND_AMOUNT:
            *to.amount = *value.amount;
            break;
        }
    }
}

static bool is_alike(const struct config_field *field, const struct genv_config *a, const struct genv_config *b)
{
    union value left = value_of(field, a), right = value_of(field, b);

    switch (field->kind) {
    case CONFIG_KIND_NAME:
        return strcmp(left.name, right.name) == 0;
    case CONFIG_KIND_COUNT:
        return *left.count == *right.count;
    case CONFIG_KIND_AMOUNT:
        break;
    }
    return *left.amount == *right.amount;
}

unsigned config_differences(const struct genv_config *a, const struct genv_config *b)
{
    unsigned fields = 0;

    for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
        fields |= is_alike(&config_fields[i], a, b) ? 0 : config_fields[i].bit;
    return fields;
}

GENV_PUBLIC int genv_config_parse(struct genv_config *config, enum genv_config_field bit, const char *text,
                                  struct genv_error *err)
{
    const struct config_field *field = find(bit);
    union value value = value_of(field, config);
    uint64_t number;
    int r = 0;

    switch (field->kind) {
    case CONFIG_KIND_NAME:
        r = genv_name_validate(text, err);
        if (r == 0)
            copy_string(value.name, GENV_NAME_MAX + 1, text);
        break;
    case CONFIG_KIND_COUNT:
        if (text_to_u64(text, DEVICE_COUNT_MAX, &number) < 0)
            return error_set(err, EINVAL, "'%.64s' is not a device count: expected a whole number from 0 to %d", text,
                             DEVICE_COUNT_MAX);
        *value.count = (int)number;
        break;
    case CONFIG_KIND_AMOUNT:
        r = genv_amount_parse(text, value.amount, err);
        break;
    }
    return r;
}

GENV_PUBLIC bool genv_config_format(const struct genv_config *config, enum genv_config_field bit, char *text)
{
    const struct config_field *field = find(bit);
    union value value = value_of(field, config);

    *text = '\0';
    if (!is_given(field, config))
        return false;
    switch (field->kind) {
    case CONFIG_KIND_NAME:
        copy_string(text, GENV_CONFIG_TEXT_SIZE, value.name);
        break;
    case CONFIG_KIND_COUNT:
        snprintf(text, GENV_CONFIG_TEXT_SIZE, "%d", *value.count);
        break;
    case CONFIG_KIND_AMOUNT:
        genv_amount_format(*value.amount, text);
        break;
    }
    return true;
}

static int validate_field(const struct config_field *field, const struct genv_config *config, struct genv_error *err)
{
    union value value = value_of(field, config);

    switch (field->kind) {
    case CONFIG_KIND_NAME:
        return *value.name ? genv_name_validate(value.name, err) : 0;
    case CONFIG_KIND_COUNT:
        if (*value.count < -1 || *value.count > DEVICE_COUNT_MAX)
            return error_set(err, EINVAL, "the device count must be from 0 to %d", DEVICE_COUNT_MAX);
        return 0;
    case CONFIG_KIND_AMOUNT:
        break;
    }
    return *value.amount > INT64_MAX ? error_set(err, EINVAL, "the memory capacity must be less than 2^63 bytes") : 0;
}

int config_validate(const struct genv_config *config, unsigned fields, struct genv_error *err)
{
    const uint64_t unknown = fields & ~(unsigned)GENV_CONFIG_ALL;
    int r = reserved_check(&unknown, 1, err);

    for (size_t i = 0; r == 0 && i < CONFIG_FIELD_COUNT; i++) {
        if (fields & config_fields[i].bit)
            r = validate_field(&config_fields[i], config, err);
    }
    return r;
}
