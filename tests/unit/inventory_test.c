/* The devices of a boot. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/inventory.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static void the_key_is_that_of_a_boot_and_of_its_devices(void **state)
{
    char keys[3][INVENTORY_KEY_SIZE], again[INVENTORY_KEY_SIZE];

    (void)state;
    inventory_key(BOOT, 1, keys[0]);
    inventory_key(BOOT, 2, keys[1]);
    inventory_key("21111111-2222-3333-4444-555555555555", 1, keys[2]);
    inventory_key(BOOT, 1, again);
    assert_string_equal(keys[0], again);
    assert_int_equal(strlen(keys[0]), 16);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    }
}

static const struct genv_device devices[] = {
    {.index = 0,
     .minor = 3,
     .id.uuid = "GPU-a",
     .pci_bus_id = "00000000:01:00.0",
     .name = "NVIDIA H200",
     .total_memory = UINT64_C(150754820096)},
    {.index = 2, .minor = -1, .mig = true, .id.uuid = "GPU-b", .name = "\"quoted\" \\ name"},
};

static void devices_survive_the_round_trip(void **state)
{
    cleanup_free char *text = inventory_encode("0123456789abcdef", devices, ARRAY_SIZE(devices));
    cleanup_free struct genv_device *read = NULL;
    size_t count;

    (void)state;
    assert_non_null(text);
    assert_int_equal(inventory_decode(text, strlen(text), "0123456789abcdef", &read, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(read[i].index, devices[i].index);
        assert_int_equal(read[i].minor, devices[i].minor);
        assert_int_equal(read[i].mig, devices[i].mig);
        assert_int_equal(read[i].state, GENV_DEVICE_OK);
        assert_string_equal(read[i].id.uuid, devices[i].id.uuid);
        assert_string_equal(read[i].pci_bus_id, devices[i].pci_bus_id);
        assert_string_equal(read[i].name, devices[i].name);
        assert_true(read[i].total_memory == devices[i].total_memory);
        assert_true(read[i].sample.used_memory == GENV_UNKNOWN_U64 && read[i].sample.power_mw == -1);
        assert_true(read[i].sample.utilization == -1 && read[i].sample.temperature == -1);
    }
}

static void a_machine_without_devices_has_an_inventory_too(void **state)
{
    cleanup_free char *text = inventory_encode("k", NULL, 0);
    cleanup_free struct genv_device *read = NULL;
    size_t count = 7;

    (void)state;
    assert_int_equal(inventory_decode(text, strlen(text), "k", &read, &count, NULL), 0);
    assert_int_equal(count, 0);
}

static void what_is_not_this_inventory_is_refused(void **state)
{
    static const char *const refused[] = {
        "",
        "[]",
        "{}",
        "{\"version\": 1, \"key\": \"k\", \"devices\": []}",
        "{\"version\": 2, \"key\": \"other\", \"devices\": []}",
        "{\"version\": 2, \"key\": \"\", \"devices\": []}",
        "{\"version\": 2, \"key\": \"k\"}",
        "{\"version\": 2, \"key\": \"k\", \"devices\": [{}]}",
        "{\"version\": 2, \"key\": \"k\", \"devices\": [{\"index\": -1, \"mig\": false, \"uuid\": \"\", "
        "\"pci_bus_id\": \"\", \"name\": \"\", \"total_memory\": 0}]}",
        "{\"version\": 2, \"key\": \"k\", \"devices\": [{\"index\": 1, \"mig\": false, \"uuid\": \"\\u001b\", "
        "\"pci_bus_id\": \"\", \"name\": \"\", \"total_memory\": 0}]}",
    };
    cleanup_free char *text = inventory_encode("k", devices, ARRAY_SIZE(devices));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct genv_device *read = NULL;
        struct genv_error err = {0};
        size_t count = 7;

        assert_int_equal(inventory_decode(refused[i], strlen(refused[i]), "k", &read, &count, &err), -EINVAL);
        assert_true(!read && count == 7 && *err.message);
    }
    for (size_t length = 0; length < strlen(text); length++) {
        struct genv_device *read;
        size_t count;

        assert_int_equal(inventory_decode(text, length, "k", &read, &count, NULL), -EINVAL);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_key_is_that_of_a_boot_and_of_its_devices),
    cmocka_unit_test(devices_survive_the_round_trip),
    cmocka_unit_test(a_machine_without_devices_has_an_inventory_too),
    cmocka_unit_test(what_is_not_this_inventory_is_refused),
};

UNIT_MAIN(tests)
