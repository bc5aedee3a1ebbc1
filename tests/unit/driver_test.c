/* Simulated devices, and what is said where there is no NVML. `driver_test simulated|missing` */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "driver/ask.h"
#include "driver/nvml_processes.h"
#include "driver_world.h"

/* Simulated devices */

static void simulated_devices_are_described(void **state)
{
    struct genv_device *devices;
    size_t count;
    unsigned part;
    char rest;

    (void)state;
    setenv("GENV_DEVICES", "4", 1);
    assert_int_equal(driver_is_simulated(NULL), 1);
    devices = world_list(&count);
    assert_int_equal(count, 4);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(devices[i].index, i);
        assert_int_equal(devices[i].state, GENV_DEVICE_OK);
        assert_int_equal(devices[i].minor, -1);
        assert_int_equal(devices[i].total_memory, (uint64_t)16 << 30);
        assert_int_equal(strlen(devices[i].id.uuid), 40);
        assert_int_equal(
            sscanf(devices[i].id.uuid, "GPU-%8x-%4x-%4x-%4x-%12x%c", &part, &part, &part, &part, &part, &rest), 5);
        assert_int_equal(sscanf(devices[i].pci_bus_id, "%8X:%2X:00.0%c", &part, &part, &rest), 2);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(devices[i].id.uuid, devices[j].id.uuid);
            assert_string_not_equal(devices[i].pci_bus_id, devices[j].pci_bus_id);
        }
    }
    free(devices);
}

static void simulated_identities_depend_on_the_index_only(void **state)
{
    struct genv_device *few, *many;
    size_t count;

    (void)state;
    setenv("GENV_DEVICES", "2", 1);
    few = world_list(&count);
    setenv("GENV_DEVICES", "1024", 1);
    setenv("GENV_MOCK_DEVICE_TOTAL_MEMORY", "8g", 1);
    many = world_list(&count);
    assert_int_equal(count, 1024);
    assert_int_equal(many[0].total_memory, 8000000000);
    for (unsigned i = 0; i < 2; i++)
        assert_string_equal(few[i].id.uuid, many[i].id.uuid);
    free(few);
    free(many);
}

static void simulated_count_has_two_names(void **state)
{
    size_t count;

    (void)state;
    setenv("GENV_MOCK_DEVICE_COUNT", "3", 1);
    free(world_list(&count));
    assert_int_equal(count, 3);
    setenv("GENV_DEVICES", "0", 1);
    free(world_list(&count));
    assert_int_equal(count, 0);
    setenv("GENV_DEVICES", "", 1);
    free(world_list(&count));
    assert_int_equal(count, 3);
    setenv("GENV_MOCK_DEVICE_COUNT", "", 1);
    assert_int_equal(driver_is_simulated(NULL), 0);
}

static void simulated_values_are_checked(void **state)
{
    static const char *const counts[] = {"-1",  "1025", "4x", "1.5", " 4", "4 ", "0x4", "+4", "18446744073709551620",
                                         "two", "4\n"};
    static const char *const amounts[] = {"4q", "-1", "0", "1.5g", "99999999999g"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        setenv("GENV_DEVICES", counts[i], 1);
        assert_int_equal(driver_is_simulated(NULL), -EINVAL);
        world_open_fails(EINVAL, "GENV_DEVICES");
    }
    unsetenv("GENV_DEVICES");
    setenv("GENV_MOCK_DEVICE_COUNT", "-1", 1);
    world_open_fails(EINVAL, "GENV_MOCK_DEVICE_COUNT");
    setenv("GENV_DEVICES", "1", 1);
    for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
        setenv("GENV_MOCK_DEVICE_TOTAL_MEMORY", amounts[i], 1);
        world_open_fails(EINVAL, "GENV_MOCK_DEVICE_TOTAL_MEMORY");
    }
}

static void simulated_devices_are_idle(void **state)
{
    struct driver_process *processes = NULL;
    struct genv_device *devices;
    struct driver *driver;
    size_t count, process_count = 0;

    (void)state;
    setenv("GENV_DEVICES", "1", 1);
    driver = world_open_driver();
    assert_string_equal(driver->ops->name, "simulated");
    assert_int_equal(driver->ops->list(driver, &devices, &count, NULL), 0);
    assert_true(devices[0].sample.used_memory == GENV_UNKNOWN_U64);
    driver->ops->sample(driver, &devices[0]);
    assert_int_equal(devices[0].sample.used_memory, 0);
    assert_int_equal(devices[0].sample.utilization, 0);
    assert_int_equal(devices[0].sample.temperature, GENV_UNKNOWN_INT);
    assert_int_equal(devices[0].sample.power_mw, GENV_UNKNOWN_INT);
    assert_int_equal(driver->ops->add_processes(driver, &devices[0], &processes, &process_count, NULL), 0);
    assert_int_equal(process_count, 0);
    driver_close(driver);
    free(devices);
}

static void simulated_devices_are_asked_here(void **state)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer = {.parts = NULL};
    struct genv_error err = {0};
    uint64_t fingerprint;

    (void)state;
    setenv("GENV_DEVICES", "4", 1);
    assert_int_equal(driver_ask(&gate, ANSWER_SAMPLES | ANSWER_PROCESSES, 0, &answer, NULL), 0);
    assert_int_equal(gate.program, -1);
    assert_int_equal(answer.device_count, 4);
    assert_int_equal(answer.devices[3].sample.used_memory, 0);
    assert_int_equal(answer.process_count, 0);
    answer_release(&answer);
    assert_int_equal(driver_fingerprint(&fingerprint), -ENOENT); /* it would be that of others */
    setenv("GENV_DEVICES", "four", 1);
    assert_int_equal(driver_ask(&gate, 0, 0, &answer, &err), -EINVAL);
    assert_non_null(strstr(err.message, "GENV_DEVICES"));
}

static void drivers_have_names_and_words(void **state)
{
    (void)state;
    assert_ptr_equal(driver_find("nvml"), &driver_nvml);
    assert_ptr_equal(driver_find("simulated"), &driver_simulated);
    assert_null(driver_find("other"));
    assert_string_equal(driver_find("nvml")->words->visible_variable, "CUDA_VISIBLE_DEVICES");
}

static void wrong_v3_versions(void **state)
{
    (void)state;
    assert_false(nvml_version_has_wrong_v3("535.42.01"));
    assert_true(nvml_version_has_wrong_v3("535.43.02"));
    assert_true(nvml_version_has_wrong_v3("535.54.03"));
    assert_false(nvml_version_has_wrong_v3("535.86.10"));
    assert_false(nvml_version_has_wrong_v3("535.261.03"));
    assert_false(nvml_version_has_wrong_v3("530.54.03"));
    assert_false(nvml_version_has_wrong_v3("550.54.03"));
    assert_false(nvml_version_has_wrong_v3(""));
}

/* No library */

static void missing_library_is_told(void **state)
{
    struct driver_gate gate = DRIVER_GATE_INIT;
    struct driver_answer answer;
    struct genv_error err = {0};

    (void)state;
    world_open_fails(ENODEV, NVML_LIBRARY);
    world_open_fails(ENODEV, "GENV_DEVICES=4");
    assert_int_equal(driver_ask(&gate, 0, 60000, &answer, &err), -ENODEV);
    assert_non_null(strstr(err.message, "GENV_DEVICES=4"));
    driver_gate_close(&gate);
}

/* Starts this program again where the first library to be found is an empty file: so it goes as without a library, also
 * on a machine that has one. */
static int run_without_library(char **argv)
{
    static const struct CMUnitTest tests[] = {TEST(missing_library_is_told)};
    int status = 0;
    pid_t child;

    if (getenv("DRIVER_TEST_NO_LIBRARY"))
        return cmocka_run_group_tests(tests, NULL, NULL);
    if (world_make(NULL) < 0)
        return 1;
    world_write(NVML_LIBRARY, "");
    setenv("LD_LIBRARY_PATH", world_directory, 1);
    setenv("DRIVER_TEST_NO_LIBRARY", "1", 1);
    child = fork();
    if (child == 0) {
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    world_remove(NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(simulated_devices_are_described), TEST(simulated_identities_depend_on_the_index_only),
        TEST(simulated_count_has_two_names),   TEST(simulated_values_are_checked),
        TEST(simulated_devices_are_idle),      TEST(simulated_devices_are_asked_here),
        TEST(drivers_have_names_and_words),    TEST(wrong_v3_versions),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (argc == 2 && strcmp(argv[1], "missing") == 0)
        return run_without_library(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
