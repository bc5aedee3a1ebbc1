/* The view as a guest: what a program must not notice of it. */
#include "view_world.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#define THREADS 8
#define ROUNDS  200

static void set_machine(void)
{
    pid_t member = view_start(-1, NULL);

    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d, \"used_memory\": 7},"
                   " {\"pid\": 1, \"used_memory\": 9}]}, {\"uuid\": \"" B "\"}]}",
                   member);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 5 * GIB));
    view_enter("e1");
}

/* Looks at the device as programs do. */
static void look(void)
{
    nvmlProcessInfo_v2_t processes[4];
    nvmlMemory_t memory = {0};
    nvmlDevice_t device;
    unsigned count = 4, degrees;

    require(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &device) == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetMemoryInfo)(device, &memory) == NVML_SUCCESS);
    require(memory.total == 5 * GIB && memory.used == 7);
    require(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, processes) == NVML_SUCCESS);
    require(count == 1);
    require(VIEW(nvmlDeviceGetTemperature)(device, 0, &degrees) == NVML_SUCCESS);
}

static int look_once(void *data)
{
    (void)data;
    look();
    return 0;
}

static void errno_is_kept(void **state)
{
    nvmlDevice_t device;
    unsigned count;

    (void)state;
    set_machine();
    look();
    errno = 4711;
    look();
    VIEW(nvmlDeviceGetCount_v2)(&count);
    VIEW(nvmlDeviceGetHandleByUUID)(B, &device);
    VIEW(nvmlDeviceGetHandleByIndex_v2)(9, &device);
    VIEW(nvmlErrorString)(NVML_ERROR_UNKNOWN);
    view_enter("never-was");
    VIEW(nvmlDeviceGetCount_v2)(&count);
    assert_int_equal(errno, 4711);
}

/* A process of its own, so that the library is loaded there for the first time. */
static int load_and_look(void *data)
{
    void *library;

    (void)data;
    for (int i = 0; i < 1000; i++) {
        library = dlopen(getenv("GENV_TEST_VIEW"), RTLD_NOW | RTLD_LOCAL);
        require(library);
        if (i % 10 == 0) {
            require(VIEW(nvmlInit_v2)() == NVML_SUCCESS);
            look();
            require(VIEW(nvmlShutdown)() == NVML_SUCCESS);
        }
        require(dlclose(library) == 0);
    }
    return 0;
}

static void loading_it_a_thousand_times_changes_nothing(void **state)
{
    (void)state;
    set_machine();
    assert_int_equal(unit_fork(-1, load_and_look, NULL), 0);
}

/* What it writes to the standard streams, and how many threads and files it leaves. */
static int look_silently(void *data)
{
    const char *path = data;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), before, after, threads;
    unsigned count;

    require(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    threads = unit_count_entries("/proc/self/task"); /* sanitizers have one of their own */
    look();
    before = unit_count_entries("/proc/self/fd");
    look();
    view_enter("never-was");
    VIEW(nvmlDeviceGetCount_v2)(&count);
    unit_write(getenv("GENV_TMPDIR"), "envs/torn.json", "{\"version\": 1");
    view_enter("torn");
    VIEW(nvmlDeviceGetCount_v2)(&count);
    after = unit_count_entries("/proc/self/fd");
    return before == after && unit_count_entries("/proc/self/task") == threads && lseek(fd, 0, SEEK_END) == 0 ? 0 : 1;
}

static void it_prints_nothing_and_leaves_nothing_behind(void **state)
{
    char *path = unit_path(*state, "output");

    set_machine();
    assert_int_equal(unit_fork(-1, look_silently, path), 0);
    free(path);
}

static void *look_often(void *data)
{
    (void)data;
    for (int i = 0; i < ROUNDS; i++)
        look();
    return NULL;
}

static int look_at_once(void *data)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        require(pthread_create(&threads[i], NULL, look_often, data) == 0);
    for (int i = 0; i < THREADS; i++)
        require(pthread_join(threads[i], NULL) == 0);
    return 0;
}

static void threads_call_it_at_once(void **state)
{
    (void)state;
    set_machine();
    assert_int_equal(unit_fork(-1, look_at_once, NULL), 0);
}

static int look_in_a_child_of_a_child(void *data)
{
    (void)data;
    look();
    return unit_fork(-1, look_once, NULL);
}

static void it_works_across_fork(void **state)
{
    (void)state;
    set_machine();
    look();
    assert_int_equal(unit_fork(-1, look_in_a_child_of_a_child, NULL), 0);
    look();
}

static size_t resident_pages(void)
{
    size_t size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    require(file && fscanf(file, "%zu %zu", &size, &resident) == 2);
    fclose(file);
    return resident;
}

static int look_and_measure(void *data)
{
    size_t before;

    (void)data;
    for (int i = 0; i < 200; i++)
        look();
    before = resident_pages();
    for (int i = 0; i < 2000; i++)
        look();
    return resident_pages() > before + 64 ? 1 : 0; /* 2000 calls that forget 128 bytes each would need as much */
}

static void memory_stays_bounded(void **state)
{
    (void)state;
    skip_unless(strcmp(getenv("GENV_SANITIZE"), "none") == 0, "sanitizers keep what is freed, and look for leaks");
    set_machine();
    assert_int_equal(unit_fork(-1, look_and_measure, NULL), 0);
}

static const struct CMUnitTest tests[] = {
    TEST(errno_is_kept),
    TEST(loading_it_a_thousand_times_changes_nothing),
    TEST(it_prints_nothing_and_leaves_nothing_behind),
    TEST(threads_call_it_at_once),
    TEST(it_works_across_fork),
    TEST(memory_stays_bounded),
};

UNIT_MAIN(tests)
