/* What `docker compose config` prints of somebody's files: only what asks for devices is refused, and who has more may
 * do no less. */
#include "fuzz.h"

#include "base/json.h"
#include "base/text.h"
#include "shim/docker_model.h"

static struct genv_attachment attachments[] = {
    {.device.uuid = "GPU-a", .index = 0},
    {.device.uuid = "GPU-c", .index = 2},
    {.device.uuid = "GPU-b", .index = 1},
};
static const struct genv_env none = {.eid = "1572"};
static const struct genv_env two = {.eid = "1573", .attachments = attachments, .attachment_count = 2};
static const struct genv_env all = {.eid = "1574", .attachments = attachments, .attachment_count = 3};
static struct genv_device devices[] = {
    {.id.uuid = "GPU-a", .index = 0, .minor = 2},
    {.id.uuid = "GPU-b", .index = 1, .minor = 0},
    {.id.uuid = "GPU-c", .index = 2, .minor = 1},
};
static const struct genv_snapshot machine = {.devices = devices, .device_count = ARRAY_SIZE(devices)};

static int node_of_path(const char *path)
{
    if (strcmp(path, "/dev") == 0)
        return DOCKER_ALL_NODES;
    return strncmp(path, "/dev/nvidia", 11) == 0 && path[11] >= '0' && path[11] <= '9' ? path[11] - '0'
                                                                                       : DOCKER_NO_NODE;
}

static const struct docker_scene base = {.eid = "1573", .node_of_path = node_of_path, .machine = &machine};

static bool is_allowed(json_t *model, const struct genv_env *env)
{
    struct docker_scene scene = base;
    struct genv_error err = {0};

    scene.env = env;
    if (docker_check_model(model, &scene, &err) == 0)
        return true;
    promise(err.code && strstr(err.message, "service '") && utf8_is_printable(err.message));
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *model = json_loadb((const char *)data, size, 0, NULL);
    bool needs = docker_model_needs_devices(model, &base);

    promise(is_allowed(model, &none) == !needs);
    promise(needs || is_allowed(model, &two));
    promise(!is_allowed(model, &two) || is_allowed(model, &all));
    return 0;
}
