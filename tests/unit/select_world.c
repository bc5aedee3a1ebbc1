/* What the selection's tests share: a machine of some devices and environments. */
#include "select_world.h"

#include <string.h>

#include "base/text.h"

void world_make_machine(struct machine *machine, size_t size, size_t env_count)
{
    memset(machine, 0, sizeof(*machine));
    machine->size = size;
    machine->list = (struct env_list){machine->envs, env_count};
    for (size_t d = 0; d < size; d++) {
        machine->devices[d] = (struct genv_device){.index = (unsigned)d, .total_memory = 16 * G};
        snprintf(machine->devices[d].id.uuid, GENV_UUID_SIZE, "GPU-%zu", d);
    }
    for (size_t e = 0; e < env_count; e++) {
        snprintf(machine->envs[e].eid, GENV_EID_MAX, "env%zu", e);
        machine->envs[e].attachments = machine->attachments[e];
        machine->envs[e].config.gpus = -1;
        machine->envs[e].uid = 4000000000;
    }
}

void world_attach(struct machine *machine, size_t e, size_t d, uint64_t capacity)
{
    struct genv_env *env = &machine->envs[e];
    struct genv_attachment *attachment = &env->attachments[env->attachment_count++];

    *attachment =
        (struct genv_attachment){.index = (int)machine->devices[d].index, .gpu_memory = capacity, .time = EARLIER};
    copy_string(attachment->device.uuid, sizeof(attachment->device.uuid), machine->devices[d].id.uuid);
}

void world_isolate(struct machine *machine, size_t e, unsigned set)
{
    struct genv_env *env = &machine->envs[e];

    env->isolated = true;
    env->openable = machine->openable;
    env->openable_count = 0;
    for (size_t d = 0; d < machine->size; d++) {
        if (set >> d & 1)
            env->openable[env->openable_count++] = machine->devices[d].id;
    }
}

struct select_view world_view(const struct machine *machine, size_t self)
{
    return (struct select_view){machine->devices, machine->size,        machine->busy,
                                &machine->list,   &machine->envs[self], NOW};
}
