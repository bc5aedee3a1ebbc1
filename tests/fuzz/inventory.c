/* Inventories of devices, under the key "k". */
#include "fuzz.h"

#include "base/text.h"
#include "store/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *first = NULL, *second = NULL;
    cleanup_free struct genv_device *devices = NULL, *again = NULL;
    struct genv_error err = {0};
    size_t count, again_count;

    if (inventory_decode(text, size, "k", &devices, &count, &err) < 0) {
        promise(*err.message && utf8_is_printable(err.message) && !devices);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        promise(utf8_is_printable(devices[i].id.uuid) && utf8_is_printable(devices[i].name));
        promise(devices[i].state == GENV_DEVICE_OK && devices[i].sample.used_memory == GENV_UNKNOWN_U64);
    }
    first = inventory_encode("k", devices, count);
    promise(first && inventory_decode(first, strlen(first), "k", &again, &again_count, NULL) == 0);
    promise(count == again_count);
    second = inventory_encode("k", again, again_count);
    promise(second && strcmp(first, second) == 0);
    return 0;
}
