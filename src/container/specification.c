/* The CDI specification that `genv cdi` writes. */
#include "container/specification.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "container/cdi.h"
#include "container/nodes.h"

#define KIND    "genv.dev/gpu"
#define ALL     "all"
#define VERSION "0.5.0" /* the lowest that lets names begin with a digit */

static int add_nodes(json_t *edits, const struct edit_node *nodes, size_t count, struct genv_error *err)
{
    json_t *list = count ? config_list(edits, "deviceNodes", err) : NULL;

    for (size_t i = 0; list && i < count; i++)
        json_array_append_new(list, json_pack("{ss ss si si ss}", "path", nodes[i].path, "type", "c", "major",
                                              (int)nodes[i].major, "minor", (int)nodes[i].minor, "permissions", "rw"));
    return count == 0 || json_array_size(list) == count ? 0 : error_no_memory(err);
}

/* Its name must end with a letter or digit, too. */
static int check_name(const char *eid, struct genv_error *err)
{
    if (strcmp(eid, ALL) == 0)
        return error_set(err, EINVAL, "environment %s cannot be a CDI device: that name means all devices", eid);
    if (isalnum((unsigned char)eid[strlen(eid) - 1]))
        return 0;
    return error_set(err, EINVAL, "environment %s cannot be a CDI device: the name must end with a letter or digit",
                     eid);
}

static int add_variables(json_t *edits, const struct genv_env *env, struct genv_error *err)
{
    struct genv_variable *variables;
    json_t *list = config_list(edits, "env", err);
    int r = list ? genv_variables(env, true, &variables, err) : -ENOMEM;

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && variables[i].name; i++) {
        if (variables[i].value)
            r = config_set_variable(list, variables[i].name, variables[i].value);
    }
    free(variables);
    return r < 0 ? error_no_memory(err) : 0;
}

static int add_hook(json_t *edits, struct genv *g, const struct genv_env *env, const char *runtime,
                    struct genv_error *err)
{
    json_t *hooks = config_list(edits, "hooks", err);
    json_t *args = json_pack("[ssss]", "genv-container-runtime", "--hook", "cdi", env->eid);
    json_t *hook = NULL;

    for (size_t i = 0; args && i < env->attachment_count; i++)
        json_array_append_new(args, json_string(env->attachments[i].device.uuid));
    if (args)
        hook = json_pack("{ss ss so s[s+]}", "hookName", "createRuntime", "path", runtime, "args", args, "env",
                         "GENV_TMPDIR=", genv_state_directory(g));
    return json_array_append_new(hooks, hook) == 0 ? 0 : error_no_memory(err);
}

static int add_device(json_t *devices, const char *name, json_t *edits, struct genv_error *err)
{
    json_t *device = json_pack("{ss sO}", "name", name, "containerEdits", edits);

    return json_array_append_new(devices, device) == 0 ? 0 : error_no_memory(err);
}

static int add_env(json_t *devices, struct genv *g, const struct genv_env *env, const char *runtime,
                   struct genv_error *err)
{
    cleanup_json json_t *edits = json_object();
    cleanup_free struct edit_node *nodes = NULL;
    size_t count = 0;
    int r = check_name(env->eid, err);

    if (r == 0)
        r = nodes_find(g, env, &nodes, &count, err);
    if (r == 0)
        r = add_variables(edits, env, err);
    if (r == 0)
        r = add_nodes(edits, nodes, count, err);
    if (r == 0)
        r = add_hook(edits, g, env, runtime, err);
    return r < 0 ? r : add_device(devices, env->eid, edits, err);
}

/* As if an environment had all of them. */
static int add_all(json_t *devices, struct genv *g, const struct genv_snapshot *machine, struct genv_error *err)
{
    cleanup_free struct genv_attachment *attachments = calloc(machine->device_count + 1, sizeof(*attachments));
    cleanup_json json_t *edits = json_pack("{s[s]}", "env", "CUDA_DEVICE_ORDER=PCI_BUS_ID");
    cleanup_free struct edit_node *nodes = NULL;
    struct genv_env all = {.attachments = attachments, .attachment_count = machine->device_count};
    size_t count = 0;
    int r;

    if (!attachments || !edits)
        return error_no_memory(err);
    for (size_t i = 0; i < machine->device_count; i++)
        attachments[i].device = machine->devices[i].id;
    r = nodes_find(g, &all, &nodes, &count, err);
    if (r == 0)
        r = add_nodes(edits, nodes, count, err);
    return r < 0 ? r : add_device(devices, ALL, edits, err);
}

int specification_make(struct genv *g, const struct genv_snapshot *machine, const struct genv_env *env,
                       const char *runtime, char **ret_text, struct genv_error *err)
{
    cleanup_json json_t *specification = json_pack("{ss ss}", "cdiVersion", VERSION, "kind", KIND);
    cleanup_json json_t *nvidia = NULL;
    json_t *devices, *common;
    int r = specification ? cdi_read(&nvidia, err) : error_no_memory(err);

    if (r < 0)
        return r;
    devices = config_list(specification, "devices", err);
    if (!devices)
        return error_no_memory(err);
    if (machine->device_count)
        r = add_all(devices, g, machine, err);
    if (r == 0 && env)
        r = add_env(devices, g, env, runtime, err);
    common = json_deep_copy(cdi_common(nvidia)); /* the driver's libraries */
    if (r == 0 && common && json_object_set_new(specification, "containerEdits", common) < 0)
        r = error_no_memory(err);
    if (r < 0)
        return r;
    *ret_text = json_dumps(specification, JSON_INDENT(2));
    return *ret_text ? 0 : error_no_memory(err);
}
