/* The variables that carry an environment into a shell or a command. */
#include "cli/variables.h"

#include <string.h>

#include "base/error.h"

/* What CUDA_VISIBLE_DEVICES says: indices, or UUIDs, which stay true where a container or cgroup renumbers devices. */
static void add_devices(struct text *text, const struct genv_env *env)
{
    const char *form = getenv("GENV_VISIBLE_DEVICES");
    bool by_uuid = form && strcmp(form, "uuid") == 0;

    for (size_t i = 0; i < env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->attachments[i];
        const char *comma = text->length ? "," : "";

        if (attachment->index < 0)
            continue;
        if (by_uuid)
            text_addf(text, "%s%s", comma, attachment->uuid);
        else
            text_addf(text, "%s%d", comma, attachment->index);
    }
    if (text->length == 0)
        text_add(text, "-1");
}

int variables_of(const struct genv_env *env, struct variables *ret_variables, struct genv_error *err)
{
    struct variables *variables = ret_variables;
    const struct genv_config *config = &env->config;

    *variables = (struct variables){.gpus = ""};
    if (config->gpus >= 0)
        snprintf(variables->gpus, sizeof(variables->gpus), "%d", config->gpus);
    if (config->gpu_memory)
        genv_amount_format(config->gpu_memory, variables->gpu_memory);
    add_devices(&variables->devices, env);
    if (variables->devices.failed)
        return error_no_memory(err);

    const struct shell_variable items[VARIABLES_COUNT] = {
        {"GENV_ENVIRONMENT_ID", env->eid},
        {"GENV_ENVIRONMENT_NAME", config->name[0] ? config->name : NULL},
        {"GENV_GPUS", config->gpus >= 0 ? variables->gpus : NULL},
        {"GENV_GPU_MEMORY", config->gpu_memory ? variables->gpu_memory : NULL},
        {"CUDA_VISIBLE_DEVICES", variables->devices.data},
        {"CUDA_DEVICE_ORDER", "PCI_BUS_ID"},
    };
    memcpy(variables->items, items, sizeof(items));
    return 0;
}

void variables_release(struct variables *variables)
{
    text_release(&variables->devices);
}
