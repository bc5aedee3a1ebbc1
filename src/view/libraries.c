/* Where a machine keeps its libnvidia-ml.so.1, in the order in which the dynamic linker looks. */
#include "view/libraries.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "driver/nvml_abi.h"

#define CACHE_PATH     "/etc/ld.so.cache"
#define CACHE_MAGIC    "glibc-ld.so.cache1.1"
#define CACHE_SIZE_MAX (64 * 1024 * 1024)

/* Beside the linker's own, where drivers are put by WSL, container images and NixOS. */
static const char *const usual_folders[] = {
    MULTIARCH_FOLDER,         "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/lib/wsl/lib", "/usr/local/nvidia/lib64",
    "/run/opengl-driver/lib",
};

/* The cache's beginning and its entries; offsets of texts count from the beginning. */
struct cache_header {
    char magic[sizeof(CACHE_MAGIC) - 1];
    uint32_t count, text_size, unused[5];
};

struct cache_entry {
    int32_t flags;
    uint32_t name, path, os_version;
    uint64_t capabilities;
};

static bool find_in_folder(const char *folder, size_t length, library_load load, void **ret_library)
{
    cleanup_free char *path = NULL;

    /* An empty folder is the current one. */
    if (asprintf(&path, "%.*s/" NVML_LIBRARY, length ? (int)length : 1, length ? folder : ".") < 0) {
        path = NULL;
        return false;
    }
    return access(path, F_OK) == 0 && load(path, ret_library);
}

static bool find_in_list(const char *folders, library_load load, void **ret_library)
{
    for (;;) {
        size_t length = strcspn(folders, ":;");

        if (find_in_folder(folders, length, load, ret_library))
            return true;
        if (!folders[length])
            return false;
        folders += length + 1;
    }
}

/* The NUL-terminated text at @offset, or NULL. */
static const char *text_at(const char *cache, size_t length, uint32_t offset)
{
    return offset < length && memchr(cache + offset, '\0', length - offset) ? cache + offset : NULL;
}

bool libraries_find_in_cache(const char *cache, size_t length, const char *name, library_load load, void **ret_library)
{
    struct cache_header header;

    if (length < sizeof(header))
        return false;
    memcpy(&header, cache, sizeof(header));
    if (memcmp(header.magic, CACHE_MAGIC, sizeof(header.magic)) != 0 ||
        header.count > (length - sizeof(header)) / sizeof(struct cache_entry))
        return false;
    for (uint32_t i = 0; i < header.count; i++) {
        struct cache_entry entry;
        const char *entry_name, *path;

        memcpy(&entry, cache + sizeof(header) + i * sizeof(entry), sizeof(entry));
        entry_name = text_at(cache, length, entry.name);
        path = text_at(cache, length, entry.path);
        /* One of another architecture does not load. */
        if (entry_name && path && *path == '/' && strcmp(entry_name, name) == 0 && load(path, ret_library))
            return true;
    }
    return false;
}

static bool find_in_system_cache(library_load load, void **ret_library)
{
    cleanup_free char *cache = NULL;
    size_t length;

    return file_read_at(AT_FDCWD, CACHE_PATH, CACHE_SIZE_MAX, &cache, &length) == 0 &&
           libraries_find_in_cache(cache, length, NVML_LIBRARY, load, ret_library);
}

bool libraries_find(library_load load, void **ret_library)
{
    const char *path = secure_getenv("GENV_VIEW_LIBRARY"), *folders = secure_getenv("LD_LIBRARY_PATH");

    if (path && *path == '/' && load(path, ret_library))
        return true;
    if (folders && *folders && find_in_list(folders, load, ret_library))
        return true;
    if (find_in_system_cache(load, ret_library))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(usual_folders); i++) {
        if (find_in_folder(usual_folders[i], strlen(usual_folders[i]), load, ret_library))
            return true;
    }
    return false;
}
