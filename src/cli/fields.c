/* The configuration's fields as people spell them. */
#include "cli/fields.h"

#include <string.h>

enum { FIELD_GPU_MEMORY, FIELD_GPUS, FIELD_NAME };

const char *const field_names[FIELD_COUNT + 1] = {
    [FIELD_GPU_MEMORY] = "gpu-memory", [FIELD_GPUS] = "gpus", [FIELD_NAME] = "name", NULL};

int field_find(const char *name)
{
    int field = 0;

    while (field < FIELD_COUNT - 1 && strcmp(field_names[field], name) != 0)
        field++;
    return field;
}

unsigned field_bit(int field)
{
    static const unsigned bits[FIELD_COUNT] = {
        [FIELD_GPU_MEMORY] = GENV_CONFIG_GPU_MEMORY, [FIELD_GPUS] = GENV_CONFIG_GPUS, [FIELD_NAME] = GENV_CONFIG_NAME};

    return bits[field];
}

void field_add_value(struct text *text, int field, const struct genv_config *config)
{
    char amount[GENV_AMOUNT_SIZE];

    if (field == FIELD_NAME)
        text_add(text, config->name);
    if (field == FIELD_GPUS && config->gpus >= 0)
        text_addf(text, "%d", config->gpus);
    if (field == FIELD_GPU_MEMORY && config->gpu_memory) {
        genv_amount_format(config->gpu_memory, amount);
        text_add(text, amount);
    }
}

int field_parse(int field, const char *value, struct genv_config *config, struct genv_error *err)
{
    static const struct option types[FIELD_COUNT] = {
        [FIELD_GPU_MEMORY] = {.type = OPTION_AMOUNT},
        [FIELD_GPUS] = {.type = OPTION_COUNT},
        [FIELD_NAME] = {.type = OPTION_NAME},
    };
    const char *name;
    int r;

    if (field == FIELD_GPU_MEMORY)
        return option_parse_value(&types[field], value, &config->gpu_memory, err);
    if (field == FIELD_GPUS)
        return option_parse_value(&types[field], value, &config->gpus, err);
    r = option_parse_value(&types[field], value, &name, err);
    if (r == 0)
        copy_string(config->name, sizeof(config->name), name);
    return r;
}

void fields_add(struct text *text, int field, const struct genv_config *config)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        cleanup_text struct text value = TEXT_INIT;

        field_add_value(&value, i, config);
        if (!value.length || (field >= 0 && field != i))
            continue;
        if (field < 0)
            text_addf(text, "%s: ", field_names[i]);
        text_addf(text, "%s\n", value.data);
    }
}

unsigned config_options_apply(const struct config_options *options, struct genv_config *config)
{
    unsigned fields = 0;

    if (options->name) {
        copy_string(config->name, sizeof(config->name), options->name);
        fields |= GENV_CONFIG_NAME;
    }
    if (options->gpus >= 0) {
        config->gpus = options->gpus;
        fields |= GENV_CONFIG_GPUS;
    }
    if (options->gpu_memory) {
        config->gpu_memory = options->gpu_memory;
        fields |= GENV_CONFIG_GPU_MEMORY;
    }
    return fields;
}
