/* Simulated devices, for machines without a GPU: as many as GENV_DEVICES or GENV_MOCK_DEVICE_COUNT says. */
#include "driver/driver.h"

#include <errno.h>

#include "base/text.h"
#include "driver/nvidia.h"

#define COUNT_MAX            1024
#define DEFAULT_TOTAL_MEMORY ((uint64_t)16 << 30)

struct simulated {
    struct driver driver;
    unsigned count;
    uint64_t total_memory;
};

/* A variable that is set to nothing counts as not set. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* 1 and the count where the environment asks for simulated devices, else 0. */
static int read_count(unsigned *ret_count, struct genv_error *err)
{
    const char *name = "GENV_DEVICES", *value = variable(name);
    uint64_t count;

    if (!value)
        value = variable(name = "GENV_MOCK_DEVICE_COUNT");
    if (!value)
        return 0;
    if (text_to_u64(value, COUNT_MAX, &count) < 0)
        return error_set(err, EINVAL,
                         "%s is '%.32s': set it to a number of simulated devices from 0 to %d, or unset it", name,
                         utf8_is_printable(value) ? value : "?", COUNT_MAX);
    *ret_count = (unsigned)count;
    return 1;
}

int driver_is_simulated(struct genv_error *err)
{
    unsigned count;

    return read_count(&count, err);
}

/* Spreads @number over 64 bits: a made-up UUID should look like one. */
static uint64_t scramble(uint64_t number)
{
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}

static void describe(const struct simulated *simulated, unsigned index, struct genv_device *device)
{
    uint64_t high = scramble(2 * index + 1), low = scramble(2 * index + 2);

    *device = (struct genv_device){
        .id.vendor = GENV_VENDOR_NVIDIA,
        .index = index,
        .minor = -1,
        .name = "Simulated GPU",
        .total_memory = simulated->total_memory,
        .sample = {.used_memory = GENV_UNKNOWN_U64,
                   .utilization = GENV_UNKNOWN_INT,
                   .temperature = GENV_UNKNOWN_INT,
                   .power_mw = GENV_UNKNOWN_INT},
    };
    snprintf(device->id.uuid, sizeof(device->id.uuid), "GPU-%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
             (unsigned long long)(low & 0xffffffffffff));
    snprintf(device->pci_bus_id, sizeof(device->pci_bus_id), "%08X:%02X:00.0", index / 255, index % 255 + 1);
}

static int simulated_list(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count,
                          struct genv_error *err)
{
    struct simulated *simulated = (struct simulated *)driver;
    struct genv_device *devices = calloc(simulated->count ? simulated->count : 1, sizeof(*devices));

    if (!devices)
        return error_no_memory(err);
    for (unsigned i = 0; i < simulated->count; i++)
        describe(simulated, i, &devices[i]);
    *ret_devices = devices;
    *ret_count = simulated->count;
    return 0;
}

static void simulated_sample(struct driver *driver, struct genv_device *device)
{
    (void)driver;
    device->sample = (struct genv_sample){
        .used_memory = 0, .utilization = 0, .temperature = GENV_UNKNOWN_INT, .power_mw = GENV_UNKNOWN_INT};
}

/* NOLINTBEGIN(readability-non-const-parameter): the vtable has its type */
static int simulated_add_processes(struct driver *driver, const struct genv_device *device,
                                   struct driver_process **processes, size_t *count, struct genv_error *err)
{
    (void)driver, (void)device, (void)processes, (void)count, (void)err;
    return 0;
}
/* NOLINTEND(readability-non-const-parameter) */

static void simulated_close(struct driver *driver)
{
    free(driver);
}

static int simulated_open(struct driver **ret_driver, struct genv_error *err)
{
    const char *memory = variable("GENV_MOCK_DEVICE_TOTAL_MEMORY");
    cleanup_free struct simulated *simulated = calloc(1, sizeof(*simulated));
    int r;

    if (!simulated)
        return error_no_memory(err);
    *simulated = (struct simulated){.driver = {.ops = &driver_simulated, .version = "simulated"},
                                    .total_memory = DEFAULT_TOTAL_MEMORY};
    r = read_count(&simulated->count, err);
    if (r < 0)
        return r;
    r = memory ? genv_amount_parse(memory, &simulated->total_memory, err) : 0;
    if (r < 0)
        return error_prefix(err, r, "GENV_MOCK_DEVICE_TOTAL_MEMORY");
    *ret_driver = &STEAL_POINTER(simulated)->driver;
    return 0;
}

const struct driver_ops driver_simulated = {
    .name = "simulated",
    .words = &nvidia_words, /* what it simulates */
    .open = simulated_open,
    .list = simulated_list,
    .sample = simulated_sample,
    .add_processes = simulated_add_processes,
    .close = simulated_close,
};
