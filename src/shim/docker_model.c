/* What the services of a compose file ask for, in terms of an environment's devices. Decides, and does no input or
 * output. */
#include "shim/docker_model.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "shim/docker_gpus.h"

/* Who asks for all GPUs must have all. */
static int check_all(const struct docker_scene *scene, struct genv_error *err)
{
    cleanup_text struct text list = TEXT_INIT;
    int r = docker_translate_list("all", scene->env, &list, err);

    for (size_t i = 0; r == 0 && i < scene->machine->device_count; i++)
        r = docker_check_device(scene->machine->devices[i].id.uuid, scene->env, err);
    return r == -EPERM ? error_prefix(err, r, "this is a request for all devices") : r;
}

/* What would be translated on a command line stays here as it is: where it would be another, it asks for all. */
static int check_translated(const char *value, const struct text *translated, int r, const struct docker_scene *scene,
                            struct genv_error *err)
{
    return r < 0 || strcmp(value, translated->data) == 0 ? r : check_all(scene, err);
}

static int check_id(const char *id, const struct docker_scene *scene, struct genv_error *err)
{
    cleanup_text struct text translated = TEXT_INIT;
    int r = docker_names_gpus(id) ? docker_translate_device(id, scene->env, &translated, err)
                                  : docker_translate_list(id, scene->env, &translated, err);

    return check_translated(id, &translated, r, scene, err);
}

/* One of the devices that a service reserves: {"driver", "count", "device_ids", "capabilities"}. */
static int check_request(json_t *request, const struct docker_scene *scene, struct genv_error *err)
{
    const char *driver = json_string_value(json_object_get(request, "driver"));
    json_t *ids = json_object_get(request, "device_ids"), *count = json_object_get(request, "count");
    json_int_t wanted = json_integer_value(count);
    int r = 0;

    if (driver && strcmp(driver, "nvidia") != 0 && strcmp(driver, "cdi") != 0)
        return 0;
    for (size_t i = 0; r == 0 && i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));

        r = check_id(id ? id : "", scene, err);
    }
    if (json_array_size(ids) || r < 0)
        return r;
    if (!json_is_integer(count) || wanted < 0)
        return check_all(scene, err);
    for (json_int_t i = 0; r == 0 && i < wanted; i++) { /* docker takes the first ones */
        char index[24];

        snprintf(index, sizeof(index), "%lld", (long long)i);
        r = docker_check_device(index, scene->env, err);
    }
    return r;
}

static int check_requests(json_t *requests, const struct docker_scene *scene, struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(requests); i++)
        r = check_request(json_array_get(requests, i), scene, err);
    return r;
}

/* "/dev/nvidia0:/dev/nvidia0:rwm", {"source": "/dev/nvidia0"}, or a name of CDI's. */
static int check_device(json_t *device, const struct docker_scene *scene, struct genv_error *err)
{
    const char *source = json_string_value(json_is_object(device) ? json_object_get(device, "source") : device);
    cleanup_free char *path = source ? strndup(source, strcspn(source, ":")) : NULL;
    int node, r;

    if (!path)
        return 0;
    if (docker_names_gpus(source))
        return check_id(source, scene, err);
    node = *path == '/' ? scene->node_of_path(path) : DOCKER_NO_NODE;
    r = node == DOCKER_NO_NODE ? 0 : docker_check_node(node, scene, err);
    return r < 0 ? error_prefix(err, r, "%s", path) : 0;
}

static int check_devices(json_t *devices, const struct docker_scene *scene, struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(devices); i++)
        r = check_device(json_array_get(devices, i), scene, err);
    return r;
}

static json_t *member(json_t *object, const char *const *path)
{
    for (; object && *path; path++)
        object = json_object_get(object, *path);
    return object;
}

/* NVIDIA_VISIBLE_DEVICES, which counts with NVIDIA's runtime; there an image says "all" where the service says nothing.
 */
static int check_visible(json_t *service, const struct docker_scene *scene, struct genv_error *err)
{
    static const char *const path[] = {"environment", "NVIDIA_VISIBLE_DEVICES", NULL};
    const char *runtime = json_string_value(json_object_get(service, "runtime"));
    const char *value = json_string_value(member(service, path));
    cleanup_text struct text translated = TEXT_INIT;

    if (!value && !(runtime && docker_runtime_is_nvidia(runtime)))
        return 0;
    if (!value)
        return check_all(scene, err);
    return check_translated(value, &translated, docker_translate_visible(value, scene->env, &translated, err), scene,
                            err);
}

static int check_service(const char *name, json_t *service, const struct docker_scene *scene, struct genv_error *err)
{
    static const char *const reserved[] = {"deploy", "resources", "reservations", "devices", NULL};
    const struct {
        int (*check)(json_t *part, const struct docker_scene *scene, struct genv_error *err);
        json_t *part;
        const char *remedy;
    } checks[] = {
        {check_requests, member(service, reserved), "device_ids: ['${CUDA_VISIBLE_DEVICES}']"},
        {check_requests, json_object_get(service, "gpus"), "device_ids: ['${CUDA_VISIBLE_DEVICES}']"},
        {check_visible, service, "NVIDIA_VISIBLE_DEVICES: ${CUDA_VISIBLE_DEVICES}"},
        {check_devices, json_object_get(service, "devices"), "only the nodes of the environment's devices"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        struct genv_error reason = {0};

        if (checks[i].check(checks[i].part, scene, &reason) < 0)
            return error_set(
                err, reason.code,
                "service '%s' asks for more devices than the environment has: %s; in the compose file, use %s", name,
                reason.message, checks[i].remedy);
    }
    return 0;
}

int docker_check_model(json_t *model, const struct docker_scene *scene, struct genv_error *err)
{
    const char *name;
    json_t *service;
    int r = 0;

    json_object_foreach (json_object_get(model, "services"), name, service) {
        r = check_service(name, service, scene, err);
        if (r < 0)
            break;
    }
    return r;
}

bool docker_model_needs_devices(json_t *model, const struct docker_scene *scene)
{
    static const struct genv_env nobody = {.eid = "-"};
    static const struct genv_snapshot nothing = {.device_count = 0};
    struct docker_scene empty = *scene;

    /* Whatever is refused to one that has nothing asks for something. */
    empty.env = &nobody;
    empty.machine = &nothing;
    return docker_check_model(model, &empty, NULL) < 0;
}
