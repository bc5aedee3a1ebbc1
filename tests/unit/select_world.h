/* What the selection's tests share: a machine of some devices and environments. */
#ifndef UNIT_SELECT_WORLD_H
#define UNIT_SELECT_WORLD_H

#include "unit.h"

#include "policy/select.h"

#define G            ((uint64_t)1000000000)
#define MACHINE_SIZE 7
#define MACHINE_ENVS 6
#define SELF         0
#define NOW          ((struct timespec){.tv_sec = 1000})
#define EARLIER      ((struct timespec){.tv_sec = 500})

/* A machine, with room for attachments of every environment to every device. */
struct machine {
    struct genv_device devices[MACHINE_SIZE];
    bool busy[MACHINE_SIZE];
    struct genv_env envs[MACHINE_ENVS];
    struct genv_attachment attachments[MACHINE_ENVS][MACHINE_SIZE];
    struct genv_device_id openable[MACHINE_SIZE]; /* of the one that is isolated */
    struct env_list list;
    size_t size;
};

/* Whole devices of 16 GB, free; the environments have none. */
void world_make_machine(struct machine *machine, size_t size, size_t env_count);
/* Attaches environment @e to device @d, with @capacity bytes or (0) all of it. */
void world_attach(struct machine *machine, size_t e, size_t d, uint64_t capacity);
/* Isolates environment @e, alone, with the devices of which @set has the bit. */
void world_isolate(struct machine *machine, size_t e, unsigned set);
struct select_view world_view(const struct machine *machine, size_t self);

#endif
