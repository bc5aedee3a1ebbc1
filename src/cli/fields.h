/* The configuration's fields in options and on the screen. */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/text.h"
#include "option/option.h"

/* Their names, NULL-terminated, as `genv config` lists them: the last row of the table comes first. */
extern const char *const field_names[];
/* The field called @name, which is known to be one. */
enum genv_config_field field_find(const char *name);

/* Adds the field's bare value, nothing while it is not configured. */
void field_add_value(struct text *text, enum genv_config_field field, const struct genv_config *config);
/* Adds those of @fields that are configured: all of them (GENV_CONFIG_ALL) as lines "gpus: 2", one as its bare value.
 */
void fields_add(struct text *text, unsigned fields, const struct genv_config *config);

/* GENV_CONFIG_FIELDS(FIELD_OPTION): their options, for a command whose `struct values` has a struct genv_config
 * "config". What is not given is not configured there. */
#define FIELD_OPTION(bit, member, kind, called, variable, title, value, sentence)                                      \
    {.name = (called),                                                                                                 \
     .type = OPTION_FIELD,                                                                                             \
     .argument = (value),                                                                                              \
     .help = (sentence),                                                                                               \
     .offset = offsetof(struct values, config),                                                                        \
     .field = GENV_CONFIG_##bit},

#endif
