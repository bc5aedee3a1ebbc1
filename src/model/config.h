/* The configuration of an environment, by the table of its fields: GENV_CONFIG_FIELDS of <genv/types.h>. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include "base/error.h"
#include "base/json.h"

#include <genv/types.h>

enum config_kind { CONFIG_KIND_NAME, CONFIG_KIND_COUNT, CONFIG_KIND_AMOUNT };

struct config_field {
    enum genv_config_field bit;
    enum config_kind kind;
    size_t offset; /* in struct genv_config */
    const char *name, *key, *variable;
};

#define CONFIG_COUNT_ONE(...) +1
#define CONFIG_FIELD_COUNT    (0 GENV_CONFIG_FIELDS(CONFIG_COUNT_ONE))
extern const struct config_field config_fields[CONFIG_FIELD_COUNT];

/* A field's row in a JSON table of a struct @type that has the configuration as @path. */
#define CONFIG_JSON_FIELD(type, path, member, field_kind, null)                                                        \
    {                                                                                                                  \
        .key = #member, .kind = CONFIG_JSON_##field_kind, .offset = offsetof(type, path.member),                       \
        .size = sizeof(((type *)NULL)->path.member), .optional = true, .nullable = (null),                             \
        .absent = CONFIG_ABSENT_##field_kind                                                                           \
    }
#define CONFIG_JSON_NAME     JSON_KIND_TEXT
#define CONFIG_JSON_COUNT    JSON_KIND_I32
#define CONFIG_JSON_AMOUNT   JSON_KIND_U64
#define CONFIG_ABSENT_NAME   0
#define CONFIG_ABSENT_COUNT  (-1)
#define CONFIG_ABSENT_AMOUNT 0

/* The fields that are not alike, as a mask. */
unsigned config_differences(const struct genv_config *a, const struct genv_config *b);

/* -EINVAL for values in the fields of @fields, a mask, that could not be written and read again; -ENOTSUP for fields
 * that are not known. */
int config_validate(const struct genv_config *config, unsigned fields, struct genv_error *err);

#endif
