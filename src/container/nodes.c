/* The device nodes of an environment's devices. */
#include "container/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"

#define DEVICES_MAX 65536

/* What the driver's programs open besides, where it is there. */
static const char *const common[] = {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
                                     "/dev/nvidia-modeset"};

static const struct genv_device *find(const struct genv_snapshot *machine, const char *uuid)
{
    for (size_t i = 0; i < machine->device_count; i++) {
        if (strcmp(machine->devices[i].id.uuid, uuid) == 0)
            return &machine->devices[i];
    }
    return NULL;
}

static int add_common(struct edit_node *nodes, size_t count)
{
    size_t added = count;

    for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
        struct edit_node *node = &nodes[added];
        struct stat st;

        if (stat(common[i], &st) < 0 || !S_ISCHR(st.st_mode))
            continue;
        snprintf(node->path, sizeof(node->path), "%s", common[i]);
        node->major = major(st.st_rdev);
        node->minor = minor(st.st_rdev);
        added++;
    }
    return (int)added;
}

int nodes_find(struct genv *g, const struct genv_env *env, struct edit_node **ret_nodes, size_t *ret_count,
               struct genv_error *err)
{
    cleanup_free struct edit_node *nodes = calloc(env->attachment_count + ARRAY_SIZE(common), sizeof(*nodes));
    struct genv_snapshot *machine = NULL;
    size_t count = 0;
    int r = 0;

    if (!nodes)
        return error_no_memory(err);
    if (env->attachment_count)
        r = genv_snapshot_take(g, GENV_DEPTH_DEVICES, &machine, err);
    for (size_t i = 0; r == 0 && i < env->attachment_count; i++) {
        const struct genv_device *device = find(machine, env->attachments[i].device.uuid);

        if (!device) {
            r = error_set(err, ENODEV, "device %s of environment %s is not on this machine: detach it first",
                          env->attachments[i].device.uuid, env->eid);
        } else if (device->minor >= 0) { /* simulated ones have no nodes */
            snprintf(nodes[count].path, sizeof(nodes[count].path), "/dev/nvidia%d", device->minor);
            memcpy(nodes[count].uuid, device->id.uuid, sizeof(nodes[count].uuid));
            nodes[count].major = NVIDIA_MAJOR;
            nodes[count++].minor = (unsigned)device->minor;
        }
    }
    genv_snapshot_free(machine);
    if (r < 0)
        return r;
    *ret_count = count ? (size_t)add_common(nodes, count) : 0;
    *ret_nodes = STEAL_POINTER(nodes);
    return 0;
}

/* What the driver calls the folders of capabilities, and the devices themselves, begins so. */
#define CAPABILITIES "nvidia-caps"

int nodes_find_capabilities(struct edit_capabilities *ret_capabilities, struct genv_error *err)
{
    struct edit_capabilities found = {.count = 0};
    cleanup_free char *text = NULL;
    char *rest, *line;
    int r = file_read_at(AT_FDCWD, "/proc/devices", DEVICES_MAX, &text, NULL);

    if (r < 0)
        return error_set_errno(err, -r, "cannot read /proc/devices");
    /* Devices of blocks come last, and have numbers of their own. */
    for (rest = text; (line = strsep(&rest, "\n")) && strncmp(line, "Block", strlen("Block")) != 0;) {
        char name[sizeof(CAPABILITIES)];
        unsigned number;

        if (sscanf(line, "%u %11s", &number, name) == 2 && strcmp(name, CAPABILITIES) == 0 &&
            found.count < ARRAY_SIZE(found.majors))
            found.majors[found.count++] = number;
    }
    *ret_capabilities = found;
    return 0;
}

/* In the path of a mount that asks NVIDIA's runtime for the device that its last name is. */
#define NVIDIAS_LIST "/nvidia-container-devices"

static bool is_other(const struct edit_plan *plan, const struct stat *st)
{
    return S_ISCHR(st->st_mode) && edit_is_other(plan, major(st->st_rdev), minor(st->st_rdev));
}

/* Whether capabilities that the plan lacks are in the folder @name of @parent. */
static bool has_capabilities(int parent, const char *name, const struct edit_plan *plan)
{
    cleanup_closedir DIR *dir = fdopendir(openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *entry;
    struct stat st;

    while (dir && (entry = readdir(dir))) {
        if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && is_other(plan, &st))
            return true;
    }
    return false;
}

static bool is_of_capabilities(const char *path)
{
    cleanup_free char *real = realpath(path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;

    return slash && strncmp(slash + 1, CAPABILITIES, strlen(CAPABILITIES)) == 0;
}

/* Whether devices that the plan lacks are where the driver puts them below @path: itself /dev, or what /dev is in, or a
 * folder of capabilities. */
static bool has_others(const char *path, const struct edit_plan *plan)
{
    static const char *const folders[] = {"", "dev/"};
    static const char *const capabilities[] = {CAPABILITIES, CAPABILITIES "-imex-channels", "dev/" CAPABILITIES,
                                               "dev/" CAPABILITIES "-imex-channels"};
    cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[32];
    struct stat st;

    for (unsigned i = 0; fd >= 0 && i < ARRAY_SIZE(folders) * NVIDIA_GPU_MINORS; i++) {
        snprintf(name, sizeof(name), "%snvidia%u", folders[i / NVIDIA_GPU_MINORS], i % NVIDIA_GPU_MINORS);
        if (fstatat(fd, name, &st, 0) == 0 && is_other(plan, &st))
            return true;
    }
    for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(capabilities); i++) {
        if (has_capabilities(fd, capabilities[i], plan))
            return true;
    }
    return fd >= 0 && is_of_capabilities(path) && has_capabilities(fd, ".", plan);
}

int nodes_check_mounts(const json_t *config, const struct edit_plan *plan, bool guarded, struct genv_error *err)
{
    const json_t *mounts = json_object_get(config, "mounts");

    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *mount = json_array_get(mounts, i);
        const char *source = json_string_value(json_object_get(mount, "source"));
        const char *target = json_string_value(json_object_get(mount, "destination"));
        struct stat st;

        if (target && strstr(target, NVIDIAS_LIST))
            return edit_refuse_other(plan, target, err);
        if (source && *source == '/' && stat(source, &st) == 0 &&
            (is_other(plan, &st) || (!guarded && S_ISDIR(st.st_mode) && has_others(source, plan))))
            return edit_refuse_other(plan, source, err);
    }
    return 0;
}
