/* The view: which library it passes calls on to (each test loads it in a child), and what it says where there is none,
 * or an old one. */
#include "view_world.h"

#include <dlfcn.h>

#include "view/libraries.h"

static const char world[] = "{\"devices\": [{\"uuid\": \"" B "\"}, {\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d,"
                            " \"used_memory\": 7}, {\"pid\": 1, \"used_memory\": 9}]}]}";
/* Whether the view has a function by that name. Its other functions are there. */
static bool has(const char *name)
{
    void *view = dlopen(getenv("GENV_TEST_VIEW"), RTLD_LAZY | RTLD_LOCAL);
    void *function;

    require(view);
    dlerror();
    function = dlsym(view, name);
    require(!function == (dlerror() != NULL));
    dlclose(view);
    return function != NULL;
}

static int look_with_old_library(void *data)
{
    static const char *const absent[] = {
        "nvmlInitWithFlags",           "nvmlDeviceGetMigMode",
        "nvmlDeviceGetHandleByUUIDV",  "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetTemperatureV",   "nvmlDeviceGetComputeRunningProcesses_v2",
        "nvmlDeviceGetPciInfo_v3",     "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetTotalEnergy_v9",
    };
    nvmlProcessInfo_v1_t processes[4];
    unsigned count = 4;
    nvmlMemory_t memory;
    nvmlDevice_t device;
    const void *table;

    (void)data;
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        require(!has(absent[i]));
    require(has("nvmlDeviceGetComputeRunningProcesses") && has("nvmlInternalGetExportTable"));
    require(VIEW(nvmlInit_v2)() == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_SUCCESS && count == 1);
    require(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &device) == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetMemoryInfo)(device, &memory) == NVML_SUCCESS && memory.used == 7);
    count = 4;
    require(VIEW(nvmlDeviceGetComputeRunningProcesses)(device, &count, processes) == NVML_SUCCESS && count == 1);
    require(processes[0].usedGpuMemory == 7);
    require(VIEW(nvmlInternalGetExportTable)(&table, "no guid of any's") != NVML_SUCCESS);
    return 0;
}

static void what_an_old_library_lacks_is_not_there(void **state)
{
    pid_t member = view_start(-1, NULL);

    (void)state;
    view_set_world(world, member);
    VIEW_SAVE("e1", -1, member, ON(A, 1, 0));
    view_enter("e1");
    setenv("GENV_VIEW_LIBRARY", getenv("GENV_TEST_OLD"), 1);
    assert_int_equal(unit_fork(-1, look_with_old_library, NULL), 0);
}

static int look_without_library(void *data)
{
    const char *text;
    unsigned count;

    (void)data;
    unsetenv("GENV_VIEW_LIBRARY");
    unsetenv("LD_LIBRARY_PATH");
    if (VIEW(nvmlInit_v2)() != NVML_ERROR_LIBRARY_NOT_FOUND)
        return 77;
    require(VIEW(nvmlInit)() == NVML_ERROR_LIBRARY_NOT_FOUND);
    require(VIEW(nvmlInitWithFlags)(0) == NVML_ERROR_LIBRARY_NOT_FOUND);
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_ERROR_LIBRARY_NOT_FOUND);
    view_enter("e1");
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_ERROR_LIBRARY_NOT_FOUND);
    require(VIEW(nvmlDeviceGetUUID)(NULL, NULL, 0) == NVML_ERROR_LIBRARY_NOT_FOUND);
    text = VIEW(nvmlErrorString)(NVML_ERROR_LIBRARY_NOT_FOUND);
    require(text && *text);
    /* There may be one later. */
    setenv("GENV_VIEW_LIBRARY", getenv("GENV_TEST_BACKEND"), 1);
    view_leave();
    require(VIEW(nvmlInit_v2)() == NVML_SUCCESS);
    return 0;
}

static void without_a_library_that_is_said(void **state)
{
    int status;

    (void)state;
    view_set_world("{\"devices\": []}");
    status = unit_fork(-1, look_without_library, NULL);
    skip_unless(status != 77, "this machine has a libnvidia-ml.so.1 of its own");
    assert_int_equal(status, 0);
}

static int look_through_views(void *data)
{
    unsigned count;

    (void)data;
    require(VIEW(nvmlInit_v2)() == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_SUCCESS && count == 2);
    return 0;
}

/* Copies a file: the view of another installation. */
static void copy(const char *from, const char *directory, const char *name)
{
    char *path = unit_path(directory, name), buffer[65536];
    FILE *source = fopen(from, "re"), *target = fopen(path, "we");
    size_t n;

    assert_true(source && target);
    while ((n = fread(buffer, 1, sizeof(buffer), source)) > 0)
        assert_int_equal(fwrite(buffer, 1, n, target), n);
    fclose(source);
    assert_int_equal(fclose(target), 0);
    free(path);
}

static void views_do_not_load_each_other(void **state)
{
    char *folders = NULL, *itself = strdup(getenv("GENV_TEST_VIEW")), *backend = strdup(getenv("GENV_TEST_BACKEND"));

    view_set_world(world, 1);
    copy(itself, *state, NVML_LIBRARY);
    *strrchr(itself, '/') = '\0';
    *strrchr(backend, '/') = '\0';
    assert_true(asprintf(&folders, "%s:%s::/nowhere:%s:%s", itself, (char *)*state, itself, backend) > 0);
    setenv("LD_LIBRARY_PATH", folders, 1);
    setenv("GENV_VIEW_LIBRARY", getenv("GENV_TEST_VIEW"), 1);
    assert_int_equal(unit_fork(-1, look_through_views, NULL), 0);
    unsetenv("GENV_VIEW_LIBRARY");
    assert_int_equal(unit_fork(-1, look_through_views, NULL), 0);
    free(folders);
    free(itself);
    free(backend);
}

/* Loads nothing: remembers what it was asked for. */
static char tried[256];

static bool try_path(const char *path, void **ret_library)
{
    (void)ret_library;
    snprintf(tried + strlen(tried), sizeof(tried) - strlen(tried), " %s", path);
    return strcmp(path, "/good/libx.so.1") == 0;
}

static bool find(const char *cache, size_t length)
{
    void *library;

    tried[0] = '\0';
    return libraries_find_in_cache(cache, length, "libx.so.1", try_path, &library);
}

static void the_linkers_cache_is_understood(void **state)
{
    struct {
        char magic[20];
        uint32_t count, unused[6];
        struct {
            uint32_t flags, name, path, os_version;
            uint64_t capabilities;
        } entries[3];
        char texts[64];
    } cache = {
        .magic = "glibc-ld.so.cache1.1", .count = 3, .texts = "libx.so.1\0/bad/libx.so.1\0/good/libx.so.1\0liby"};
    const uint32_t texts = (uint32_t)offsetof(__typeof__(cache), texts);

    (void)state;
    cache.entries[0].name = texts + 41; /* liby */
    cache.entries[0].path = texts + 10;
    cache.entries[1].name = cache.entries[2].name = texts;
    cache.entries[1].path = texts + 10;
    cache.entries[2].path = texts + 25;
    assert_true(find((char *)&cache, sizeof(cache)));
    assert_string_equal(tried, " /bad/libx.so.1 /good/libx.so.1");

    for (size_t length = 0; length < texts + 25; length++)
        assert_false(find((char *)&cache, length));
    cache.count = UINT32_MAX;
    assert_false(find((char *)&cache, sizeof(cache)));
    cache.count = 3;
    cache.entries[2].path = UINT32_MAX;
    assert_false(find((char *)&cache, sizeof(cache)));
    assert_string_equal(tried, " /bad/libx.so.1");
    memset(cache.texts, 'x', sizeof(cache.texts)); /* no text ends */
    assert_false(find((char *)&cache, sizeof(cache)));
    assert_string_equal(tried, "");
    cache.magic[0] = 'x';
    assert_false(find((char *)&cache, sizeof(cache)));
}

#define BACKEND_TEST(test) cmocka_unit_test_setup_teardown(test, view_make_unloaded, view_remove)

static const struct CMUnitTest tests[] = {
    BACKEND_TEST(what_an_old_library_lacks_is_not_there),
    BACKEND_TEST(without_a_library_that_is_said),
    BACKEND_TEST(views_do_not_load_each_other),
    cmocka_unit_test(the_linkers_cache_is_understood),
};

UNIT_MAIN(tests)
