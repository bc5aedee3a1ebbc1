/* The view: which processes a program sees, and how much memory. */
#include "view_world.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* The caller's room is kept to, and what the list needs is said, in every version. */
#define CHECK_LIST(function, type, pid_1, pid_2)                                                                       \
    do {                                                                                                               \
        type list[8] = {{0}};                                                                                          \
        unsigned count = 0;                                                                                            \
                                                                                                                       \
        assert_int_equal(VIEW(function)(device, &count, NULL), NVML_ERROR_INSUFFICIENT_SIZE);                          \
        assert_int_equal(count, 2);                                                                                    \
        count = 1;                                                                                                     \
        assert_int_equal(VIEW(function)(device, &count, list), NVML_ERROR_INSUFFICIENT_SIZE);                          \
        assert_int_equal(count, 2);                                                                                    \
        assert_int_equal(list[0].pid, 0);                                                                              \
        assert_int_equal(VIEW(function)(device, &count, list), NVML_SUCCESS);                                          \
        assert_int_equal(count, 2);                                                                                    \
        assert_int_equal(list[0].pid, pid_1);                                                                          \
        assert_int_equal(list[1].pid, pid_2);                                                                          \
        assert_int_equal(list[1].usedGpuMemory, 2 * GIB);                                                              \
        assert_int_equal(list[2].pid, 0);                                                                              \
        assert_int_equal(VIEW(function)(device, NULL, list), NVML_ERROR_INVALID_ARGUMENT);                             \
    } while (0)

static void lists_hold_the_environments_processes_only(void **state)
{
    pid_t member = view_start(-1, NULL), other = view_start(-1, "e1"), stranger = view_start(-1, NULL);
    nvmlDevice_t device;

    (void)state;
    for (int type = 0; type < 3; type++) {
        static const char *const types[] = {"compute", "graphics", "mps"};

        view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": ["
                       "{\"pid\": %d, \"type\": \"%s\", \"used_memory\": \"1gi\"}, {\"pid\": %d, \"type\": \"%s\"},"
                       "{\"pid\": %d, \"type\": \"%s\", \"used_memory\": \"2gi\"}, {\"pid\": 1, \"type\": \"%s\"}]}]}",
                       member, types[type], stranger, types[type], other, types[type], types[type]);
        VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
        view_enter("e1");
        device = view_handle(0);
        if (type == 0) {
            CHECK_LIST(nvmlDeviceGetComputeRunningProcesses, nvmlProcessInfo_v1_t, member, other);
            CHECK_LIST(nvmlDeviceGetComputeRunningProcesses_v2, nvmlProcessInfo_v2_t, member, other);
            CHECK_LIST(nvmlDeviceGetComputeRunningProcesses_v3, nvmlProcessInfo_v2_t, member, other);
        } else if (type == 1) {
            CHECK_LIST(nvmlDeviceGetGraphicsRunningProcesses, nvmlProcessInfo_v1_t, member, other);
            CHECK_LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlProcessInfo_v2_t, member, other);
            CHECK_LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlProcessInfo_v2_t, member, other);
        } else {
            CHECK_LIST(nvmlDeviceGetMPSComputeRunningProcesses, nvmlProcessInfo_v1_t, member, other);
            CHECK_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlProcessInfo_v2_t, member, other);
            CHECK_LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlProcessInfo_v2_t, member, other);
        }
    }
}

static void where_there_is_none_no_room_is_needed(void **state)
{
    nvmlDevice_t device;
    unsigned count = 0;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": 1}]}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0));
    view_enter("e1");
    device = view_handle(0);
    assert_int_equal(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, NULL), NVML_SUCCESS);
    assert_int_equal(count, 0);
    assert_int_equal(VIEW(nvmlDeviceGetMPSComputeRunningProcesses_v3)(device, &count, NULL), NVML_SUCCESS);
    assert_int_equal(count, 0);
}

static void a_long_list_is_read_in_full(void **state)
{
    pid_t member = view_start(-1, NULL);
    cleanup_free char *strangers = calloc(500, 16);
    char expected[32];

    (void)state;
    for (int i = 0; i < 500; i++)
        strcat(strangers, "{\"pid\": 1},"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits */
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [%s {\"pid\": %d}]}]}", strangers, member);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    snprintf(expected, sizeof(expected), " %d", member);
    assert_string_equal(view_pids(view_handle(0)), expected);
}

static void descendants_belong(void **state)
{
    pid_t child, member = view_start_with_child(&child);
    char expected[32];

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d}, {\"pid\": 1}]}]}", child);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    snprintf(expected, sizeof(expected), " %d", child);
    assert_string_equal(view_pids(view_handle(0)), expected);
    kill(child, SIGKILL);
}

static int check_alices_view(void *data)
{
    const pid_t *processes = data;
    nvmlProcessInfo_v2_t list[8];
    nvmlDevice_t device;
    unsigned count = 8;

    require(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &device) == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, list) == NVML_SUCCESS);
    require(count == 2);
    require(list[0].pid == (unsigned)processes[0]);
    require(list[1].pid == (unsigned)processes[1]);
    return 0;
}

/* Two users share a device; the other one's processes claim to be in the first one's environment. */
static void who_lies_about_his_environment_does_not_show(void **state)
{
    pid_t processes[4];
    char bobs[32];

    (void)state;
    skip_unless_root();
    processes[0] = view_start(USER_A, NULL);
    processes[1] = view_start(USER_A, "alices");
    processes[2] = view_start(USER_B, "alices");
    processes[3] = view_start(USER_B, NULL);
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d, \"used_memory\": \"1gi\"},"
                   " {\"pid\": %d, \"used_memory\": \"2gi\"}, {\"pid\": %d, \"used_memory\": \"4gi\"},"
                   " {\"pid\": %d, \"used_memory\": \"8gi\"}]}]}",
                   processes[0], processes[1], processes[2], processes[3]);
    VIEW_SAVE("alices", USER_A, processes[0], ON(A, 0, 4 * GIB));
    VIEW_SAVE("bobs", USER_B, processes[3], ON(A, 0, 0));
    view_enter("alices");
    assert_int_equal(unit_fork(USER_A, check_alices_view, processes), 0);
    assert_int_equal(check_alices_view(processes), 0); /* and for root, who could read everything */
    view_enter("bobs");
    snprintf(bobs, sizeof(bobs), " %d", processes[3]);
    assert_string_equal(view_pids(view_handle(0)), bobs);
}

static unsigned long long used_memory(void)
{
    nvmlMemory_t memory;

    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(view_handle(0), &memory), NVML_SUCCESS);
    return memory.used;
}

static void check_memory(unsigned long long total, unsigned long long used)
{
    nvmlMemory_v2_t memory_v2 = {.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)};
    nvmlMemory_t memory;

    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(view_handle(0), &memory), NVML_SUCCESS);
    assert_int_equal(memory.total, total);
    assert_int_equal(memory.used, used);
    assert_int_equal(memory.free, total > used ? total - used : 0);
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo_v2)(view_handle(0), &memory_v2), NVML_SUCCESS);
    assert_int_equal(memory_v2.total, total);
    assert_int_equal(memory_v2.used, used);
    assert_int_equal(memory_v2.free, total > used ? total - used : 0);
    assert_int_equal(memory_v2.reserved, 0);
}

static void unified_memory_shows_as_the_capacity(void **state)
{
    nvmlMemory_v2_t memory_v2 = {.version = NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)};
    pid_t member = view_start(-1, NULL);
    nvmlMemory_t memory;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"unified_memory\": true,"
                   " \"processes\": [{\"pid\": %d, \"used_memory\": \"1gi\"}, {\"pid\": 1, \"used_memory\": 9}]},"
                   " {\"uuid\": \"" B "\", \"unified_memory\": true, \"mig\": true}]}",
                   member);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 4 * GIB), ON(B, 1, 4 * GIB));
    view_enter("e1");
    check_memory(4 * GIB, 1 * GIB);
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(view_handle(1), &memory), NVML_ERROR_NOT_SUPPORTED);
    /* Without one, what the driver says. */
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(view_handle(0), &memory), NVML_ERROR_NOT_SUPPORTED);
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo_v2)(view_handle(0), &memory_v2), NVML_ERROR_NOT_SUPPORTED);
}

static void without_lists_of_processes_the_devices_use_shows(void **state)
{
    static const char none[] = "\"results\": {\"nvmlDeviceGetComputeRunningProcesses_v3\": \"not_supported\","
                               " \"nvmlDeviceGetGraphicsRunningProcesses_v3\": \"not_supported\","
                               " \"nvmlDeviceGetMPSComputeRunningProcesses_v3\": \"not_supported\"}";
    nvmlProcessInfo_v2_t processes[4];
    unsigned count = 4;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"used_memory\": \"3gi\", %s}]}", none);
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 4 * GIB));
    view_enter("e1");
    check_memory(4 * GIB, 3 * GIB);
    assert_int_equal(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(view_handle(0), &count, processes),
                     NVML_ERROR_NOT_SUPPORTED);
}

static void memory_is_the_environments(void **state)
{
    pid_t member = view_start(-1, NULL), other = view_start(-1, "e1");
    nvmlMemory_v2_t memory = {.version = 1};

    (void)state;
    /* @member computes and draws: it is listed twice, and its memory is there once. */
    view_set_world(
        "{\"devices\": [{\"uuid\": \"" A "\", \"total_memory\": \"16gi\", \"reserved_memory\": \"1gi\","
        " \"processes\": [{\"pid\": %d, \"used_memory\": \"1gi\"}, {\"pid\": 1, \"used_memory\": \"5gi\"},"
        " {\"pid\": %d, \"type\": \"graphics\", \"used_memory\": \"1gi\"}, {\"pid\": %d, \"used_memory\": null},"
        " {\"pid\": %d, \"type\": \"mps\", \"used_memory\": \"2gi\"}]}]}",
        member, member, member, other);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 4 * GIB));
    view_enter("e1");
    check_memory(4 * GIB, 3 * GIB);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 2 * GIB)); /* it uses more than it may */
    check_memory(2 * GIB, 3 * GIB);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    check_memory(16 * GIB, 3 * GIB);
    view_kill(other);
    for (int tries = 1000; tries && used_memory() != 1 * GIB; tries--)
        usleep(1000); /* processes are not looked for at every call */
    check_memory(16 * GIB, 1 * GIB);
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo_v2)(view_handle(0), &memory), NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    assert_int_equal(VIEW(nvmlDeviceGetMemoryInfo)(view_handle(0), NULL), NVML_ERROR_INVALID_ARGUMENT);
}

static void the_flawed_lists_of_a_driver_are_not_used(void **state)
{
    pid_t member = view_start(-1, NULL), other = view_start(-1, "e1");
    char expected[32];

    (void)state;
    view_set_world("{\"driver_version\": \"535.54\", \"devices\": [{\"uuid\": \"" A "\", \"processes\":"
                   " [{\"pid\": %d, \"used_memory\": \"1gi\"}, {\"pid\": %d, \"used_memory\": \"2gi\"}]}]}",
                   member, other);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    /* In a container, such a driver gives the numbers of others. */
    skip_unless(strcmp(view_pids(view_handle(0)), "") != 0, "this is a PID namespace of its own");
    snprintf(expected, sizeof(expected), " %d %d", member, other);
    assert_string_equal(view_pids(view_handle(0)), expected);
    check_memory(16 * GIB, 3 * GIB);
}

static void samples_and_sessions_tell_of_no_stranger(void **state)
{
    pid_t member = view_start(-1, NULL), stranger = view_start(-1, NULL);
    nvmlProcessUtilizationSample_t samples[8];
    nvmlProcessUtilizationInfo_v1_t infos[8];
    nvmlProcessesUtilizationInfo_t info = {.version = NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_t, 1),
                                           .processSamplesCount = 8,
                                           .procUtilArray = infos};
    nvmlProcessDetail_v1_t details[8];
    nvmlProcessDetailList_t list = {
        .version = NVML_STRUCT_VERSION(nvmlProcessDetailList_t, 1), .numProcArrayEntries = 8, .procArray = details};
    nvmlEncoderSessionInfo_t encoders[8];
    nvmlFBCSessionInfo_t captures[8];
    nvmlAccountingStats_t stats;
    unsigned count = 8, pids[8];
    nvmlDevice_t device;
    char name[64];

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\":"
                   " [{\"pid\": %d, \"encoder\": true, \"capture\": true, \"used_memory\": 5},"
                   " {\"pid\": %d, \"encoder\": true, \"capture\": true}]}]}",
                   stranger, member);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 0));
    view_enter("e1");
    device = view_handle(0);

    assert_int_equal(VIEW(nvmlDeviceGetProcessUtilization)(device, samples, &count, 0), NVML_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(samples[0].pid, member);
    count = 0;
    assert_int_equal(VIEW(nvmlDeviceGetProcessUtilization)(device, NULL, &count, 0), NVML_ERROR_INSUFFICIENT_SIZE);
    assert_int_equal(count, 1);
    assert_int_equal(VIEW(nvmlDeviceGetProcessesUtilizationInfo)(device, &info), NVML_SUCCESS);
    assert_int_equal(info.processSamplesCount, 1);
    assert_int_equal(infos[0].pid, member);
    info.version = 7;
    assert_int_equal(VIEW(nvmlDeviceGetProcessesUtilizationInfo)(device, &info), NVML_ERROR_ARGUMENT_VERSION_MISMATCH);

    assert_int_equal(VIEW(nvmlDeviceGetRunningProcessDetailList)(device, &list), NVML_SUCCESS);
    assert_int_equal(list.numProcArrayEntries, 1);
    assert_int_equal(details[0].pid, member);
    list.version = 7;
    assert_int_equal(VIEW(nvmlDeviceGetRunningProcessDetailList)(device, &list), NVML_ERROR_ARGUMENT_VERSION_MISMATCH);

    count = 8;
    assert_int_equal(VIEW(nvmlDeviceGetAccountingPids)(device, &count, pids), NVML_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(pids[0], member);
    assert_int_equal(VIEW(nvmlDeviceGetAccountingStats)(device, (unsigned)member, &stats), NVML_SUCCESS);
    assert_int_equal(VIEW(nvmlDeviceGetAccountingStats)(device, (unsigned)stranger, &stats), NVML_ERROR_NOT_FOUND);

    count = 0;
    assert_int_equal(VIEW(nvmlDeviceGetEncoderSessions)(device, &count, NULL), NVML_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(VIEW(nvmlDeviceGetEncoderSessions)(device, &count, encoders), NVML_SUCCESS);
    assert_int_equal(encoders[0].pid, member);
    count = 8;
    assert_int_equal(VIEW(nvmlDeviceGetFBCSessions)(device, &count, captures), NVML_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(captures[0].pid, member);

    assert_int_equal(VIEW(nvmlSystemGetProcessName)((unsigned)member, name, sizeof(name)), NVML_SUCCESS);
    assert_int_equal(VIEW(nvmlSystemGetProcessName)((unsigned)stranger, name, sizeof(name)), NVML_ERROR_NOT_FOUND);

    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d}]}]}", stranger);
    count = 8;
    assert_int_equal(VIEW(nvmlDeviceGetProcessUtilization)(device, samples, &count, 0), NVML_ERROR_NOT_FOUND);
}

/* Starts process 2 of a PID namespace, which says that it is in the environment. */
static void start_second(void)
{
    int started[2];
    pid_t pid;
    char byte;

    require(pipe2(started, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sleep", "sleep", "1000", NULL); /* with the GENV_ENVIRONMENT_ID of view_enter() */
        _exit(127);
    }
    close(started[1]);
    require(read(started[0], &byte, 1) == 0); /* it has become sleep(1) */
    close(started[0]);
    require(pid == 2);
}

/* How many processes the view shows to process 1 of a PID namespace of its own, which it takes along when it ends. */
static int look_from_inside(void)
{
    nvmlProcessInfo_v2_t list[8] = {{0}};
    unsigned count = 8;
    nvmlDevice_t device;

    require(getpid() == 1);
    require(mount("proc", "/proc", "proc", 0, NULL) == 0);
    start_second();
    usleep(50000); /* what was seen outside counts until the kernel's coarse clock ticks */
    require(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &device) == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, list) == NVML_SUCCESS);
    return (int)count;
}

static int enter_namespace(void *data)
{
    int status;
    pid_t pid;

    (void)data;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    pid = fork();
    if (pid == 0)
        _exit(100 + look_from_inside());
    require(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The number of a process means another one in another namespace. The drivers since 535.113 leave those out that are
 * not in the caller's; with one before, nobody can tell. */
static void processes_of_another_pid_namespace_do_not_show(void **state)
{
    static const struct {
        const char *version;
        int shown;
    } drivers[] = {{"550.163.01", 1}, {"535.113.01", 1}, {"535.104.05", 0}, {"470.10", 0}};

    (void)state;
    skip_unless_root();
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0));
    view_enter("e1");
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        int status;

        view_set_world("{\"driver_version\": \"%s\","
                       "\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": 2}]}]}",
                       drivers[i].version);
        assert_string_equal(view_pids(view_handle(0)), ""); /* process 2 out here is nobody's */
        status = unit_fork((uid_t)-1, enter_namespace, NULL);
        skip_unless(status != 77, "may not make a PID namespace");
        assert_int_equal(status, 100 + drivers[i].shown);
    }
}

static void what_is_not_filtered_is_refused(void **state)
{
    nvmlReturn_t (*tell)(nvmlDevice_t device, unsigned long long last_seen, unsigned *count, void *samples) =
        view_function("nvmlDeviceGetVgpuProcessUtilization");
    unsigned count = 0;

    (void)state;
    view_set_world("{\"devices\": [{\"uuid\": \"" A "\"}]}");
    VIEW_SAVE("e1", -1, view_start(-1, NULL), ON(A, 0, 0));
    view_enter("e1");
    assert_int_equal(tell(view_handle(0), 0, &count, NULL), NVML_ERROR_NOT_SUPPORTED);
    view_leave();
    assert_int_equal(tell(view_handle(0), 0, &count, NULL), NVML_SUCCESS);
}

static const struct CMUnitTest tests[] = {
    TEST(lists_hold_the_environments_processes_only),
    TEST(where_there_is_none_no_room_is_needed),
    TEST(a_long_list_is_read_in_full),
    TEST(descendants_belong),
    TEST(who_lies_about_his_environment_does_not_show),
    TEST(unified_memory_shows_as_the_capacity),
    TEST(without_lists_of_processes_the_devices_use_shows),
    TEST(memory_is_the_environments),
    TEST(the_flawed_lists_of_a_driver_are_not_used),
    TEST(samples_and_sessions_tell_of_no_stranger),
    TEST(processes_of_another_pid_namespace_do_not_show),
    TEST(what_is_not_filtered_is_refused),
};

UNIT_MAIN(tests)
