/* The variables that carry an environment into a shell or a command. */
#include "cli/variables.h"

#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

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
            text_addf(text, "%s%s", comma, attachment->device.uuid);
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

static int export_variables(struct genv *g, const char *eid, struct genv_error *err)
{
    cleanup_variables struct variables variables = {.gpus = ""};
    cleanup_env struct genv_env *env = NULL;
    int r = genv_env_get(g, eid, &env, err);

    if (r == 0)
        r = variables_of(env, &variables, err);
    for (size_t i = 0; r == 0 && i < VARIABLES_COUNT; i++) {
        const struct shell_variable *variable = &variables.items[i];

        if (!variable->value)
            unsetenv(variable->name);
        else if (setenv(variable->name, variable->value, 1) < 0)
            r = error_no_memory(err);
    }
    return r;
}

/* The shims in front of what was in PATH before, and nowhere else in it. */
static int export_path(const char *shims, struct genv_error *err)
{
    const char *path = getenv("PATH");
    cleanup_text struct text changed = TEXT_INIT;

    text_add(&changed, shims);
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    for (;;) {
        size_t length = strcspn(path, ":");

        if (length != strlen(shims) || memcmp(path, shims, length) != 0) {
            text_add(&changed, ":");
            text_add_bytes(&changed, path, length);
        }
        if (path[length] == '\0')
            break;
        path += length + 1;
    }
    if (changed.failed || setenv("PATH", changed.data, 1) < 0)
        return error_no_memory(err);
    return 0;
}

int variables_export(struct genv *g, const char *eid, const char *shims, struct genv_error *err)
{
    int r = export_variables(g, eid, err);

    return r < 0 ? r : export_path(shims, err);
}
