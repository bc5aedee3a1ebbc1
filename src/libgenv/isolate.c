/* Processes that can open the devices of their environment alone. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "base/user.h"
#include "driver/nvidia.h"
#include "isolate/landlock.h"
#include "libgenv/environment.h"
#include "libgenv/home.h"
#include "model/device.h"
#include "store/limits_file.h"

/* The UUIDs of what can be opened behind the wall, with commas. */
#define OPENABLE_VARIABLE "GENV_ISOLATED"
#define OPENABLE_NONE     "none"

/* Unless a wall that was there before is in the way. */
static void add_openable(const struct genv_env *env, const struct genv_device_id *device,
                         struct genv_device_id *openable, size_t *count)
{
    if (env_can_open(env, device->uuid))
        openable[(*count)++] = *device;
}

static void set_openable(struct genv_env *env, struct genv_device_id *openable, size_t count)
{
    free(env->openable);
    env->openable = openable;
    env->openable_count = count;
    env->isolated = true;
}

int environment_isolate(struct genv_env *env, struct genv_error *err)
{
    struct genv_device_id *openable = calloc(env->attachment_count + 1, sizeof(*openable));
    size_t count = 0;

    if (!openable)
        return error_no_memory(err);
    for (size_t i = 0; i < env->attachment_count; i++)
        add_openable(env, &env->attachments[i].device, openable, &count);
    set_openable(env, openable, count);
    return 0;
}

int environment_inherit_wall(struct genv_env *env, struct genv_error *err)
{
    const char *list = getenv(OPENABLE_VARIABLE);
    struct genv_device_id *openable;
    struct genv_device_id device = {.vendor = ""};
    size_t count = 0;

    if (!list || !*list)
        return 0;
    openable = calloc(strlen(list) / 2 + 1, sizeof(*openable));
    if (!openable)
        return error_no_memory(err);
    for (size_t length; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (length >= sizeof(device.uuid))
            continue;
        memcpy(device.uuid, list, length);
        device.uuid[length] = '\0';
        if (uuid_is_plain(device.uuid) && strcmp(device.uuid, OPENABLE_NONE) != 0)
            add_openable(env, &device, openable, &count);
    }
    set_openable(env, openable, count);
    return 0;
}

/* N of the device's node. Where a trial has made nodes for simulated devices, they go by the index. -ENOTSUP: it has
 * none of its own. */
static int find_minor(const struct genv_device *device, int *ret_minor, struct genv_error *err)
{
    *ret_minor = device->minor >= 0 ? device->minor : driver_is_simulated(NULL) == 1 ? (int)device->index : -1;
    if (*ret_minor >= 0)
        return 0;
    return error_set(err, ENOTSUP, "cannot isolate: device %u has no device node of its own", device->index);
}

/* What the driver's own programs do when they miss a node, which is too late behind a wall. Its status is no matter:
 * the node is there afterwards, or it is not. */
static void make_node(int minor)
{
    char number[16];
    char *arguments[] = {"nvidia-modprobe", "-u", "-c", number, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(number, sizeof(number), "%d", minor);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return;
    if (posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO) == 0 &&
        posix_spawnp(&pid, *arguments, &actions, NULL, arguments, environ) == 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    posix_spawn_file_actions_destroy(&actions);
}

static int prepare_node(int minor, struct genv_error *err)
{
    char path[64];

    snprintf(path, sizeof(path), NVIDIA_NODES "/nvidia%d", minor);
    if (driver_is_simulated(NULL) == 1 || access(path, F_OK) == 0)
        return 0;
    make_node(minor);
    if (access(path, F_OK) == 0)
        return 0;
    return error_set_errno(err, errno, "cannot isolate: there is no %s yet ('nvidia-modprobe -u -c %d' creates it)",
                           path, minor);
}

/* Sorts the machine's devices into those that @env has and the others. */
static int plan_wall(const struct genv_env *env, const struct genv_device *devices, size_t count, int *open,
                     int *closed, struct landlock_plan *ret_plan, struct genv_error *err)
{
    struct landlock_plan plan = {.open = open, .closed = closed};

    for (size_t i = 0; i < env->openable_count; i++) {
        if (!device_find(devices, count, env->openable[i].uuid))
            return error_set(err, ENODEV, "cannot isolate: device %s of environment %s is not on this machine",
                             env->openable[i].uuid, env->eid);
    }
    for (size_t i = 0; i < count; i++) {
        bool can_open = env_can_open(env, devices[i].id.uuid);
        int minor, r = find_minor(&devices[i], &minor, err);

        if (r == 0 && can_open)
            r = prepare_node(minor, err);
        if (r < 0)
            return r;
        if (can_open)
            open[plan.open_count++] = minor;
        else
            closed[plan.closed_count++] = minor;
    }
    *ret_plan = plan;
    return 0;
}

static int export_openable(const struct genv_env *env, struct genv_error *err)
{
    cleanup_text struct text list = TEXT_INIT;

    for (size_t i = 0; i < env->openable_count; i++)
        text_addf(&list, "%s%s", i ? "," : "", env->openable[i].uuid);
    if (!env->openable_count)
        text_add(&list, OPENABLE_NONE);
    return list.failed || setenv(OPENABLE_VARIABLE, list.data, 1) < 0 ? error_no_memory(err) : 0;
}

GENV_PUBLIC int genv_isolate(struct genv *g, const struct genv_env *env, struct genv_error *err)
{
    cleanup_free struct genv_device *devices = NULL;
    cleanup_free int *minors = NULL;
    struct landlock_plan plan;
    size_t count = 0;
    int r;

    if (!env->isolated)
        return error_set(err, EINVAL, "environment %s was not reserved to be isolated", env->eid);
    r = handle_devices(g, &devices, &count, err);
    if (r < 0)
        return r;
    minors = calloc(2 * count + 1, sizeof(*minors));
    if (!minors)
        return error_no_memory(err);
    r = plan_wall(env, devices, count, minors, minors + count, &plan, err);
    if (r == 0)
        r = export_openable(env, err);
    return r < 0 ? r : landlock_confine(&plan, err);
}

/* The limits file's word for the caller. */
static int limits_isolate(const struct genv *g, struct genv_error *err)
{
    cleanup_limits struct limits limits = {0};
    char username[GENV_USERNAME_SIZE];
    int r = limits_load(g->limits_file, &limits, err);

    if (r < 0)
        return r;
    user_name(user_outside(g->uid), username, sizeof(username));
    return limits_allowance(&limits, username).maximum[LIMIT_ISOLATE] != LIMIT_NONE;
}

GENV_PUBLIC int genv_isolates(struct genv *g, bool saved, struct genv_error *err)
{
    cleanup_free char *home = NULL;
    int r = saved ? genv_home_find(g, &home, err) : -ENOENT;

    if (r == 0)
        r = home_read_switch(home, "isolate", err);
    return r == -ENOENT ? limits_isolate(g, err) : r;
}
