/* The NVML driver against tests/simulator's library, which it finds through LD_LIBRARY_PATH: `driver_nvml_test`, and
 * against that of older drivers: `driver_nvml_test old`. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver_world.h"

static void nvml_devices_are_described(void **state)
{
    struct genv_device *devices;
    struct driver *driver;
    size_t count;

    (void)state;
    world_set("{\"driver_version\": \"550.163.01\", \"devices\": ["
              "{\"uuid\": \"" A "\", \"bus_id\": \"0000:3b:00.0\", \"minor\": 1, \"name\": \"NVIDIA H200\","
              " \"total_memory\": \"141gi\", \"reserved_memory\": \"1gi\", \"used_memory\": \"5gi\","
              " \"utilization\": 37, \"temperature\": 51, \"power\": 123456},"
              "{\"uuid\": \"" B "\", \"bus_id\": \"0001:af:00.0\", \"minor\": 0, \"temperature\": -1, \"power\": -1,"
              " \"utilization\": -1}]}");
    driver = world_open_driver();
    assert_string_equal(driver->ops->name, "nvml");
    assert_string_equal(driver->version, "550.163.01");
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(devices[0].index, 0);
    assert_int_equal(devices[0].minor, 1);
    assert_int_equal(devices[0].state, GENV_DEVICE_OK);
    assert_false(devices[0].mig);
    assert_string_equal(devices[0].id.uuid, A);
    assert_string_equal(devices[0].pci_bus_id, "00000000:3B:00.0");
    assert_string_equal(devices[0].name, "NVIDIA H200");
    assert_int_equal(devices[0].total_memory, (uint64_t)141 << 30);
    assert_true(devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    assert_string_equal(devices[1].pci_bus_id, "00000001:AF:00.0");
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].sample.used_memory, (uint64_t)5 << 30);
    assert_int_equal(devices[0].sample.utilization, 37);
    assert_int_equal(devices[0].sample.temperature, 51);
    assert_int_equal(devices[0].sample.power_mw, 123456);
    driver->ops->sample(driver, &devices[1]);
    assert_int_equal(devices[1].sample.used_memory, 0);
    assert_int_equal(devices[1].sample.utilization, GENV_UNKNOWN_INT);
    assert_int_equal(devices[1].sample.temperature, GENV_UNKNOWN_INT);
    assert_int_equal(devices[1].sample.power_mw, -1);
    driver_close(driver);
    free(devices);
}

/* What would make a record unreadable, or harm a terminal. */
static void nvml_texts_are_made_printable(void **state)
{
    struct genv_device *devices;
    struct driver *driver;
    size_t count;

    (void)state;
    world_set("{\"driver_version\": \"550\\u001b[31m\", \"devices\": [{\"uuid\": \"GPU-\\u202e\\u009b1\"}]}");
    driver = world_open_driver();
    assert_string_equal(driver->version, "550?[31m");
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(devices[0].id.uuid, "GPU-??1");
    driver->ops->sample(driver, &devices[0]); /* it is found by that */
    assert_true(devices[0].sample.used_memory != GENV_UNKNOWN_U64);
    driver_close(driver);
    free(devices);
}

static void nvml_without_devices(void **state)
{
    size_t count = 1;

    (void)state;
    world_set("{}");
    free(world_list(&count));
    assert_int_equal(count, 0);
}

static void nvml_serves_the_others(void **state)
{
    static const enum genv_device_state states[] = {GENV_DEVICE_LOST,   GENV_DEVICE_LOST, GENV_DEVICE_FORBIDDEN,
                                                    GENV_DEVICE_FAILED, GENV_DEVICE_LOST, GENV_DEVICE_FAILED,
                                                    GENV_DEVICE_OK};
    struct driver_process *processes = NULL;
    struct genv_device *devices;
    struct driver *driver;
    size_t count, process_count = 0;

    (void)state;
    world_set("{\"devices\": ["
              "{\"uuid\": \"GPU-0\", \"handle\": \"gpu_is_lost\"},"
              "{\"uuid\": \"GPU-1\", \"query\": \"gpu_is_lost\"},"
              "{\"uuid\": \"GPU-2\", \"handle\": \"no_permission\"},"
              "{\"uuid\": \"GPU-3\", \"query\": \"unknown\"},"
              "{\"uuid\": \"GPU-4\", \"results\": {\"nvmlDeviceGetMemoryInfo_v2\": \"reset_required\"}},"
              "{\"uuid\": \"GPU-5\", \"results\": {\"nvmlDeviceGetPciInfo_v3\": \"unknown\"}},"
              "{\"uuid\": \"" A "\", \"processes\": [{\"pid\": 7, \"used_memory\": 70}]}]}");
    driver = world_open_driver();
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(count, ARRAY_SIZE(states));
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(devices[i].index, i);
        assert_int_equal(devices[i].state, states[i]);
        driver->ops->sample(driver, &devices[i]);
        assert_int_equal(driver->ops->add_processes(driver, &devices[i], &processes, &process_count, NULL), 0);
    }
    assert_string_equal(devices[0].id.uuid, "");
    assert_string_equal(devices[5].id.uuid, "GPU-5");
    assert_int_equal(devices[6].sample.used_memory, 70);
    assert_int_equal(process_count, 1);
    assert_true(processes && processes[0].index == 6);
    driver_close(driver);
    free(processes);
    free(devices);
}

static uint64_t machine_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    unsigned long long kilobytes = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "MemTotal: %llu kB", &kilobytes), 1);
    fclose(file);
    return kilobytes * 1024;
}

static void nvml_unified_memory_is_the_machines(void **state)
{
    struct genv_device *devices;
    struct driver *driver;
    size_t count;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"unified_memory\": true, \"processes\": ["
              " {\"pid\": 7, \"used_memory\": 100}, {\"pid\": 8, \"used_memory\": 30},"
              " {\"pid\": 7, \"type\": \"graphics\", \"used_memory\": 100}]}, {\"uuid\": \"" B "\"}]}");
    driver = world_open_driver();
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(devices[0].state, GENV_DEVICE_OK);
    assert_true(devices[0].unified_memory);
    assert_int_equal(devices[0].total_memory, machine_memory());
    assert_false(devices[1].unified_memory);
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].sample.used_memory, 130); /* a process once, whatever else uses the machine's memory */
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"unified_memory\": true, \"processes\": ["
              " {\"pid\": 7, \"used_memory\": null}]}]}");
    driver->ops->sample(driver, &devices[0]);
    assert_true(devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"unified_memory\": true, \"results\":"
              " {\"nvmlDeviceGetComputeRunningProcesses_v3\": \"not_supported\"}}]}");
    driver->ops->sample(driver, &devices[0]);
    assert_true(devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    driver_close(driver);
    free(devices);
}

/* Only a driver that says NOT_SUPPORTED says that the device has no memory of its own. */
static void nvml_without_memory_figures(void **state)
{
    static const char *const devices_without[] = {
        "\"mig\": true, \"unified_memory\": true",
        "\"results\": {\"nvmlDeviceGetMemoryInfo\": \"unknown\", \"nvmlDeviceGetMemoryInfo_v2\": \"unknown\"}",
        "\"results\": {\"nvmlDeviceGetMemoryInfo\": \"gpu_is_lost\", \"nvmlDeviceGetMemoryInfo_v2\": \"gpu_is_lost\"}",
        "\"handle\": \"gpu_is_lost\"",
        "\"query\": \"gpu_is_lost\"",
        "\"handle\": \"no_permission\"",
    };
    struct genv_device *devices;
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(devices_without) / sizeof(*devices_without); i++) {
        char world[512];

        snprintf(world, sizeof(world), "{\"devices\": [{\"uuid\": \"" A "\", %s}]}", devices_without[i]);
        world_set(world);
        devices = world_list(&count);
        assert_int_equal(devices[0].total_memory, 0);
        assert_false(devices[0].unified_memory);
        free(devices);
    }
}

static void nvml_device_lost_meanwhile(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_device *devices;
    struct genv_error err = {0};
    struct driver *driver;
    size_t count, process_count = 0;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\"}, {\"uuid\": \"" B "\"}]}");
    driver = world_open_driver();
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    world_set("{\"devices\": [{\"uuid\": \"" A "\", \"query\": \"gpu_is_lost\"}, {\"uuid\": \"" B "\","
              " \"processes\": [{\"pid\": 7}]}]}");
    assert_int_equal(driver->ops->add_processes(driver, &devices[0], &processes, &process_count, &err), -ENODEV);
    assert_int_equal(process_count, 0);
    assert_non_null(strstr(err.message, "GPU is lost"));
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].state, GENV_DEVICE_LOST);
    assert_true(devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    driver->ops->sample(driver, &devices[1]);
    assert_int_equal(devices[1].state, GENV_DEVICE_OK);
    assert_int_equal(driver->ops->add_processes(driver, &devices[1], &processes, &process_count, NULL), 0);
    assert_int_equal(process_count, 1);
    driver_close(driver);
    free(processes);
    free(devices);
}

static void nvml_order_changes_between_opens(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_device *before, *after;
    struct driver *driver;
    size_t count, process_count = 0;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A "\"}, {\"uuid\": \"" B "\"}, {\"uuid\": \"" C "\"}]}");
    before = world_list(&count);
    world_set("{\"devices\": [{\"uuid\": \"" C "\", \"used_memory\": 3}, {\"uuid\": \"" A "\", \"used_memory\": 1,"
              " \"processes\": [{\"pid\": 7}]}]}");
    after = world_list(&count);
    assert_int_equal(count, 2);
    assert_string_equal(after[0].id.uuid, C);
    assert_string_equal(after[1].id.uuid, A);
    /* What was listed earlier is still told by its UUID: A is elsewhere, B is gone. */
    driver = world_open_driver();
    driver->ops->sample(driver, &before[0]);
    assert_int_equal(before[0].sample.used_memory, 1);
    driver->ops->sample(driver, &before[1]);
    assert_true(before[1].sample.used_memory == GENV_UNKNOWN_U64);
    driver->ops->sample(driver, &before[2]);
    assert_int_equal(before[2].sample.used_memory, 3);
    assert_int_equal(driver->ops->add_processes(driver, &before[0], &processes, &process_count, NULL), 0);
    assert_int_equal(process_count, 1);
    assert_string_equal(processes[0].uuid, A);
    driver_close(driver);
    free(processes);
    free(before);
    free(after);
}

static void nvml_driver_fails(void **state)
{
    (void)state;
    world_set("{\"init\": \"driver_not_loaded\"}");
    world_open_fails(ENODEV, "GENV_DEVICES=4");
    world_set("{\"init\": \"lib_rm_version_mismatch\"}");
    world_open_fails(EIO, "reboot");
    world_set("{\"init\": \"no_permission\"}");
    world_open_fails(EACCES, "permission");
    world_set("{\"init\": \"unknown\"}");
    world_open_fails(EIO, "999");
    setenv("GENV_SIMULATOR", "/nowhere", 1); /* no machine at all, whatever this one is */
    world_open_fails(ENODEV, "not loaded");
}

static void nvml_count_fails(void **state)
{
    struct genv_device *devices = NULL;
    struct genv_error err = {0};
    struct driver *driver;
    size_t count;

    (void)state;
    world_set("{\"results\": {\"nvmlDeviceGetCount_v2\": \"unknown\"}}");
    driver = world_open_driver();
    assert_int_equal(driver->ops->list(driver, &devices, &count, &err), -EIO);
    assert_null(devices);
    assert_non_null(strstr(err.message, "Unknown Error"));
    driver_close(driver);
}

static void nvml_mig_mode(void **state)
{
    struct driver_process *processes;
    struct genv_device *devices;
    struct driver *driver;
    size_t count;

    (void)state;
#define MIG                                                                                                            \
    "\"mig\": true, \"mig_instances\": [\"MIG-1\", \"MIG-2\"], \"processes\": ["                                       \
    "{\"pid\": 7, \"used_memory\": 70, \"mig_instance\": 0}, {\"pid\": 8, \"used_memory\": 80, \"mig_instance\": 1}]"
    world_set("{\"devices\": [{\"uuid\": \"" A "\", " MIG "}, {\"uuid\": \"" B "\"}]}");
    driver = world_open_driver();
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(devices[0].mig);
    assert_false(devices[1].mig);
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].sample.used_memory, 150);
    assert_int_equal(devices[0].sample.utilization, GENV_UNKNOWN_INT); /* NVML has none in this mode */
    driver_close(driver);
    free(devices);
    assert_int_equal(world_read_processes(&processes, &count), 0);
    assert_int_equal(count, 2);
    free(processes);

    /* The whole device's list takes privileges there, those of the instances do not. */
    world_set("{\"devices\": [{\"uuid\": \"" A "\", " MIG
              ", \"results\": {\"nvmlDeviceGetComputeRunningProcesses_v3\": \"no_permission\"}}]}");
    assert_int_equal(world_read_processes(&processes, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(processes[1].pid, 8);
    assert_string_equal(processes[1].uuid, A);
    free(processes);
    world_set("{\"devices\": [{\"uuid\": \"" A "\", "
              "\"results\": {\"nvmlDeviceGetComputeRunningProcesses_v3\": \"no_permission\"}}]}");
    assert_int_equal(world_read_processes(&processes, &count), -EACCES);
    assert_int_equal(count, 0);
    free(processes);
}

static void nvml_processes_are_merged(void **state)
{
    struct driver_process *processes;
    size_t count;

    (void)state;
    world_set(
        "{\"devices\": [{\"uuid\": \"" A "\", \"processes\": ["
        "{\"pid\": 7, \"used_memory\": 70}, {\"pid\": 8, \"used_memory\": null}, {\"pid\": 0, \"used_memory\": 1},"
        "{\"pid\": 7, \"used_memory\": 90, \"type\": \"graphics\"},"
        "{\"pid\": 8, \"used_memory\": 80, \"type\": \"graphics\"},"
        "{\"pid\": 9, \"used_memory\": null, \"type\": \"graphics\"},"
        "{\"pid\": 7, \"used_memory\": 10, \"type\": \"mps\"}, {\"pid\": 10, \"used_memory\": 100, \"type\": \"mps\"}"
        "]}]}");
    assert_int_equal(world_read_processes(&processes, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(processes[0].pid, 7);
    assert_int_equal(processes[0].used_memory, 90);
    assert_int_equal(processes[0].index, 0);
    assert_string_equal(processes[0].uuid, A);
    assert_int_equal(processes[1].pid, 8);
    assert_int_equal(processes[1].used_memory, 80);
    assert_int_equal(processes[2].pid, 9);
    assert_true(processes[2].used_memory == GENV_UNKNOWN_U64);
    assert_int_equal(processes[3].pid, 10);
    assert_int_equal(processes[3].used_memory, 100);
    free(processes);
}

static void assert_crowd(unsigned crowd)
{
    struct driver_process *processes;
    size_t count;

    assert_int_equal(world_read_processes(&processes, &count), 0);
    assert_int_equal(count, crowd);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(processes[i].pid, i + 1);
        assert_int_equal(processes[i].used_memory, i + 1);
    }
    free(processes);
}

static void nvml_processes_are_many(void **state)
{
    static const unsigned crowds[] = {0, 1, 63, 64, 65, 1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
        world_set_crowd("550.163.01", crowds[i]);
        assert_crowd(crowds[i]);
    }
}

static void nvml_wrong_v3_is_avoided(void **state)
{
    (void)state;
    world_set_crowd("535.54.03", 5); /* the simulator gives wrong data through _v3 there, as the driver did */
    assert_crowd(5);
    world_set_crowd("535.86.10", 5);
    assert_crowd(5);
}

static void nvml_process_lists_unsupported(void **state)
{
    struct driver_process *processes;
    size_t count;

    (void)state;
    world_set("{\"devices\": [{\"uuid\": \"" A
              "\", \"processes\": [{\"pid\": 7}, {\"pid\": 8, \"type\": \"graphics\"}],"
              " \"results\": {\"nvmlDeviceGetGraphicsRunningProcesses_v3\": \"not_supported\"}}]}");
    assert_int_equal(world_read_processes(&processes, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(processes[0].pid, 7);
    free(processes);
}

/* Older libraries */

static void old_library_serves(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_device *devices;
    struct driver *driver;
    size_t count, process_count = 0;

    (void)state;
    world_set(
        "{\"driver_version\": \"390.157\", \"devices\": [{\"uuid\": \"" A "\", \"bus_id\": \"00000002:3b:1f.0\","
        " \"total_memory\": \"8gi\", \"used_memory\": 100, \"reserved_memory\": 20, \"mig\": false, \"processes\":"
        " [{\"pid\": 7, \"used_memory\": 70}, {\"pid\": 8, \"used_memory\": 80}, {\"pid\": 9, \"used_memory\":"
        " null, \"type\": \"graphics\"}, {\"pid\": 10, \"type\": \"mps\"}]}]}");
    driver = world_open_driver();
    assert_string_equal(driver->version, "390.157");
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(devices[0].state, GENV_DEVICE_OK);
    assert_string_equal(devices[0].pci_bus_id, "00000002:3B:1F.0");
    assert_int_equal(devices[0].total_memory, (uint64_t)8 << 30);
    assert_false(devices[0].mig);
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].sample.used_memory, 120); /* the older figure includes what is reserved */
    assert_int_equal(driver->ops->add_processes(driver, &devices[0], &processes, &process_count, NULL), 0);
    assert_int_equal(process_count, 3);
    assert_int_equal(processes[1].pid, 8);
    assert_int_equal(processes[1].used_memory, 80);
    assert_true(processes[2].used_memory == GENV_UNKNOWN_U64);
    driver_close(driver);
    free(processes);
    free(devices);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(nvml_devices_are_described),
        TEST(nvml_texts_are_made_printable),
        TEST(nvml_without_devices),
        TEST(nvml_serves_the_others),
        TEST(nvml_unified_memory_is_the_machines),
        TEST(nvml_without_memory_figures),
        TEST(nvml_device_lost_meanwhile),
        TEST(nvml_order_changes_between_opens),
        TEST(nvml_driver_fails),
        TEST(nvml_count_fails),
        TEST(nvml_mig_mode),
        TEST(nvml_processes_are_merged),
        TEST(nvml_processes_are_many),
        TEST(nvml_wrong_v3_is_avoided),
        TEST(nvml_process_lists_unsupported),
    };
    static const struct CMUnitTest old_tests[] = {TEST(old_library_serves)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (argc == 2 && strcmp(argv[1], "old") == 0)
        return cmocka_run_group_tests(old_tests, world_make, world_remove);
    return cmocka_run_group_tests(tests, world_make, world_remove);
}
