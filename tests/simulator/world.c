/* Reads the JSON file that describes the simulated machine. A key that README.md does not have is an error, so that a
 * test can't go wrong by a slip of the pen. */
#include "world.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

struct parser {
    char *reason;
    size_t reason_size;
};

static bool fail(const struct parser *parser, const char *what, const char *value)
{
    snprintf(parser->reason, parser->reason_size, "%s: %s", what, value);
    return false;
}

/* An amount of memory: a number of bytes, or "80gi". Absent: unchanged. */
static bool read_memory(const struct parser *parser, const json_t *value, unsigned long long *memory)
{
    const char *text = json_string_value(value);
    struct genv_error err = {0};
    uint64_t bytes;

    if (!value)
        return true;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *memory = (unsigned long long)json_integer_value(value);
        return true;
    }
    if (!text || genv_amount_parse(text, &bytes, &err) < 0)
        return fail(parser, "memory", text ? err.message : "expected a number of bytes or text such as \"80gi\"");
    *memory = bytes;
    return true;
}

static bool read_result(const struct parser *parser, const char *name, nvmlReturn_t *result)
{
    int number = name ? world_result_by_name(name) : NVML_SUCCESS;

    if (number < 0)
        return fail(parser, "no such result", name);
    *result = (nvmlReturn_t)number;
    return true;
}

static bool check_results(const struct parser *parser, const json_t *results)
{
    const char *function;
    json_t *value;

    if (results && !json_is_object(results))
        return fail(parser, "results", "expected an object");
    json_object_foreach ((json_t *)results, function, value) {
        if (!json_is_string(value) || world_result_by_name(json_string_value(value)) < 0)
            return fail(parser, "no such result for", function);
    }
    return true;
}

static bool read_type(const struct parser *parser, const char *name, unsigned *type)
{
    static const char *const names[] = {"compute", "graphics", "mps"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *type = i; /* NVML_PROCESS_COMPUTE, … */
            return true;
        }
    }
    return fail(parser, "no such type of process", name);
}

static bool unpack(const struct parser *parser, json_t *json, const char *format, ...)
{
    json_error_t error;
    va_list args;
    int r;

    va_start(args, format);
    r = json_vunpack_ex(json, &error, JSON_STRICT, format, args);
    va_end(args);
    return r == 0 || fail(parser, "unexpected", error.text);
}

static bool read_process(const struct parser *parser, json_t *json, struct world_process *process)
{
    const char *type = "compute";
    json_t *memory = NULL;
    int pid = 0, encoder = 0, capture = 0, utilization = 0;

    process->mig_instance = -1;
    if (!unpack(parser, json, "{s:i, s?o, s?s, s?s, s?i, s?i, s?b, s?b}", "pid", &pid, "used_memory", &memory, "type",
                &type, "name", &process->name, "mig_instance", &process->mig_instance, "utilization", &utilization,
                "encoder", &encoder, "capture", &capture))
        return false;
    process->pid = (unsigned)pid;
    process->utilization = (unsigned)utilization;
    process->encoder = encoder;
    process->capture = capture;
    process->used_memory = json_is_null(memory) ? NVML_VALUE_NOT_AVAILABLE : 0;
    return read_type(parser, type, &process->type) &&
           read_memory(parser, json_is_null(memory) ? NULL : memory, &process->used_memory);
}

static bool read_processes(const struct parser *parser, json_t *array, struct world_device *device)
{
    size_t count = json_array_size(array);

    if (array && !json_is_array(array))
        return fail(parser, "processes", "expected an array");
    device->processes = calloc(count + 1, sizeof(*device->processes));
    if (!device->processes)
        return fail(parser, "processes", "out of memory");
    device->process_count = (unsigned)count;
    for (size_t i = 0; i < count; i++) {
        if (!read_process(parser, json_array_get(array, i), &device->processes[i]))
            return false;
    }
    return true;
}

static bool read_mig_instances(const struct parser *parser, const json_t *array, struct world_device *device)
{
    size_t count = json_array_size(array);

    if ((array && !json_is_array(array)) || count > ARRAY_SIZE(device->mig_instances))
        return fail(parser, "mig_instances", "expected an array of at most 8 UUIDs");
    for (size_t i = 0; i < count; i++) {
        device->mig_instances[i] = json_string_value(json_array_get(array, i));
        if (!device->mig_instances[i])
            return fail(parser, "mig_instances", "expected UUIDs");
    }
    device->mig_instance_count = (unsigned)count;
    return true;
}

static bool read_bus_id(const struct parser *parser, const char *bus_id, nvmlPciInfo_t *pci)
{
    unsigned function;
    char rest;

    *pci = (nvmlPciInfo_t){.pciDeviceId = 0x233010de, .pciSubSystemId = 0x16c110de};
    if (sscanf(bus_id, "%x:%x:%x.%x%c", &pci->domain, &pci->bus, &pci->device, &function, &rest) != 4)
        return fail(parser, "no bus id such as 00000000:3B:00.0", bus_id);
    snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.%X", pci->domain & 0xffff, pci->bus & 0xff,
             pci->device & 0xff, function & 0xf);
    snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.%X", pci->domain, pci->bus, pci->device, function & 0xf);
    return true;
}

static unsigned long long sum_of_processes(const struct world_device *device)
{
    unsigned long long sum = 0;

    for (unsigned i = 0; i < device->process_count; i++) {
        if (device->processes[i].used_memory != NVML_VALUE_NOT_AVAILABLE)
            sum += device->processes[i].used_memory;
    }
    return sum;
}

static bool read_device(const struct parser *parser, json_t *json, unsigned index, struct world_device *device)
{
    json_t *total = NULL, *reserved = NULL, *used = NULL, *processes = NULL, *mig_instances = NULL, *results = NULL;
    const char *bus_id = NULL, *handle = NULL, *query = NULL;
    char default_bus_id[32];

    *device = (struct world_device){
        .name = "NVIDIA Simulated GPU",
        .serial = "",
        .minor = (int)index,
        .temperature = 40,
        .power = 60000,
        .power_limit = 700000,
        .compute_capability = {9, 0},
        .total_memory = 16ull << 30,
    };
    if (!unpack(parser, json,
                "{s:s, s?s, s?s, s?s, s?i, s?i, s?i, s?i, s?i, s?i, s?[ii], s?b, s?b, s?b, s?o, s?o, s?o, s?o, s?o, "
                "s?s, s?s, s?o}",
                "uuid", &device->uuid, "bus_id", &bus_id, "name", &device->name, "serial", &device->serial, "minor",
                &device->minor, "utilization", &device->utilization, "memory_utilization", &device->memory_utilization,
                "temperature", &device->temperature, "power", &device->power, "power_limit", &device->power_limit,
                "compute_capability", &device->compute_capability[0], &device->compute_capability[1], "persistence",
                &device->persistence, "mig", &device->mig, "unified_memory", &device->unified_memory, "mig_instances",
                &mig_instances, "total_memory", &total, "reserved_memory", &reserved, "used_memory", &used, "processes",
                &processes, "handle", &handle, "query", &query, "results", &results))
        return false;
    snprintf(default_bus_id, sizeof(default_bus_id), "%08X:%02X:00.0", index / 255, index % 255 + 1);
    device->results = results;
    if (!read_processes(parser, processes, device))
        return false;
    device->used_memory = sum_of_processes(device);
    return read_bus_id(parser, bus_id ? bus_id : default_bus_id, &device->pci) &&
           read_memory(parser, total, &device->total_memory) &&
           read_memory(parser, reserved, &device->reserved_memory) && read_memory(parser, used, &device->used_memory) &&
           read_mig_instances(parser, mig_instances, device) && read_result(parser, handle, &device->handle) &&
           read_result(parser, query, &device->query) && check_results(parser, results);
}

static bool read_world(const struct parser *parser, struct world *world)
{
    json_t *devices = NULL, *results = NULL, *excluded = NULL;
    const char *init = NULL;
    size_t count;

    world->driver_version = "550.163.01";
    world->nvml_version = "12.550.163.01";
    world->cuda_version = 12040;
    world->private_table_size = -1;
    world->private_entry_size = PRIVATE_ENTRY_SIZE;
    if (!unpack(parser, world->json, "{s?s, s?s, s?i, s?s, s?i, s?i, s?i, s?b, s?o, s?o, s?o}", "driver_version",
                &world->driver_version, "nvml_version", &world->nvml_version, "cuda_version", &world->cuda_version,
                "init", &init, "init_delay_ms", &world->init_delay_ms, "private_table_size", &world->private_table_size,
                "private_entry_size", &world->private_entry_size, "private_table_moved", &world->private_table_moved,
                "results", &results, "devices", &devices, "excluded", &excluded))
        return false;
    world->results = results;
    world->excluded = excluded;
    if (excluded && !json_is_array(excluded))
        return fail(parser, "excluded", "expected an array");
    if (devices && !json_is_array(devices))
        return fail(parser, "devices", "expected an array");
    count = json_array_size(devices);
    world->devices = calloc(count + 1, sizeof(*world->devices));
    if (!world->devices)
        return fail(parser, "devices", "out of memory");
    world->device_count = (unsigned)count;
    for (unsigned i = 0; i < count; i++) {
        if (!read_device(parser, json_array_get(devices, i), i, &world->devices[i]))
            return false;
    }
    if (world->private_entry_size < PRIVATE_ENTRY_SIZE)
        return fail(parser, "private_entry_size", "expected 4128 or more");
    return read_result(parser, init, &world->init) && check_results(parser, results);
}

struct world *world_parse(const char *text, size_t length, char *reason, size_t reason_size)
{
    struct parser parser = {.reason = reason, .reason_size = reason_size};
    struct world *world = calloc(1, sizeof(*world));
    json_error_t error;

    if (!world)
        return NULL;
    world->json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!world->json) {
        snprintf(reason, reason_size, "line %d: %s", error.line, error.text);
        world_free(world);
        return NULL;
    }
    if (!read_world(&parser, world)) {
        world_free(world);
        return NULL;
    }
    return world;
}

void world_free(struct world *world)
{
    if (!world)
        return;
    for (unsigned i = 0; world->devices && i < world->device_count; i++)
        free(world->devices[i].processes);
    free(world->devices);
    json_decref(world->json);
    free(world);
}
