/* The view: which devices a program finds. */
#include "view_world.h"

#include "base/text.h"

#define MACHINE                                                                                                        \
    "{\"devices\": [{\"uuid\": \"" A "\", \"bus_id\": \"00000000:0A:00.0\", \"serial\": \"1\"},"                       \
    " {\"uuid\": \"" B "\", \"bus_id\": \"00000000:0B:00.0\", \"serial\": \"2\"},"                                     \
    " {\"uuid\": \"" C "\", \"bus_id\": \"00000000:0C:00.0\", \"serial\": \"3\"}]}"

static void check_uuid(nvmlDevice_t device, const char *expected)
{
    char uuid[96] = "";

    assert_int_equal(VIEW(nvmlDeviceGetUUID)(device, uuid, sizeof(uuid)), NVML_SUCCESS);
    assert_string_equal(uuid, expected);
}

static void outside_of_environments_everything_shows(void **state)
{
    nvmlMemory_v2_t memory = {.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)};

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"reserved_memory\": 1024,"
                   " \"processes\": [{\"pid\": 1, \"used_memory\": 7}]}, {\"uuid\": \"" B "\"}]}");
    assert_int_equal(view_count(), 2);
    check_uuid(view_handle(0), A);
    check_uuid(view_handle(1), B);
    assert_string_equal(view_pids(view_handle(0)), " 1");
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo_v2)(view_handle(0), &memory), NVML_SUCCESS);
    assert_int_equal(memory.reserved, 1024);
    assert_int_equal(memory.used, 7);
}

static void an_environments_devices_alone_are_found(void **state)
{
    nvmlDevice_t device = NULL;
    unsigned index = 99, count = 99;

    (void)state;
    view_set_world(MACHINE);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(C, 2, 0), ON(B, 1, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 2);
    assert_int_equal(VIEW(nvmlDeviceGetCount)(&count), NVML_SUCCESS);
    assert_int_equal(count, 2);
    check_uuid(view_handle(0), C); /* where there is no other one of that number */
    check_uuid(view_handle(1), B);
    assert_int_equal(VIEW(nvmlDeviceGetIndex)(view_handle(0), &index), NVML_SUCCESS);
    assert_int_equal(index, 2);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex_v2)(3, &device), NVML_ERROR_INVALID_ARGUMENT);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, NULL), NVML_ERROR_INVALID_ARGUMENT);
    assert_null(device);
}

static void the_machines_number_is_understood_where_it_is_no_other(void **state)
{
    nvmlDevice_t device = NULL;

    (void)state;
    view_set_world(MACHINE);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(C, 2, 0));
    view_enter("e1");
    check_uuid(view_handle(0), C);
    check_uuid(view_handle(2), C);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex)(1, &device), NVML_ERROR_INVALID_ARGUMENT);
}

/* In all environments on a machine of six. */
static void every_number_leads_to_the_device_that_has_it(void **state)
{
    static const char format[] = "GPU-dddddddd-0000-0000-0000-00000000000%d";
    pid_t member;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000000\"},"
                   " {\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000001\"},"
                   " {\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000002\"},"
                   " {\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000003\"},"
                   " {\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000004\"},"
                   " {\"uuid\": \"GPU-dddddddd-0000-0000-0000-000000000005\"}]}");
    member = view_start(-1, NULL);
    view_enter("e1");
    for (unsigned set = 1; set < 1u << 6; set++) {
        struct genv_attachment attachments[6];
        unsigned count = 0, seen = 0;

        for (int i = 0; i < 6; i++) {
            if (!(set & 1u << i))
                continue;
            attachments[count] = (struct genv_attachment){.index = i, .time = {.tv_sec = 1000000000}};
            snprintf(attachments[count++].device.uuid, sizeof(attachments->device.uuid), format, i);
        }
        view_save("e1", -1, member, attachments, count);
        assert_int_equal(view_count(), count);
        for (unsigned place = 0; place < count; place++) {
            nvmlDevice_t device = view_handle(place);
            unsigned index;

            assert_int_equal(VIEW(nvmlDeviceGetIndex)(device, &index), NVML_SUCCESS);
            assert_ptr_equal(view_handle(index), device);
            assert_true(index == place || !(set & 1u << place));
            seen |= 1u << index;
        }
        assert_int_equal(seen, set);
    }
}

static void strangers_are_not_found_by_any_name(void **state)
{
    static const char *const bus_ids[] = {"00000000:0A:00.0", "0A:00.0"};
    nvmlUUID_t uuid = {.version = NVML_STRUCT_VERSION(nvmlUUID_t, 1), .type = NVML_UUID_TYPE_ASCII};
    nvmlDevice_t device = NULL;

    (void)state;
    view_set_world(MACHINE);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(C, 2, 0));
    view_enter("e1");
    for (size_t i = 0; i < ARRAY_SIZE(bus_ids); i++) {
        assert_int_equal(VIEW(nvmlDeviceGetHandleByPciBusId)(bus_ids[i], &device), NVML_ERROR_NOT_FOUND);
        assert_int_equal(VIEW(nvmlDeviceGetHandleByPciBusId_v2)(bus_ids[i], &device), NVML_ERROR_NOT_FOUND);
    }
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUID)(A, &device), NVML_ERROR_NOT_FOUND);
    assert_int_equal(VIEW(nvmlDeviceGetHandleBySerial)("1", &device), NVML_ERROR_NOT_FOUND);
    copy_string(uuid.value.str, sizeof(uuid.value.str), A);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUIDV)(&uuid, &device), NVML_ERROR_NOT_FOUND);
    assert_null(device);

    check_uuid(view_handle_by_uuid(C), C);
    copy_string(uuid.value.str, sizeof(uuid.value.str), C);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUIDV)(&uuid, &device), NVML_SUCCESS);
    check_uuid(device, C);
    assert_int_equal(VIEW(nvmlDeviceGetHandleBySerial)("3", &device), NVML_SUCCESS);
    check_uuid(device, C);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByPciBusId_v2)("00000000:0C:00.0", &device), NVML_SUCCESS);
    check_uuid(device, C);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUID)(C, NULL), NVML_ERROR_INVALID_ARGUMENT);
}

static void attaching_and_detaching_shows_at_the_next_call(void **state)
{
    nvmlDevice_t device;
    nvmlMemory_t memory;
    unsigned index, count = 9;
    pid_t member;

    (void)state;
    view_set_world(MACHINE);
    member = view_start(-1, NULL);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 1);
    device = view_handle(0);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0), ON(B, 1, 0));
    assert_int_equal(view_count(), 2);
    view_save("e1", -1, member, NULL, 0);
    assert_int_equal(view_count(), 0);
    /* The handle from before is a stranger's now. */
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(device, &memory), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(VIEW(nvmlDeviceGetIndex)(device, &index), NVML_ERROR_NO_PERMISSION);
    assert_int_equal(VIEW(nvmlDeviceGetComputeRunningProcesses_v2)(device, &count, NULL), NVML_ERROR_NO_PERMISSION);
}

static void of_what_has_ended_nothing_shows(void **state)
{
    nvmlDevice_t device;
    pid_t member;

    (void)state;
    view_set_world(MACHINE);
    member = view_start(-1, NULL);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 1);
    view_kill(member);
    for (int tries = 1000; tries && view_count(); tries--)
        usleep(1000); /* it is not looked for at every call */
    assert_int_equal(view_count(), 0);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUID)(A, &device), NVML_ERROR_NOT_FOUND);
    view_enter("never-was");
    assert_int_equal(view_count(), 0);
    view_enter("../envs/e1");
    assert_int_equal(view_count(), 0);
    unit_write(getenv("GENV_TMPDIR"), "envs/torn.json", "{\"version\": 1");
    view_enter("torn");
    assert_int_equal(view_count(), 0);
    setenv("GENV_TMPDIR", "/nowhere", 1);
    assert_int_equal(view_count(), 0);
}

static int count_in_e1(void *data)
{
    unsigned count = 99;

    (void)data;
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_SUCCESS);
    return (int)count;
}

static void another_users_environment_does_not_show(void **state)
{
    (void)state;
    skip_unless_root();
    view_set_world(MACHINE);
    VIEW_SAVE("e1", USER_A, view_start(USER_A, NULL), ON(A, 0, 0), ON(B, 1, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 2); /* root acts for others */
    assert_int_equal(unit_fork(USER_A, count_in_e1, NULL), 2);
    assert_int_equal(unit_fork(USER_B, count_in_e1, NULL), 0);
}

static void a_lost_device_hides_no_other(void **state)
{
    nvmlDevice_t device = NULL;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"handle\": \"gpu_is_lost\"},"
                   " {\"uuid\": \"" B "\", \"handle\": \"no_permission\"}, {\"uuid\": \"" C "\"}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0), ON(B, 1, 0), ON(C, 2, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 3);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &device), NVML_ERROR_GPU_IS_LOST);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex_v2)(1, &device), NVML_ERROR_NO_PERMISSION);
    check_uuid(view_handle(2), C);
}

/* Looking devices up by UUID fails while any is lost, in the drivers' documentation. */
static void a_strangers_lost_device_hides_none(void **state)
{
    (void)state;
    view_set_world("{\"results\": {\"nvmlDeviceGetHandleByUUID\": \"gpu_is_lost\"}, \"devices\":"
                   " [{\"uuid\": \"" A "\", \"handle\": \"gpu_is_lost\"}, {\"uuid\": \"" C "\"}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(C, 2, 0)); /* it is at another place than when it was attached */
    view_enter("e1");
    assert_int_equal(view_count(), 1);
    check_uuid(view_handle(0), C);
}

static void a_device_that_moved_is_found(void **state)
{
    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" C "\"}, {\"uuid\": \"" A "\"}, {\"uuid\": \"" B "\"}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0), ON(C, 2, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 2);
    check_uuid(view_handle(0), C); /* in the order that the machine has now */
    check_uuid(view_handle(1), A);
}

static void a_device_that_is_gone_is_not_counted(void **state)
{
    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\"}, {\"uuid\": \"" C "\"}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(B, 1, 0), ON(C, 2, 0));
    view_enter("e1");
    assert_int_equal(view_count(), 1);
    check_uuid(view_handle(0), C);
}

static void topology_tells_of_no_stranger(void **state)
{
    nvmlDevice_t devices[8] = {NULL};
    unsigned count = 0;

    (void)state;
    view_set_world(MACHINE);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0), ON(C, 2, 0));
    view_enter("e1");
    assert_int_equal(VIEW(nvmlSystemGetTopologyGpuSet)(0, &count, NULL), NVML_SUCCESS);
    assert_int_equal(count, 2);
    assert_int_equal(VIEW(nvmlSystemGetTopologyGpuSet)(0, &count, devices), NVML_SUCCESS);
    check_uuid(devices[0], A);
    check_uuid(devices[1], C);
    count = 1;
    assert_int_equal(VIEW(nvmlSystemGetTopologyGpuSet)(0, &count, devices), NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(count, 2);
    count = 8;
    assert_int_equal(VIEW(nvmlDeviceGetTopologyNearestGpus)(view_handle(0), NVML_TOPOLOGY_SYSTEM, &count, devices),
                     NVML_SUCCESS);
    assert_int_equal(count, 1);
    check_uuid(devices[0], C);
}

static void excluded_devices_are_nobodys(void **state)
{
    static const char *const names[][2] = {{"nvmlGetExcludedDeviceCount", "nvmlGetExcludedDeviceInfoByIndex"},
                                           {"nvmlGetBlacklistDeviceCount", "nvmlGetBlacklistDeviceInfoByIndex"}};

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\"}], \"excluded\": [\"" B "\", \"" C "\"]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        __typeof__(nvmlGetExcludedDeviceCount) *get_count = view_function(names[i][0]);
        __typeof__(nvmlGetExcludedDeviceInfoByIndex) *get_info = view_function(names[i][1]);
        nvmlExcludedDeviceInfo_t info = {.uuid = ""};
        unsigned count = 99;

        view_leave();
        assert_int_equal(get_count(&count), NVML_SUCCESS);
        assert_int_equal(count, 2);
        assert_int_equal(get_info(1, &info), NVML_SUCCESS);
        assert_string_equal(info.uuid, C);
        view_enter("e1");
        info.uuid[0] = '\0';
        assert_int_equal(get_count(&count), NVML_SUCCESS);
        assert_int_equal(count, 0);
        assert_int_equal(get_info(1, &info), NVML_ERROR_INVALID_ARGUMENT);
        assert_string_equal(info.uuid, "");
    }
}

static void instances_belong_to_their_device(void **state)
{
    nvmlDevice_t stranger, device, instance = NULL;
    nvmlMemory_t memory;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"mig\": true, \"mig_instances\": [\"MIG-a\"]},"
                   " {\"uuid\": \"" B "\", \"mig\": true, \"mig_instances\": [\"MIG-b\", \"MIG-c\"]}]}");
    stranger = view_handle(0);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(B, 1, 0));
    view_enter("e1");
    device = view_handle(0);
    assert_int_equal(VIEW(nvmlDeviceGetMigDeviceHandleByIndex)(stranger, 0, &instance), NVML_ERROR_NOT_FOUND);
    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUID)("MIG-a", &instance), NVML_ERROR_NOT_FOUND);
    assert_null(instance);
    assert_int_equal(VIEW(nvmlDeviceGetMigDeviceHandleByIndex)(device, 1, &instance), NVML_SUCCESS);
    check_uuid(instance, "MIG-c");
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(instance, &memory), NVML_SUCCESS);
    assert_int_equal(memory.total, 8 * GIB);
    assert_int_equal(VIEW(nvmlDeviceGetDeviceHandleFromMigDeviceHandle)(instance, &device), NVML_SUCCESS);
    check_uuid(device, B);
}

static const struct CMUnitTest tests[] = {
    TEST(outside_of_environments_everything_shows),
    TEST(an_environments_devices_alone_are_found),
    TEST(the_machines_number_is_understood_where_it_is_no_other),
    TEST(every_number_leads_to_the_device_that_has_it),
    TEST(strangers_are_not_found_by_any_name),
    TEST(attaching_and_detaching_shows_at_the_next_call),
    TEST(of_what_has_ended_nothing_shows),
    TEST(another_users_environment_does_not_show),
    TEST(a_lost_device_hides_no_other),
    TEST(a_strangers_lost_device_hides_none),
    TEST(a_device_that_moved_is_found),
    TEST(a_device_that_is_gone_is_not_counted),
    TEST(topology_tells_of_no_stranger),
    TEST(excluded_devices_are_nobodys),
    TEST(instances_belong_to_their_device),
};

UNIT_MAIN(tests)
