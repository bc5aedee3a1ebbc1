/* The configuration's fields as people spell them. */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/text.h"
#include "cli/option.h"

#define FIELD_COUNT 3

extern const char *const field_names[]; /* NULL-terminated, in the order in which they are shown */

/* The position of @name in field_names, which is known to be there. */
int field_find(const char *name);
/* Its bit of enum genv_config_field. */
unsigned field_bit(int field);
/* Adds its bare value, nothing while it is not configured. */
void field_add_value(struct text *text, int field, const struct genv_config *config);
/* Reads @value into @config. */
int field_parse(int field, const char *value, struct genv_config *config, struct genv_error *err);

/* Adds one field's bare value as a line, or (@field -1) all that are configured, "gpus: 2" a line. */
void fields_add(struct text *text, int field, const struct genv_config *config);

#endif
