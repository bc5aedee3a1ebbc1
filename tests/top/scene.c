/* Snapshots to draw, made of plain data. */
#include "scene.h"

#include <string.h>

#define GIB  ((uint64_t)1 << 30)
#define NOON 1700049600 /* of some day, in UTC */

static struct genv_device device(unsigned index, uint64_t used, int utilization)
{
    struct genv_device made = {
        .index = index,
        .name = "NVIDIA H200",
        .total_memory = 141 * GIB,
        .sample = {.used_memory = used, .utilization = utilization, .temperature = 52, .power_mw = 312400},
    };

    snprintf(made.id.uuid, sizeof(made.id.uuid), "GPU-%u", index);
    return made;
}

const struct genv_snapshot *scene_small(void)
{
    static struct genv_attachment train[] = {{.device.uuid = "GPU-0", .index = 0},
                                             {.device.uuid = "GPU-1", .index = 1}},
                                  eval[] = {{.device.uuid = "GPU-1", .index = 1, .gpu_memory = 4 * GIB}};
    static struct genv_env envs[] = {
        {.eid = "1573",
         .username = "paul",
         .created = {.tv_sec = NOON - 3 * 3600},
         .config = {.name = "train"},
         .attachments = train,
         .attachment_count = 2},
        {.eid = "1600",
         .username = "lisa",
         .created = {.tv_sec = NOON - 120},
         .config = {.name = "eval"},
         .attachments = eval,
         .attachment_count = 1},
        {.eid = "1700", .username = "lisa", .created = {.tv_sec = NOON - 5}, .config = {.name = "学習モデル"}},
    };
    static struct genv_usage first[] = {{.uuid = "GPU-0", .index = 0, .used_memory = 40 * GIB},
                                        {.uuid = "GPU-1", .index = 1, .used_memory = 16 * GIB}},
                             second[] = {{.uuid = "GPU-0", .index = 0, .used_memory = GIB},
                                         {.uuid = "GPU-1", .index = 1, .used_memory = 5 * GIB}},
                             third[] = {{.uuid = "GPU-1", .index = 1, .used_memory = GIB}};
    static struct genv_gpu_process processes[] = {
        {.pid = 42, .username = "paul", .eid = "1573", .command = "python train.py", .usages = first, .usage_count = 2},
        {.pid = 43, .username = "lisa", .eid = "1600", .command = "./eval", .usages = second, .usage_count = 2},
        {.pid = 44, .username = "mallory", .command = "miner", .usages = third, .usage_count = 1},
    };
    static struct genv_device devices[3];
    static struct genv_snapshot snapshot = {.hostname = "gpu-1",
                                            .driver = "550.163.01",
                                            .time = {.tv_sec = NOON},
                                            .devices = devices,
                                            .device_count = 3,
                                            .envs = envs,
                                            .env_count = 3,
                                            .processes = processes,
                                            .process_count = 3};

    devices[0] = device(0, 40 * GIB, 37);
    devices[1] = device(1, 22 * GIB, 100);
    devices[2] = device(2, 0, 0);
    devices[2].state = GENV_DEVICE_LOST;
    return &snapshot;
}

const struct genv_snapshot *scene_large(size_t device_count, size_t env_count, size_t process_count)
{
    static struct genv_snapshot snapshot = {.hostname = "gpu-1", .driver = "550.163.01"};

    free(snapshot.devices), free(snapshot.envs), free(snapshot.processes);
    snapshot.devices = calloc(device_count + 1, sizeof(*snapshot.devices));
    snapshot.envs = calloc(env_count + 1, sizeof(*snapshot.envs));
    snapshot.processes = calloc(process_count + 1, sizeof(*snapshot.processes));
    assert_true(snapshot.devices && snapshot.envs && snapshot.processes);
    for (size_t i = 0; i < device_count; i++)
        snapshot.devices[i] = device((unsigned)i, i * GIB, (int)(i * 7 % 101));
    for (size_t i = 0; i < env_count; i++) {
        snprintf(snapshot.envs[i].eid, sizeof(snapshot.envs[i].eid), "e%zu", i);
        snprintf(snapshot.envs[i].username, sizeof(snapshot.envs[i].username), "user%zu", i % 7);
        snapshot.envs[i].created.tv_sec = NOON - (time_t)i;
    }
    for (size_t i = 0; i < process_count; i++) {
        snapshot.processes[i].pid = (pid_t)(i + 1);
        snprintf(snapshot.processes[i].username, sizeof(snapshot.processes[i].username), "user%zu", i % 7);
        snprintf(snapshot.processes[i].command, sizeof(snapshot.processes[i].command), "job %zu", i);
        if (env_count)
            snprintf(snapshot.processes[i].eid, sizeof(snapshot.processes[i].eid), "e%zu", i % env_count);
    }
    snapshot.device_count = device_count;
    snapshot.env_count = env_count;
    snapshot.process_count = process_count;
    return &snapshot;
}

struct picture scene_picture(const struct genv_snapshot *snapshot, const struct choice *choice)
{
    setenv("TZ", "UTC", 1);
    return (struct picture){.snapshot = snapshot, .now = {.tv_sec = NOON}, .choice = choice, .once = false};
}

char *scene_draw(const struct picture *picture, int width, int height)
{
    cleanup_frame struct frame *frame = NULL;
    struct layout layout;
    char *text;

    if (height)
        assert_int_equal(draw_screen(picture, width, height, &frame, &layout), 0);
    else
        assert_int_equal(draw_whole(picture, width, &frame), 0);
    text = frame_to_text(frame, false);
    assert_non_null(text);
    return text;
}
