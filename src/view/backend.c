/* The machine's own libnvidia-ml.so.1: found and loaded at the first look for it, and never unloaded. */
#include "view/backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "view/libraries.h"
#include "view/scene.h"

void *backend_targets[ENTRY_COUNT];
static _Atomic(void *) library; /* of dlopen() */

const unsigned char backend_view_guid[16] = {0x67, 0x65, 0x6e, 0x76, 0x2d, 0x76, 0x69, 0x65,
                                             0x77, 0x8f, 0x1d, 0xa4, 0x50, 0xc3, 0x2b, 0x96};

static nvmlReturn_t answer_no_library(void)
{
    return NVML_ERROR_LIBRARY_NOT_FOUND;
}

static nvmlReturn_t answer_no_function(void)
{
    return NVML_ERROR_FUNCTION_NOT_FOUND;
}

static nvmlReturn_t answer_not_supported(void)
{
    return NVML_ERROR_NOT_SUPPORTED;
}

/* Loads @path, unless it is no NVML, or a view: this one, or of another installation of genv. */
static bool load(const char *path, void **ret_library)
{
    void *candidate = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    __typeof__(nvmlInternalGetExportTable) *get_table;
    const void *table = NULL;

    if (!candidate)
        return false;
    *(void **)&get_table = dlsym(candidate, "nvmlInternalGetExportTable");
    if ((dlsym(candidate, "nvmlInit_v2") || dlsym(candidate, "nvmlInit")) &&
        (!get_table || get_table(&table, backend_view_guid) != NVML_SUCCESS)) {
        *ret_library = candidate;
        return true;
    }
    dlclose(candidate);
    return false;
}

/* NULL: there is none. Two threads may load it at once: it is the same one. */
static void *open_library(void)
{
    void *found = atomic_load(&library), *expected = NULL;

    if (found || !libraries_find(load, &found))
        return found;
    if (!atomic_compare_exchange_strong(&library, &expected, found)) {
        dlclose(found);
        found = expected;
    }
    return found;
}

static void *find_target(enum entry entry)
{
    void *target = __atomic_load_n(&backend_targets[entry], __ATOMIC_ACQUIRE), *backend;

    if (target)
        return target;
    backend = open_library();
    if (!backend)
        return (void *)answer_no_library; /* not kept: there may be one by the next call */
    target = dlsym(backend, entry_names[entry]);
    if (!target)
        target = (void *)answer_no_function;
    if (!entry_is_refused[entry]) /* the stubs of those ask each time */
        __atomic_store_n(&backend_targets[entry], target, __ATOMIC_RELEASE);
    return target;
}

void *backend_look_up(enum entry entry)
{
    int saved = errno;
    void *target = find_target(entry);

    if (entry_is_refused[entry] && scene_is_wanted() && target != (void *)answer_no_function)
        target = (void *)answer_not_supported;
    errno = saved;
    return target;
}

bool backend_has(enum entry entry)
{
    void *target = backend_look_up(entry);

    return target != (void *)answer_no_library && target != (void *)answer_no_function;
}

bool backend_is_there(void)
{
    return open_library() != NULL;
}

bool backend_lacks(enum entry entry)
{
    return backend_look_up(entry) == (void *)answer_no_function;
}

/* The one function whose answer is no result. */
const char *nvmlErrorString(nvmlReturn_t result)
{
    if (backend_has(ENTRY_nvmlErrorString))
        return BACKEND(nvmlErrorString)(result);
    return result == NVML_ERROR_LIBRARY_NOT_FOUND ? "no NVIDIA driver library was found" : "unknown error";
}
