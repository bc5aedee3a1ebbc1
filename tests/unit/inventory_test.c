/* The devices of a boot. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "store/inventory.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

/* What /proc/driver/nvidia looks like. */
static void make_driver(const char *directory)
{
    cleanup_free char *gpus = unit_path(directory, "gpus"), *gpu = unit_path(directory, "gpus/0000:01:00.0");

    unit_write(directory, "version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01\n");
    assert_int_equal(mkdir(gpus, 0755), 0);
    assert_int_equal(mkdir(gpu, 0755), 0);
}

static void key_of(const char *directory, const char *boot_id, char key[static INVENTORY_KEY_SIZE])
{
    assert_int_equal(inventory_key(directory, boot_id, key), 0);
    assert_int_equal(strlen(key), 16);
}

static void the_key_is_the_same_while_nothing_changes(void **state)
{
    char first[INVENTORY_KEY_SIZE], second[INVENTORY_KEY_SIZE];

    make_driver(*state);
    key_of(*state, BOOT, first);
    key_of(*state, BOOT, second);
    assert_string_equal(first, second);
}

static void the_key_changes_with_the_boot_the_driver_and_the_gpus(void **state)
{
    cleanup_free char *gpu = unit_path(*state, "gpus/0000:02:00.0"), *old = unit_path(*state, "gpus/0000:01:00.0");
    char keys[5][INVENTORY_KEY_SIZE];

    make_driver(*state);
    key_of(*state, BOOT, keys[0]);
    key_of(*state, "21111111-2222-3333-4444-555555555555", keys[1]);
    unit_write(*state, "version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.02\n");
    key_of(*state, BOOT, keys[2]);
    assert_int_equal(mkdir(gpu, 0755), 0); /* a GPU more */
    key_of(*state, BOOT, keys[3]);
    assert_int_equal(rmdir(old), 0); /* another GPU */
    key_of(*state, BOOT, keys[4]);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    }
}

static void without_word_of_the_kernel_there_is_no_key(void **state)
{
    cleanup_free char *missing = unit_path(*state, "missing"), *version = unit_path(*state, "version");
    char key[INVENTORY_KEY_SIZE] = "untouched";

    assert_int_equal(inventory_key(missing, BOOT, key), -ENOENT);
    assert_int_equal(inventory_key(*state, BOOT, key), -ENOENT);
    unit_write(*state, "version", "550\n");
    assert_int_equal(inventory_key(*state, BOOT, key), -ENOENT); /* no gpus */
    assert_int_equal(unlink(version), 0);
    make_driver(*state);
    assert_int_equal(unlink(version), 0);
    assert_int_equal(mkfifo(version, 0600), 0);
    assert_int_equal(inventory_key(*state, BOOT, key), -ENOENT);
    assert_string_equal(key, "untouched");
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
        "{\"version\": 2, \"key\": \"k\", \"devices\": []}",
        "{\"version\": 1, \"key\": \"other\", \"devices\": []}",
        "{\"version\": 1, \"key\": \"\", \"devices\": []}",
        "{\"version\": 1, \"key\": \"k\"}",
        "{\"version\": 1, \"key\": \"k\", \"devices\": [{}]}",
        "{\"version\": 1, \"key\": \"k\", \"devices\": [{\"index\": -1, \"mig\": false, \"uuid\": \"\", "
        "\"pci_bus_id\": \"\", \"name\": \"\", \"total_memory\": 0}]}",
        "{\"version\": 1, \"key\": \"k\", \"devices\": [{\"index\": 1, \"mig\": false, \"uuid\": \"\\u001b\", "
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
    test_in_directory(the_key_is_the_same_while_nothing_changes),
    test_in_directory(the_key_changes_with_the_boot_the_driver_and_the_gpus),
    test_in_directory(without_word_of_the_kernel_there_is_no_key),
    cmocka_unit_test(devices_survive_the_round_trip),
    cmocka_unit_test(a_machine_without_devices_has_an_inventory_too),
    cmocka_unit_test(what_is_not_this_inventory_is_refused),
};

UNIT_MAIN(tests)
