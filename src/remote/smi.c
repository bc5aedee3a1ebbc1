/* What a host without genv tells of its devices: the answer of its nvidia-smi. */
#include "remote/smi.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define MIB         (1024 * 1024)
#define DEVICES_MAX 1024

/* In the order of the columns, https://docs.nvidia.com/deploy/nvidia-smi/ */
enum { INDEX, UUID, BUS_ID, NAME, TOTAL, USED, UTILIZATION, TEMPERATURE, POWER, DRIVER, COLUMN_COUNT };

const char *const smi_words[] = {
    "nvidia-smi",
    "--query-gpu=index,uuid,pci.bus_id,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw,"
    "driver_version",
    "--format=csv,noheader,nounits",
    NULL,
};

/* Cuts @line at its ", " into exactly COLUMN_COUNT cells. */
static int split(char *line, char *cells[static COLUMN_COUNT])
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        char *end;

        cells[i] = line;
        end = line ? strstr(line, ", ") : NULL;
        if (!line || (i < COLUMN_COUNT - 1 && !end) || (i == COLUMN_COUNT - 1 && end))
            return -EINVAL;
        if (end)
            *end = '\0';
        line = end ? end + 2 : NULL;
        if (!utf8_is_printable(cells[i]))
            return -EINVAL;
    }
    return 0;
}

/* "[N/A]", "[Not Supported]", "[Unknown Error]": what is in brackets is no value. */
static bool is_known(const char *cell)
{
    return *cell && *cell != '[';
}

/* "523.45" watts, in milliwatts. */
static int read_power(const char *cell, int64_t *ret_power_mw)
{
    char *end;
    double watts = strtod(cell, &end);

    if (*end || end == cell || !(watts >= 0 && watts < 1e6))
        return -EINVAL;
    *ret_power_mw = (int64_t)(watts * 1000 + 0.5);
    return 0;
}

static int read_sample(char *const cells[COLUMN_COUNT], struct genv_device *device)
{
    struct genv_sample *sample = &device->sample;
    uint64_t number;

    *sample = (struct genv_sample){GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT, -1};
    if (is_known(cells[TOTAL])) {
        if (text_to_u64(cells[TOTAL], INT64_MAX / MIB, &number) < 0)
            return -EINVAL;
        device->total_memory = number * MIB;
    }
    if (is_known(cells[USED])) {
        if (text_to_u64(cells[USED], INT64_MAX / MIB, &number) < 0)
            return -EINVAL;
        sample->used_memory = number * MIB;
    }
    if (is_known(cells[UTILIZATION])) {
        if (text_to_u64(cells[UTILIZATION], 100, &number) < 0)
            return -EINVAL;
        sample->utilization = (int)number;
    }
    if (is_known(cells[TEMPERATURE])) {
        if (text_to_u64(cells[TEMPERATURE], 1000, &number) < 0)
            return -EINVAL;
        sample->temperature = (int)number;
    }
    return is_known(cells[POWER]) ? read_power(cells[POWER], &sample->power_mw) : 0;
}

static int read_line(char *line, struct genv_snapshot *snapshot)
{
    struct genv_device *device = &snapshot->devices[snapshot->device_count];
    char *cells[COLUMN_COUNT];
    uint64_t index;

    if (split(line, cells) < 0 || text_to_u64(cells[INDEX], 65535, &index) < 0)
        return -EINVAL;
    if (snapshot->device_count && device[-1].index >= index)
        return -EINVAL;
    copy_string(device->id.vendor, sizeof(device->id.vendor), GENV_VENDOR_NVIDIA);
    device->index = (unsigned)index;
    device->minor = -1;
    copy_string(device->id.uuid, sizeof(device->id.uuid), is_known(cells[UUID]) ? cells[UUID] : "");
    copy_string(device->pci_bus_id, sizeof(device->pci_bus_id), is_known(cells[BUS_ID]) ? cells[BUS_ID] : "");
    copy_string(device->name, sizeof(device->name), is_known(cells[NAME]) ? cells[NAME] : "");
    if (snapshot->device_count == 0 && is_known(cells[DRIVER]))
        copy_string(snapshot->driver, sizeof(snapshot->driver), cells[DRIVER]);
    if (read_sample(cells, device) < 0)
        return -EINVAL;
    snapshot->device_count++;
    return 0;
}

int smi_parse(const char *text, struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    struct genv_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    cleanup_free char *copy = strdup(text);
    struct genv_device *fitting;
    char *rest = copy, *line;
    int r = 0;

    if (snapshot)
        snapshot->devices = calloc(DEVICES_MAX, sizeof(*snapshot->devices));
    if (!snapshot || !copy || !snapshot->devices) {
        genv_snapshot_free(snapshot);
        return error_no_memory(err);
    }
    snapshot->time = clock_now();
    /* It may warn of a device that it can't reach; no such line looks like a device's. */
    while ((line = strsep(&rest, "\r\n")) && snapshot->device_count < DEVICES_MAX) {
        if (*line >= '0' && *line <= '9' && strstr(line, ", GPU-"))
            r = read_line(line, snapshot);
        if (r < 0)
            break;
    }
    if (r < 0 || snapshot->device_count == 0) {
        genv_snapshot_free(snapshot);
        return error_set(err, EINVAL, "unexpected output from nvidia-smi on the host");
    }
    fitting = reallocarray(snapshot->devices, snapshot->device_count, sizeof(*fitting));
    if (fitting)
        snapshot->devices = fitting;
    *ret_snapshot = snapshot;
    return 0;
}
