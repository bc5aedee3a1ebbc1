/* The configuration's fields as people spell them. */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/text.h"
#include "option/option.h"

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

/* What the options --name, --gpus and --gpu-memory ask for. */
struct config_options {
    const char *name; /* NULL: not given */
    int gpus;         /* -1: not given, as by CONFIG_OPTIONS_INIT */
    uint64_t gpu_memory;
};

#define CONFIG_OPTIONS_INIT                                                                                            \
    {                                                                                                                  \
        .gpus = -1                                                                                                     \
    }

/* Their rows, for a command whose values are a @values_type with a struct config_options named "config". */
#define CONFIG_OPTION_ROWS(values_type, gpus_help)                                                                     \
    {.name = "name",                                                                                                   \
     .type = OPTION_NAME,                                                                                              \
     .argument = "NAME",                                                                                               \
     .help = "Name of the environment",                                                                                \
     .offset = offsetof(values_type, config.name)},                                                                    \
        {.name = "gpus",                                                                                               \
         .type = OPTION_COUNT,                                                                                         \
         .argument = "N",                                                                                              \
         .help = (gpus_help),                                                                                          \
         .offset = offsetof(values_type, config.gpus)},                                                                \
    {                                                                                                                  \
        .name = "gpu-memory", .type = OPTION_AMOUNT, .argument = "AMOUNT",                                             \
        .help = "Memory to use of each device, such as 4g or 512mi; by default all of it",                             \
        .offset = offsetof(values_type, config.gpu_memory)                                                             \
    }

/* Puts what was given over @config. Returns which fields that are, a mask of enum genv_config_field. */
unsigned config_options_apply(const struct config_options *options, struct genv_config *config);

#endif
