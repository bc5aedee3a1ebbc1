/* The simulated NVML's state: initialised or not, the world as the file has it, the handles given out. */
#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/text.h"

#define FILE_MAX ((size_t)64 << 20)

/* Programs keep handles, so they are never freed while the library is loaded. */
struct nvmlDevice_st {
    nvmlDevice_t next;
    char uuid[96];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct world *world;
static struct stat stamp; /* of the file that @world, or the last failure to read one, came from */
static nvmlDevice_t handles;
static unsigned init_count;

static bool is_unchanged(const struct stat *now)
{
    return now->st_dev == stamp.st_dev && now->st_ino == stamp.st_ino && now->st_size == stamp.st_size &&
           now->st_mtim.tv_sec == stamp.st_mtim.tv_sec && now->st_mtim.tv_nsec == stamp.st_mtim.tv_nsec;
}

static void replace_world(int fd, const char *path)
{
    cleanup_free char *text = NULL;
    struct world *next = NULL;
    char reason[256] = "can't be read";
    size_t length;

    if (file_read(fd, FILE_MAX, &text, &length) == 0)
        next = world_parse(text, length, reason, sizeof(reason));
    if (!next) {
        fprintf(stderr, "simulator: %s: %s\n", path, reason);
        return; /* a file that is being written, perhaps: what was known still holds */
    }
    world_free(world);
    world = next;
}

#define MACHINE_FILE "/etc/genv-simulator.json"

/* Reads the file if it is another than last time. */
static void refresh(void)
{
    const char *path = getenv("GENV_SIMULATOR");
    cleanup_close int fd = -1;
    struct stat now;

    if (!path)
        path = MACHINE_FILE;
    if (stat(path, &now) < 0 || is_unchanged(&now))
        return;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &now) < 0)
        return;
    stamp = now;
    replace_world(fd, path);
}

struct entry entry_begin(const char *function)
{
    struct entry entry = {.mig_instance = -1};

    pthread_mutex_lock(&mutex);
    refresh();
    entry.world = world;
    if (!init_count || !world)
        entry.result = NVML_ERROR_UNINITIALIZED;
    else
        entry.result = world_result(world->results, function);
    return entry;
}

void entry_end(const struct entry *entry)
{
    (void)entry;
    pthread_mutex_unlock(&mutex);
}

static bool is_known(nvmlDevice_t device)
{
    for (nvmlDevice_t known = handles; known; known = known->next) {
        if (known == device)
            return true;
    }
    return false;
}

static bool find_device(struct entry *entry, const char *uuid)
{
    for (unsigned i = 0; i < entry->world->device_count; i++) {
        const struct world_device *device = &entry->world->devices[i];

        entry->device = device;
        if (strcmp(device->uuid, uuid) == 0)
            return true;
        for (unsigned j = 0; j < device->mig_instance_count; j++) {
            entry->mig_instance = (int)j;
            if (strcmp(device->mig_instances[j], uuid) == 0)
                return true;
        }
        entry->mig_instance = -1;
    }
    return false;
}

struct entry entry_begin_device(const char *function, nvmlDevice_t device)
{
    struct entry entry = entry_begin(function);

    if (entry.result != NVML_SUCCESS)
        return entry;
    if (!is_known(device)) {
        entry.result = NVML_ERROR_INVALID_ARGUMENT;
        return entry;
    }
    if (!find_device(&entry, device->uuid)) {
        entry.result = NVML_ERROR_GPU_IS_LOST; /* it was there when the handle was given out */
        return entry;
    }
    entry.result = entry.device->query;
    if (entry.result == NVML_SUCCESS && entry.mig_instance < 0)
        entry.result = world_result(entry.device->results, function);
    return entry;
}

nvmlReturn_t give_text(const char *source, char *target, unsigned size)
{
    size_t length = strlen(source) + 1;

    if (!target)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (length > size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(target, source, length);
    return NVML_SUCCESS;
}

nvmlReturn_t give_handle(const char *uuid, nvmlDevice_t *handle)
{
    nvmlDevice_t known;

    for (known = handles; known; known = known->next) {
        if (strcmp(known->uuid, uuid) == 0)
            break;
    }
    if (!known) {
        known = calloc(1, sizeof(*known));
        if (!known)
            return NVML_ERROR_MEMORY;
        copy_string(known->uuid, sizeof(known->uuid), uuid);
        known->next = handles;
        handles = known;
    }
    *handle = known;
    return NVML_SUCCESS;
}

static void sleep_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static nvmlReturn_t init(const char *function)
{
    nvmlReturn_t result = NVML_ERROR_DRIVER_NOT_LOADED; /* without a file there is no machine */
    int delay_ms = 0;

    pthread_mutex_lock(&mutex);
    refresh();
    if (world) {
        delay_ms = world->init_delay_ms;
        result = world->init != NVML_SUCCESS ? world->init : world_result(world->results, function);
    }
    pthread_mutex_unlock(&mutex);
    if (delay_ms > 0)
        sleep_ms((unsigned)delay_ms);
    if (result == NVML_SUCCESS) {
        pthread_mutex_lock(&mutex);
        init_count++;
        pthread_mutex_unlock(&mutex);
    }
    return result;
}

nvmlReturn_t nvmlInit(void)
{
    return init(__func__);
}

nvmlReturn_t nvmlInit_v2(void)
{
    return init(__func__);
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    return init(__func__);
}

nvmlReturn_t nvmlShutdown(void)
{
    ENTER();
    init_count--;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    return world_result_text(result);
}

struct nvmlEventSet_st {
    char nothing_ever_happens;
};

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set)
{
    ENTER();
    REQUIRE(set);
    *set = calloc(1, sizeof(**set));
    return *set ? NVML_SUCCESS : NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set)
{
    ENTER();
    REQUIRE(set);
    free(set);
    return NVML_SUCCESS;
}

static nvmlReturn_t check_event_wait(const char *function, nvmlEventSet_t set, const nvmlEventData_t *data)
{
    cleanup_with(entry_end) struct entry entry = entry_begin(function);

    if (entry.result != NVML_SUCCESS)
        return entry.result;
    return set && data ? NVML_ERROR_TIMEOUT : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms)
{
    nvmlReturn_t result = check_event_wait(__func__, set, data);

    if (result == NVML_ERROR_TIMEOUT)
        sleep_ms(timeout_ms);
    return result;
}

nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t *data, unsigned timeout_ms)
{
    return nvmlEventSetWait_v2(set, data, timeout_ms);
}

__attribute__((destructor)) static void release(void)
{
    while (handles) {
        nvmlDevice_t next = handles->next;

        free(handles);
        handles = next;
    }
    world_free(world);
    world = NULL;
}
