/* The devices of a boot, kept so that nobody waits for the driver to list them again. */
#include "store/inventory.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define INVENTORY_VERSION 2 /* 1 did not know of unified memory */

struct inventory {
    int version;
    char key[INVENTORY_KEY_SIZE];
    struct genv_device *devices;
    size_t count;
};

#define DEVICE_TEXT(name, member)                                                                                      \
    {                                                                                                                  \
        .key = name, .kind = JSON_KIND_TEXT, .offset = offsetof(struct genv_device, member),                           \
        .size = sizeof(((struct genv_device *)0)->member)                                                              \
    }

static const struct json_field device_fields[] = {
    {.key = "index", .kind = JSON_KIND_I32, .offset = offsetof(struct genv_device, index)},
    {.key = "minor",
     .kind = JSON_KIND_I32,
     .offset = offsetof(struct genv_device, minor),
     .optional = true,
     .absent = -1},
    {.key = "mig", .kind = JSON_KIND_BOOL, .offset = offsetof(struct genv_device, mig)},
    {.key = "unified_memory",
     .kind = JSON_KIND_BOOL,
     .offset = offsetof(struct genv_device, unified_memory),
     .optional = true},
    DEVICE_TEXT("vendor", id.vendor),
    DEVICE_TEXT("uuid", id.uuid),
    DEVICE_TEXT("parent", id.parent),
    DEVICE_TEXT("pci_bus_id", pci_bus_id),
    DEVICE_TEXT("name", name),
    {.key = "total_memory", .kind = JSON_KIND_U64, .offset = offsetof(struct genv_device, total_memory)},
};
static const struct json_table device_table = {sizeof(struct genv_device), ARRAY_SIZE(device_fields), device_fields};

static const struct json_field inventory_fields[] = {
    {.key = "version", .kind = JSON_KIND_I32, .offset = offsetof(struct inventory, version)},
    {.key = "key", .kind = JSON_KIND_TEXT, .offset = offsetof(struct inventory, key), .size = INVENTORY_KEY_SIZE},
    {.key = "devices",
     .kind = JSON_KIND_ARRAY,
     .offset = offsetof(struct inventory, devices),
     .count_offset = offsetof(struct inventory, count),
     .element = &device_table},
};
static const struct json_table inventory_table = {sizeof(struct inventory), ARRAY_SIZE(inventory_fields),
                                                  inventory_fields};

void inventory_key(const char *boot_id, uint64_t fingerprint, char key[static INVENTORY_KEY_SIZE])
{
    /* only one's own and root's are believed */
    snprintf(key, INVENTORY_KEY_SIZE, "%016llx",
             (unsigned long long)(text_hash(TEXT_HASH_INIT, boot_id) ^ fingerprint));
}

char *inventory_encode(const char *key, const struct genv_device *devices, size_t count)
{
    struct inventory inventory = {
        .version = INVENTORY_VERSION, .devices = (struct genv_device *)devices, .count = count};
    cleanup_json json_t *json = NULL;

    copy_string(inventory.key, sizeof(inventory.key), key);
    json = json_encode(&inventory_table, &inventory);
    return json ? json_dumps(json, JSON_INDENT(1)) : NULL;
}

int inventory_decode(const char *text, size_t length, const char *key, struct genv_device **ret_devices,
                     size_t *ret_count, struct genv_error *err)
{
    struct inventory inventory = {0};
    cleanup_json json_t *json = json_parse(text, length, err);
    int r = json ? json_decode(json, &inventory_table, &inventory, err) : -EINVAL;

    if (r == 0 && (inventory.version != INVENTORY_VERSION || strcmp(inventory.key, key) != 0))
        r = error_set(err, EINVAL, "the inventory is of other devices");
    if (r < 0) {
        free(inventory.devices);
        return r;
    }
    for (size_t i = 0; i < inventory.count; i++)
        inventory.devices[i].sample = (struct genv_sample){GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT, -1};
    *ret_devices = inventory.devices;
    *ret_count = inventory.count;
    return 0;
}
