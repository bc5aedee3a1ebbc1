/* The answers of nvidia-smi on hosts without genv. */
#include "../unit/unit.h"

#include <errno.h>
#include <string.h>

#include "remote/smi.h"

#define FIRST "0, GPU-a, 00000000:01:00.0, NVIDIA H200, 143771, 512, 37, 45, 123.45, 550.163.01\n"

static struct genv_snapshot *parse(const char *text)
{
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    if (smi_parse(text, &snapshot, &err) < 0)
        fail_msg("%s", err.message);
    return snapshot;
}

static void devices_are_read(void **state)
{
    struct genv_snapshot *snapshot =
        parse(FIRST "3, GPU-b, 00000000:02:00.0, A100, 81920, 0, 0, 30, 60.00, 550.163.01\n");
    const struct genv_device *device = snapshot->devices;

    (void)state;
    assert_int_equal(snapshot->device_count, 2);
    assert_string_equal(snapshot->driver, "550.163.01");
    assert_string_equal(device->id.uuid, "GPU-a");
    assert_string_equal(device->pci_bus_id, "00000000:01:00.0");
    assert_string_equal(device->name, "NVIDIA H200");
    assert_true(device->total_memory == UINT64_C(143771) << 20 && device->sample.used_memory == UINT64_C(512) << 20);
    assert_int_equal(device->sample.utilization, 37);
    assert_int_equal(device->sample.temperature, 45);
    assert_int_equal(device->sample.power_mw, 123450);
    assert_int_equal(device[1].index, 3);
    genv_snapshot_free(snapshot);
}

static void what_is_in_brackets_is_unknown(void **state)
{
    struct genv_snapshot *snapshot =
        parse("0, GPU-a, [N/A], [Unknown Error], [N/A], [N/A], [Not Supported], [N/A], [N/A], [N/A]\n");
    const struct genv_device *device = snapshot->devices;

    (void)state;
    assert_string_equal(device->name, "");
    assert_true(device->total_memory == 0 && device->sample.used_memory == GENV_UNKNOWN_U64);
    assert_int_equal(device->sample.utilization, GENV_UNKNOWN_INT);
    assert_int_equal(device->sample.temperature, GENV_UNKNOWN_INT);
    assert_int_equal(device->sample.power_mw, -1);
    genv_snapshot_free(snapshot);
}

static void noise_is_passed_over(void **state)
{
    struct genv_snapshot *snapshot = parse("Welcome!\r\n3 users are logged in\r\n" FIRST);

    (void)state;
    assert_int_equal(snapshot->device_count, 1);
    genv_snapshot_free(snapshot);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "No devices were found\n",
        "0, GPU-a, b, c, 1, 2, 3, 4, 5\n",
        "0, GPU-a, b, c, 1, 2, 3, 4, 5, 6, 7\n",
        "70000, GPU-a, b, c, 1, 2, 3, 4, 5, 6\n",
        "0, GPU-a, b, c, 1, 2, 101, 4, 5, 6\n",
        "0, GPU-a, b, c, -1, 2, 3, 4, 5, 6\n",
        "0, GPU-a, b, c, 1, 2, 3, 4, nan, 6\n",
        "0, GPU-a, b, c\033[31m, 1, 2, 3, 4, 5, 6\n",
        FIRST FIRST,
    };
    struct genv_snapshot *snapshot = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct genv_error err = {0};

        if (smi_parse(texts[i], &snapshot, &err) != -EINVAL || snapshot || !*err.message)
            fail_msg("taken: %s", texts[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(devices_are_read),
    cmocka_unit_test(what_is_in_brackets_is_unknown),
    cmocka_unit_test(noise_is_passed_over),
    cmocka_unit_test(what_is_no_answer_is_refused),
};

UNIT_MAIN(tests)
