/* The variables that carry an environment into a process, for shells, commands and containers alike. */
#include <string.h>

#include "base/text.h"
#include "libgenv/handle.h"
#include "model/config.h"

enum {
    VARIABLE_EID,
    VARIABLE_SHELL,
    VARIABLE_CONFIG,
    VARIABLE_DEVICES = VARIABLE_CONFIG + CONFIG_FIELD_COUNT,
    VARIABLE_ORDER,
    VARIABLE_COUNT,
};

static const char *name_of(int variable)
{
    switch (variable) {
    case VARIABLE_EID:
        return "GENV_ENVIRONMENT_ID";
    case VARIABLE_SHELL:
        return "GENV_SHELL"; /* scripts written for the Python genv ask for it */
    case VARIABLE_DEVICES:
        return driver_nvml.words->visible_variable; /* of the only vendor yet: each has its own */
    case VARIABLE_ORDER:
        return driver_nvml.words->order_variable;
    default:
        return config_fields[variable - VARIABLE_CONFIG].variable;
    }
}

static void add_devices(struct text *text, const struct genv_env *env, bool by_uuid)
{
    size_t before = text->length;

    for (size_t i = 0; i < env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->attachments[i];
        const char *comma = text->length > before ? "," : "";

        if (attachment->index < 0)
            continue;
        if (by_uuid)
            text_addf(text, "%s%s", comma, attachment->device.uuid);
        else
            text_addf(text, "%s%d", comma, attachment->index);
    }
    if (text->length == before)
        text_add(text, "-1");
}

/* Adds the value. Returns whether the variable is set. */
static bool add_value(struct text *text, const struct genv_env *env, int variable, bool by_uuid)
{
    char value[GENV_CONFIG_TEXT_SIZE];

    switch (variable) {
    case VARIABLE_EID:
        text_add(text, env->eid);
        return true;
    case VARIABLE_SHELL:
        text_add(text, "1");
        return true;
    case VARIABLE_DEVICES:
        add_devices(text, env, by_uuid);
        return true;
    case VARIABLE_ORDER:
        text_add(text, driver_nvml.words->order);
        return true;
    default:
        if (!genv_config_format(&env->config, config_fields[variable - VARIABLE_CONFIG].bit, value))
            return false;
        text_add(text, value);
        return true;
    }
}

GENV_PUBLIC int genv_variables(const struct genv_env *env, bool by_uuid, struct genv_variable **ret_variables,
                               struct genv_error *err)
{
    const char *form = getenv("GENV_VISIBLE_DEVICES");
    cleanup_text struct text values = TEXT_INIT;
    size_t begin[VARIABLE_COUNT];
    bool is_set[VARIABLE_COUNT];
    struct genv_variable *variables;
    char *texts;

    by_uuid = by_uuid || (form && strcmp(form, "uuid") == 0) || (env && (env->counted_otherwise || env->isolated));
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        begin[i] = values.length;
        is_set[i] = env && add_value(&values, env, i, by_uuid);
        text_add_bytes(&values, "", 1);
    }
    /* One block: the array, then the values that it points to. */
    variables = values.failed ? NULL : calloc(1, (VARIABLE_COUNT + 1) * sizeof(*variables) + values.length);
    if (!variables)
        return error_no_memory(err);
    texts = (char *)(variables + VARIABLE_COUNT + 1);
    memcpy(texts, values.data, values.length);
    for (int i = 0; i < VARIABLE_COUNT; i++)
        variables[i] = (struct genv_variable){name_of(i), is_set[i] ? texts + begin[i] : NULL};
    *ret_variables = variables;
    return 0;
}
