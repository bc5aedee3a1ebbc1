/* Makes the scene. */
#include "scene.h"

#include <string.h>

static void init_device(struct genv_device *device, unsigned index, int utilization, uint64_t used)
{
    *device = (struct genv_device){
        .index = index,
        .total_memory = 16 * GIB,
        .sample = {.used_memory = used, .utilization = utilization, .temperature = 40, .power_mw = 60500},
    };
    snprintf(device->id.uuid, sizeof(device->id.uuid), "GPU-%u", index);
    snprintf(device->name, sizeof(device->name), "Test GPU");
}

static void init_env(struct genv_env *env, const char *eid, const char *username, struct genv_attachment *attachments)
{
    *env = (struct genv_env){.created = {1000, 0}, .attachments = attachments, .attachment_count = 1};
    snprintf(env->eid, sizeof(env->eid), "%s", eid);
    snprintf(env->username, sizeof(env->username), "%s", username);
    snprintf(env->config.name, sizeof(env->config.name), "name of %s", eid);
}

static void init_process(struct genv_gpu_process *process, pid_t pid, const char *eid, struct genv_usage *usage)
{
    *process = (struct genv_gpu_process){.pid = pid, .usages = usage, .usage_count = 1};
    snprintf(process->eid, sizeof(process->eid), "%s", eid);
}

void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    init_device(&scene->devices[0], 0, 70, 3 * GIB);
    init_device(&scene->devices[1], 1, 0, GIB);
    init_env(&scene->envs[0], "train", "ann", scene->train);
    init_env(&scene->envs[1], "play", "bob", scene->play);
    scene->train[0] = (struct genv_attachment){.device.uuid = "GPU-0", .index = 0, .gpu_memory = 4 * GIB};
    scene->train[1] = (struct genv_attachment){.device.uuid = "GPU-1", .index = 1, .gpu_memory = 4 * GIB};
    scene->play[0] = (struct genv_attachment){.device.uuid = "GPU-1", .index = 1};
    scene->usages[0] = (struct genv_usage){.uuid = "GPU-0", .index = 0, .used_memory = 3 * GIB};
    scene->usages[1] = (struct genv_usage){.uuid = "GPU-1", .index = 1, .used_memory = GIB};
    init_process(&scene->processes[0], 41, "train", &scene->usages[0]);
    init_process(&scene->processes[1], 42, "", &scene->usages[1]);
    scene->snapshot = (struct genv_snapshot){
        .hostname = "one",
        .devices = scene->devices,
        .device_count = 2,
        .envs = scene->envs,
        .env_count = 2,
        .processes = scene->processes,
        .process_count = 2,
    };
    scene->host = (struct observed_host){.name = "one", .up = true, .has_genv = true, .snapshot = &scene->snapshot};
    scene->observation =
        (struct observation){.time = {1700000000, 0}, .duration_seconds = 0.25, .hosts = &scene->host, .host_count = 1};
}

void scene_pass(struct scene *scene, time_t seconds)
{
    scene->observation.time.tv_sec += seconds;
}
