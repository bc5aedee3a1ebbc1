/* The world that the simulated NVML shows: the JSON file named by GENV_SIMULATOR, as README.md describes it. */
#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include <jansson.h>
#include <stdbool.h>

#include "driver/nvml_abi.h"

#define PRIVATE_ENTRY_SIZE 4128 /* of the private table's lists */

struct world_process {
    unsigned pid, type; /* NVML_PROCESS_COMPUTE, … */
    unsigned long long used_memory;
    const char *name; /* NULL: not given */
    int mig_instance; /* -1: none */
    unsigned utilization;
    bool encoder, capture;
};

struct world_device {
    const char *uuid, *name, *serial;
    nvmlPciInfo_t pci;
    int minor, utilization, memory_utilization, temperature, power, power_limit; /* -1: not supported */
    int compute_capability[2];
    int persistence, mig, unified_memory;
    unsigned long long total_memory, reserved_memory, used_memory;
    const char *mig_instances[8];
    unsigned mig_instance_count;
    nvmlReturn_t handle, query; /* what looking up the handle, and asking for anything with it, gives */
    const json_t *results;      /* the same for a function; may be NULL */
    struct world_process *processes;
    unsigned process_count;
};

/* Texts point into @json. */
struct world {
    json_t *json;
    const char *driver_version, *nvml_version;
    int cuda_version, init_delay_ms, private_table_size; /* -1: as the driver has it */
    int private_entry_size, private_table_moved;
    nvmlReturn_t init;
    const json_t *results;
    struct world_device *devices;
    unsigned device_count;
    const json_t *excluded; /* UUIDs; may be NULL */
};

/* NULL, and the reason in @reason, for a text that does not describe one. */
struct world *world_parse(const char *text, size_t length, char *reason, size_t reason_size);
void world_free(struct world *world); /* NULL is fine */

/* What @results says of @function; NVML_SUCCESS if nothing. */
nvmlReturn_t world_result(const json_t *results, const char *function);

/* The result of that name ("gpu_is_lost"), or -1. */
int world_result_by_name(const char *name);
/* What nvmlErrorString() says. */
const char *world_result_text(nvmlReturn_t result);

#endif
