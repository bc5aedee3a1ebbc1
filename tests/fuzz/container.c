/* A container's config.json: what is not genv's stays, to the last digit; and after the change the container's GPUs are
 * those of the plan alone. */
#include "fuzz.h"

#include "container/cdi.h"
#include "container/daemon.h"
#include "container/edit.h"
#include "container/request.h"

static const struct genv_variable variables[] = {
    {"GENV_ENVIRONMENT_ID", "c1"}, {"CUDA_VISIBLE_DEVICES", "GPU-a"}, {"GENV_CLAIM", NULL}, {NULL, NULL}};
static const struct edit_node nodes[] = {{.uuid = "GPU-a", .path = "/dev/nvidia3", .major = NVIDIA_MAJOR, .minor = 3}};
static struct edit_mount mounts[] = {{.source = "/a b", .target = "/dev/genv"}};
static char *hook_variables[] = {"GENV_TMPDIR=/x", NULL};
static const struct edit_plan plan = {
    .eid = "c1",
    .variables = variables,
    .path_front = "/front",
    .nodes = nodes,
    .node_count = ARRAY_SIZE(nodes),
    .mounts = mounts,
    .mount_count = ARRAY_SIZE(mounts),
    .hook = "/hook",
    .variables_of_hook = hook_variables,
};

/* Reads what is written of @config, and compares. */
static void check_written(const json_t *config)
{
    size_t length;
    cleanup_free char *text = config_format(config, &length);
    cleanup_json json_t *again = text ? config_parse(text, length, NULL) : NULL;

    promise(text && strlen(text) == length);
    promise(again && json_equal(again, config));
}

static long long number(const json_t *device, const char *name)
{
    return json_integer_value(json_object_get(device, name));
}

/* Whether the container may open /dev/nvidiaN of @minor by the rules as the kernel reads them: one of all kinds makes
 * all exceptions void, and an exception is taken back by its like alone. */
static bool may_open(const json_t *rules, long long minor)
{
    bool open = false;

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i), *type = json_object_get(rule, "type");
        const char *kind = json_is_string(type) ? json_string_value(type) : "";
        bool allow = json_is_true(json_object_get(rule, "allow"));
        bool gpus = *kind == 'c' && number(rule, "major") == NVIDIA_MAJOR, one = json_object_get(rule, "minor") != NULL;

        if (!*kind || *kind == 'a' || (gpus && one && number(rule, "minor") == minor))
            open = allow;
        else if (gpus && !one && allow)
            open = true;
    }
    return open;
}

static void check_edited(json_t *config, const json_t *before)
{
    const json_t *env = json_object_get(json_object_get(config, "process"), "env");
    const json_t *devices = json_object_get(json_object_get(config, "linux"), "devices");
    const json_t *value, *rules;
    const char *key;
    size_t found = 0;

    promise(strcmp(config_variable(env, "GENV_ENVIRONMENT_ID"), "c1") == 0);
    promise(strncmp(config_variable(env, "PATH"), "/front:", 7) == 0);
    promise(!config_variable(env, "GENV_CLAIM"));
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);

        if (number(device, "major") != NVIDIA_MAJOR || !json_object_get(device, "minor") ||
            number(device, "minor") < 0 || number(device, "minor") >= NVIDIA_GPU_MINORS)
            continue;
        promise(number(device, "minor") == 3);
        found++;
    }
    promise(found == 1);
    rules = json_object_get(json_object_get(json_object_get(config, "linux"), "resources"), "devices");
    promise(may_open(rules, 3) && !may_open(rules, 0) && !may_open(rules, 253));
    json_object_foreach ((json_t *)before, key, value) {
        promise(json_object_get(config, key));
        if (strcmp(key, "process") != 0 && strcmp(key, "linux") != 0 && strcmp(key, "mounts") != 0 &&
            strcmp(key, "hooks") != 0 && strcmp(key, "annotations") != 0)
            promise(json_equal(json_object_get(config, key), value));
    }
    check_written(config);
}

/* docker's configuration: the runtime is there, and no more, once it was added, and gone again. */
static void check_daemon(const char *text, size_t size)
{
    cleanup_free char *added = NULL, *again = NULL, *removed = NULL;
    char path[64];
    bool is_default;

    if (daemon_change(text, size, "/genv", true, &added, NULL) < 0 || !added)
        return;
    promise(daemon_find(added, strlen(added), path, sizeof(path), &is_default, NULL) == 0);
    promise(strcmp(path, "/genv") == 0 && is_default);
    promise(daemon_change(added, strlen(added), "/genv", true, &again, NULL) == 0 && !again);
    promise(daemon_change(added, strlen(added), NULL, false, &removed, NULL) == 0 && removed);
    promise(daemon_find(removed, strlen(removed), path, sizeof(path), &is_default, NULL) == 0);
    promise(!*path && !is_default);
}

/* The text is a specification's as well, and its edits. */
static void check_specification(json_t *input, json_t *changed)
{
    cleanup_json json_t *specifications = json_pack("[O{sO}]", input, "containerEdits", input);

    promise(specifications);
    (void)cdi_apply(changed, specifications, &plan, NULL);
    promise(json_array_remove(specifications, 0) == 0);
    (void)cdi_apply(changed, specifications, &plan, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size);
    cleanup_json json_t *config = config_parse(text, size, NULL), *before = NULL, *with_cdi = NULL;
    struct container_request request;
    const json_t *env;

    check_daemon(text, size);
    if (!config)
        return 0;
    check_written(config);
    env = json_object_get(json_object_get(config, "process"), "env");
    if (request_is_made(env))
        (void)request_read(env, &request, NULL);
    (void)edit_has_own_dev(config);
    with_cdi = json_deep_copy(config);
    check_specification(config, with_cdi);
    before = json_deep_copy(config);
    promise(before && with_cdi);
    if (edit_config(config, &plan, NULL) == 0)
        check_edited(config, before);
    return 0;
}
