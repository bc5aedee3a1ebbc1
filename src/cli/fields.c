/* The configuration's fields in options and on the screen. */
#include "cli/fields.h"

#include <string.h>

enum {
#define POSITION(bit, ...) POSITION_##bit,
    GENV_CONFIG_FIELDS(POSITION) FIELD_COUNT
};

#define LISTED(bit) [FIELD_COUNT - 1 - POSITION_##bit]

#define NAME(bit, member, kind, called, ...) LISTED(bit) = (called),
const char *const field_names[FIELD_COUNT + 1] = {GENV_CONFIG_FIELDS(NAME)};

#define FIELD(bit, ...) LISTED(bit) = GENV_CONFIG_##bit,
static const enum genv_config_field bits[FIELD_COUNT] = {GENV_CONFIG_FIELDS(FIELD)};

enum genv_config_field field_find(const char *name)
{
    int i = 0;

    while (i < FIELD_COUNT - 1 && strcmp(field_names[i], name) != 0)
        i++;
    return bits[i];
}

void field_add_value(struct text *text, enum genv_config_field field, const struct genv_config *config)
{
    char value[GENV_CONFIG_TEXT_SIZE];

    genv_config_format(config, field, value);
    text_add(text, value);
}

void fields_add(struct text *text, unsigned fields, const struct genv_config *config)
{
    char value[GENV_CONFIG_TEXT_SIZE];

    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!(fields & bits[i]) || !genv_config_format(config, bits[i], value))
            continue;
        if (fields == GENV_CONFIG_ALL)
            text_addf(text, "%s: ", field_names[i]);
        text_addf(text, "%s\n", value);
    }
}
