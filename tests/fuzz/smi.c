/* What nvidia-smi answers on a host without genv: what is read makes sense, and can be sent on as a snapshot. */
#include "fuzz.h"

#include "base/text.h"
#include "remote/smi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *first = NULL, *second = NULL;
    struct genv_snapshot *snapshot = NULL, *again = NULL;
    struct genv_error err = {0};

    if (smi_parse(text, &snapshot, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message) && !snapshot);
        return 0;
    }
    promise(snapshot->device_count > 0 && utf8_is_printable(snapshot->driver));
    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];

        promise(i == 0 || device[-1].index < device->index);
        promise(utf8_is_printable(device->id.uuid) && utf8_is_printable(device->pci_bus_id));
        promise(utf8_is_printable(device->name) && device->total_memory <= INT64_MAX);
        promise(device->sample.utilization >= GENV_UNKNOWN_INT && device->sample.utilization <= 100);
        promise(device->sample.power_mw >= -1);
    }
    first = genv_snapshot_to_json(snapshot);
    promise(first && genv_snapshot_from_json(first, strlen(first), &again, NULL) == 0);
    second = genv_snapshot_to_json(again);
    promise(second && strcmp(first, second) == 0);
    genv_snapshot_free(snapshot);
    genv_snapshot_free(again);
    return 0;
}
