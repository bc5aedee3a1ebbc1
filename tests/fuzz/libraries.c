/* /etc/ld.so.cache: each path that is tried is a text of the cache, whole and absolute. */
#include "fuzz.h"

#include "view/libraries.h"

#define NAME "libx.so.1"

static const char *cache;
static size_t length, tried;

static bool try_path(const char *path, void **ret_library)
{
    promise(path > cache && path < cache + length && *path == '/');
    promise(memchr(path, '\0', length - (size_t)(path - cache)));
    *ret_library = (void *)path;
    return ++tried == 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *copy = malloc(size + !size);
    void *library = NULL;

    promise(copy);
    if (size)
        memcpy(copy, data, size);
    cache = copy;
    length = size;
    tried = 0;
    promise(libraries_find_in_cache(copy, size, NAME, try_path, &library) == (tried == 3));
    return 0;
}
