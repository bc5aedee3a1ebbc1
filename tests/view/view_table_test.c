/* The view: the private table from which nvidia-smi takes its lists. */
#include "view_world.h"

static const unsigned char guid[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e,
                                       0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};

struct table_process {
    unsigned pid;
    unsigned long long used_memory;
    unsigned instances[2];
    unsigned long long protected_memory;
    char name[4096];
};

typedef nvmlReturn_t (*table_list)(nvmlDevice_t device, unsigned *count, struct table_process *processes);
typedef nvmlReturn_t (*table_bus_id)(unsigned index, char *bus_id, unsigned size);

static const void *const *get_table(void)
{
    const void *table = NULL;

    assert_int_equal(VIEW(nvmlInternalGetExportTable)(&table, guid), NVML_SUCCESS);
    assert_non_null(table);
    return table;
}

static pid_t member, stranger;

/* A machine with that driver, and one process of e1 in each list. */
static void set_machine(const char *driver_version, const char *more)
{
    member = view_start(-1, NULL);
    stranger = view_start(-1, NULL);
    view_set_world("{\"driver_version\": \"%s\", %s \"devices\": [{\"uuid\": \"" B "\"}, {\"uuid\": \"" A
                   "\", \"processes\": [{\"pid\": %d},"
                   " {\"pid\": %d, \"used_memory\": 77}, {\"pid\": %d, \"type\": \"graphics\"},"
                   " {\"pid\": %d, \"type\": \"graphics\"}, {\"pid\": %d, \"type\": \"mps\"},"
                   " {\"pid\": %d, \"type\": \"mps\"}]}]}",
                   driver_version, more, stranger, member, member, stranger, stranger, member);
    VIEW_SAVE("e1", -1, member, ON(A, 1, 0));
    view_enter("e1");
}

/* The first device of the view is the machine's second. */
static void check_bus_id(table_bus_id give)
{
    char bus_id[34 + 1];
    nvmlPciInfo_t pci;
    nvmlDevice_t device = NULL;

    memset(bus_id, 'x', sizeof(bus_id));
    assert_int_equal(give(0, bus_id, 34), NVML_SUCCESS);
    assert_int_equal(VIEW(nvmlDeviceGetPciInfo_v3)(view_handle(0), &pci), NVML_SUCCESS);
    assert_string_equal(bus_id, pci.busIdLegacy);
    assert_int_equal(bus_id[34], 'x');
    assert_int_equal(VIEW(nvmlDeviceGetHandleByPciBusId_v2)(bus_id, &device), NVML_SUCCESS);
    assert_ptr_equal(device, view_handle(0));
    assert_int_equal(give(2, bus_id, 34), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(give(0, bus_id, 5), NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(give(0, NULL, 34), NVML_ERROR_INVALID_ARGUMENT);
}

static void check_filtered(void)
{
    struct table_process *processes = calloc(8, sizeof(*processes));
    const void *const *table = get_table();

    assert_non_null(processes);
    for (int slot = 213; slot <= 215; slot++) {
        table_list list = (table_list)table[slot];
        unsigned count = 0;

        memset(processes, 0, 8 * sizeof(*processes));
        assert_int_equal(list(view_handle(0), &count, NULL), NVML_ERROR_INSUFFICIENT_SIZE);
        assert_int_equal(count, 1);
        count = 8;
        assert_int_equal(list(view_handle(0), &count, processes), NVML_SUCCESS);
        assert_int_equal(count, 1);
        assert_int_equal(processes[0].pid, member);
        assert_int_equal(processes[1].pid, 0);
        assert_string_equal(processes[0].name, "sleep 1000");
        if (slot == 213)
            assert_int_equal(processes[0].used_memory, 77);
    }
    free(processes);
    check_bus_id((table_bus_id)table[81]);
}

static void the_lists_of_all_drivers_are_filtered(void **state)
{
    static const char *const versions[] = {"535.261.03", "550.163.01", "580.159.04", "590.48.01",
                                           "595.91.07",  "610.57.04",  "615.71.09",  "999.10"};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        set_machine(versions[i], "");
        check_filtered();
    }
}

static void strangers_devices_have_no_list(void **state)
{
    nvmlDevice_t foreign;
    unsigned count = 9;

    (void)state;
    set_machine("550.163.01", "");
    view_leave();
    foreign = view_handle(0);
    view_enter("e1");
    assert_int_equal(((table_list)get_table()[213])(foreign, &count, NULL), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(count, 9);
}

/* Every slot is one that says that it is not supported, and touches nothing. */
static void check_closed(void)
{
    const void *const *table = get_table();
    size_t slots = (size_t)table[0] / sizeof(*table);

    assert_in_range(slots, 232, 1024);
    for (size_t i = 1; i < slots; i++) {
        table_list list = (table_list)table[i];

        assert_int_equal(list(NULL, NULL, NULL), NVML_ERROR_NOT_SUPPORTED);
    }
}

static void of_an_older_driver_nothing_shows(void **state)
{
    static const char *const versions[] = {"470.1", "534.99", "none"};

    (void)state;
    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
        set_machine(versions[i], "");
        check_closed();
    }
}

static void of_an_unexpected_table_nothing_shows(void **state)
{
    static const char *const sizes[] = {"0", "8", "1728", "1961", "1000000"};
    char more[64];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        snprintf(more, sizeof(more), "\"private_table_size\": %s,", sizes[i]);
        set_machine("550.163.01", more);
        check_closed();
    }
    set_machine("550.163.01", "\"results\": {\"nvmlSystemGetDriverVersion\": \"unknown\"},");
    check_closed();
}

static void a_later_drivers_table_is_known_by_public_functions_in_it(void **state)
{
    (void)state;
    set_machine("615.71.09", "\"private_table_moved\": true,");
    check_closed();
    set_machine("581.0", "\"private_table_moved\": true,");
    check_closed();
}

/* What the public lists do not confirm is not shown, and what is too large for its room harms nobody. */
static void a_later_drivers_entries_are_compared_with_the_public_ones(void **state)
{
    struct table_process *processes = calloc(2, sizeof(*processes));
    static const unsigned sizes[] = {4136, 4160, 8192};

    (void)state;
    assert_non_null(processes);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char more[64];

        snprintf(more, sizeof(more), "\"private_entry_size\": %u,", sizes[i]);
        set_machine("615.71.09", more);
        for (int slot = 213; slot <= 215; slot++) {
            unsigned count = 2;

            assert_int_equal(((table_list)get_table()[slot])(view_handle(0), &count, processes), NVML_SUCCESS);
            assert_true(count <= 1);
            if (count)
                assert_int_equal(processes[0].pid, member);
        }
    }
    set_machine("615.71.09", "\"results\": {\"nvmlDeviceGetComputeRunningProcesses_v3\": \"unknown\"},");
    for (int slot = 213; slot <= 215; slot++) {
        unsigned count = 2;

        assert_int_equal(((table_list)get_table()[slot])(view_handle(0), &count, processes), NVML_SUCCESS);
        assert_int_equal(count, 0);
    }
    free(processes);
}

/* What was added since the last driver that was seen may tell of processes as well. */
static void slots_that_nobody_has_seen_are_closed(void **state)
{
    const void *const *table;

    (void)state;
    set_machine("615.71.09", "\"private_table_size\": 2176,");
    table = get_table();
    assert_int_equal((size_t)table[0], 2176);
    assert_ptr_not_equal(table[268], table[269]);
    assert_ptr_equal(table[270], table[271]);
    assert_int_equal(((table_list)table[270])(NULL, NULL, NULL), NVML_ERROR_NOT_SUPPORTED);
}

static void outside_of_environments_the_table_is_the_drivers(void **state)
{
    const void *const *filtered;

    (void)state;
    set_machine("550.163.01", "");
    filtered = get_table();
    view_leave();
    assert_ptr_not_equal(get_table(), filtered);
}

static void other_tables_are_the_drivers_to_refuse(void **state)
{
    const void *table = NULL;

    (void)state;
    set_machine("550.163.01", "");
    assert_int_equal(VIEW(nvmlInternalGetExportTable)(&table, "another guid...."), NVML_ERROR_NOT_FOUND);
    assert_null(table);
    assert_int_equal(VIEW(nvmlInternalGetExportTable)(NULL, guid), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(VIEW(nvmlInternalGetExportTable)(&table, NULL), NVML_ERROR_INVALID_ARGUMENT);
}

static const struct CMUnitTest tests[] = {
    TEST(the_lists_of_all_drivers_are_filtered),
    TEST(strangers_devices_have_no_list),
    TEST(of_an_older_driver_nothing_shows),
    TEST(of_an_unexpected_table_nothing_shows),
    TEST(a_later_drivers_table_is_known_by_public_functions_in_it),
    TEST(a_later_drivers_entries_are_compared_with_the_public_ones),
    TEST(slots_that_nobody_has_seen_are_closed),
    TEST(outside_of_environments_the_table_is_the_drivers),
    TEST(other_tables_are_the_drivers_to_refuse),
};

UNIT_MAIN(tests)
