/* The handle, and what the operations share. */
#include "libgenv/handle.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/user.h"
#include "model/config.h"
#include "model/limit.h"
#include "model/record.h"
#include "store/directory.h"
#include "store/inventory.h"

#define TIMEOUT_MAX_S    86400
#define DRIVER_TIMEOUT_S 60 /* without persistence mode, a driver wakes each GPU for seconds */
/* For indices. One that is awake answers in a tenth of it, also where others keep the machine busy: a guess too early
 * would have CUDA_VISIBLE_DEVICES name another device. */
#define INDICES_TIMEOUT_MS 1000

GENV_PUBLIC const char *genv_version(void)
{
    return GENV_VERSION;
}

/* 1 and the seconds where the variable @name is set, else 0. */
static int read_timeout(const char *name, unsigned *ret_seconds, struct genv_error *err)
{
    const char *value = getenv(name);
    uint64_t seconds;

    if (!value || !*value)
        return 0;
    if (text_to_u64(value, TIMEOUT_MAX_S, &seconds) < 0)
        return error_set(err, EINVAL, "%s is '%.32s': set it to a number of seconds from 0 to %d, or unset it", name,
                         utf8_is_printable(value) ? value : "?", TIMEOUT_MAX_S);
    *ret_seconds = (unsigned)seconds;
    return 1;
}

static int set_timeouts(struct genv *g, struct genv_error *err)
{
    unsigned seconds = 0;
    int r = read_timeout("GENV_STATE_TIMEOUT", &seconds, err);

    if (r > 0)
        store_set_timeout(g->store, seconds);
    if (r >= 0)
        r = read_timeout("GENV_DRIVER_TIMEOUT", &seconds, err);
    g->driver_timeout_ms = (r > 0 ? (int)seconds : DRIVER_TIMEOUT_S) * 1000;
    return r < 0 ? r : 0;
}

GENV_PUBLIC int genv_open(const struct genv_options *options, struct genv **ret_g, struct genv_error *err)
{
    const char *path = options && options->state_dir ? options->state_dir : getenv("GENV_TMPDIR");
    struct genv *g;
    int r = options ? RESERVED_CHECK(options, err) : 0;

    if (r < 0)
        return r;
    g = calloc(1, sizeof(*g));
    if (!g)
        return error_no_memory(err);
    g->uid = geteuid();
    g->gate = (struct driver_gate)DRIVER_GATE_INIT;
    if (options) {
        g->warn = options->warn;
        g->warn_data = options->warn_data;
    }
    g->limits_file = strdup(options && options->limits_file ? options->limits_file : LIMITS_FILE);
    r = g->limits_file
            ? store_new(path && *path ? path : STATE_DIRECTORY_DEFAULT, g->warn, g->warn_data, &g->store, err)
            : error_no_memory(err);
    if (r == 0 && store_set_limits_file(g->store, g->limits_file) < 0)
        r = error_no_memory(err);
    if (r == 0)
        r = set_timeouts(g, err);
    if (r < 0) {
        genv_close(g);
        return r;
    }
    *ret_g = g;
    return 0;
}

GENV_PUBLIC void genv_close(struct genv *g)
{
    if (!g)
        return;
    driver_gate_close(&g->gate);
    store_free(g->store);
    event_list_release(&g->events);
    free(g->limits_file);
    free(g);
}

GENV_PUBLIC void genv_set_cancel(struct genv *g, int fd)
{
    g->gate.cancel = fd;
}

GENV_PUBLIC void genv_set_interrupt(struct genv *g, bool (*interrupted)(void *data), void *data)
{
    g->interrupt = (struct interrupt){interrupted, data};
    g->gate.interrupt = g->interrupt;
    store_set_interrupt(g->store, &g->interrupt);
}

GENV_PUBLIC void genv_listen(struct genv *g, void (*event)(const struct genv_event *event, void *data), void *data)
{
    g->event = event;
    g->event_data = data;
    store_note_ends(g->store, event ? &g->events : NULL);
}

GENV_PUBLIC const char *genv_state_directory(const struct genv *g)
{
    return store_path(g->store);
}

void handle_warn(const struct genv *g, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (!g->warn)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    utf8_make_printable(line);
    g->warn(line, g->warn_data);
}

static bool all_work(const struct genv_device *devices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (devices[i].state != GENV_DEVICE_OK)
            return false;
    }
    return true;
}

static int find_devices(struct genv *g, int timeout_ms, struct genv_device **ret_devices, size_t *ret_count,
                        struct genv_error *err)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    char key[INVENTORY_KEY_SIZE], boot_id[BOOT_ID_SIZE];
    uint64_t fingerprint;
    bool has_key = driver_fingerprint(&fingerprint) == 0 && proc_boot_id(boot_id) == 0;
    int r;

    if (has_key)
        inventory_key(boot_id, fingerprint, key);
    if (has_key && store_load_inventory(g->store, key, ret_devices, ret_count) == 0)
        return 0;
    r = driver_ask(&g->gate, 0, timeout_ms, &answer, err);
    if (r < 0)
        return r;
    *ret_devices = STEAL_POINTER(answer.devices);
    *ret_count = answer.device_count;
    if (has_key && all_work(*ret_devices, *ret_count)) /* what is broken now may be mended before the next boot */
        store_save_inventory(g->store, key, *ret_devices, *ret_count);
    return 0;
}

int handle_devices(struct genv *g, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err)
{
    return find_devices(g, g->driver_timeout_ms, ret_devices, ret_count, err);
}

void handle_warn_of_indices(const struct genv *g, const struct genv_error *reason)
{
    if (reason->code == ETIMEDOUT) /* its sentence is for those who could wait longer */
        handle_warn(g, "the driver does not respond: device indices may be out of date");
    else if (reason->code != ENODEV && reason->code != ECANCELED)
        handle_warn(g, "device indices may be out of date: %s", reason->message);
}

int handle_indices(struct genv *g, struct genv_device **ret_devices, size_t *ret_count)
{
    int limit_ms = g->driver_timeout_ms < INDICES_TIMEOUT_MS ? g->driver_timeout_ms : INDICES_TIMEOUT_MS;
    struct genv_error reason = {0};
    int r = find_devices(g, limit_ms, ret_devices, ret_count, &reason);

    if (r < 0)
        handle_warn_of_indices(g, &reason);
    return r;
}

/* store_begin(). What a container has of the state is a copy of its own environment, which it can read. */
static int begin(struct genv *g, enum store_access access, struct genv_error *err)
{
    const char *container = getenv("GENV_CONTAINER");
    int r = store_begin(g->store, access, err);

    if (r == -EROFS && access >= STORE_WRITE && container && strcmp(container, "1") == 0)
        return error_set(err, EROFS, "environments cannot be changed inside a container: run this on its host");
    return r;
}

int handle_begin(struct genv *g, enum store_access access, struct env_list *list, struct genv_error *err)
{
    int r = begin(g, access, err);

    if (r < 0)
        return r;
    r = store_load(g->store, list, err);
    if (r < 0)
        handle_end(g);
    return r;
}

int handle_begin_allocation(struct genv *g, const char *eid, struct env_list *list, struct genv_error *err)
{
    int r = begin(g, STORE_WRITE, err);

    if (r < 0)
        return r;
    r = store_load_holders(g->store, eid, list, err);
    if (r < 0)
        handle_end(g);
    return r;
}

int handle_commit(struct genv *g, const struct genv_env *before, const struct genv_env *after,
                  enum genv_event_reason reason, struct genv_error *err)
{
    const struct event_cause cause = {.reason = reason, .by = g->uid, .time = clock_now()};
    size_t count = g->events.count;
    int r;

    /* First, since nothing may fail behind the commit. */
    if (g->event && event_list_add_changes(&g->events, before, after, &cause) < 0)
        return error_no_memory(err);
    r = after ? store_save(g->store, after, err) : store_remove(g->store, before->eid, err);
    if (r < 0)
        g->events.count = count;
    return r;
}

void handle_end(struct genv *g)
{
    struct event_list events = g->events;

    store_end(g->store);
    g->events = (struct event_list){0}; /* who listens may begin anew */
    for (size_t i = 0; g->event && i < events.count; i++)
        g->event(&events.events[i], g->event_data);
    event_list_release(&events);
}

bool handle_may_change(const struct genv *g, uid_t owner)
{
    return g->uid == owner || g->uid == 0;
}

int handle_find_own(struct genv *g, const struct env_list *list, const char *eid, struct genv_env **ret_env,
                    struct genv_error *err)
{
    struct genv_env *env;
    char owner[GENV_USERNAME_SIZE];
    int r = genv_eid_validate(eid, err);

    if (r < 0)
        return r;
    env = env_list_find(list, eid);
    if (!env)
        return error_set(err, ENOENT, "there is no environment %s", eid);
    if (env->uid == (uid_t)-1)
        return record_check_changeable(env, err);
    if (!handle_may_change(g, env->uid)) {
        user_name(env->uid, owner, sizeof(owner));
        return error_set(err, EPERM, "environment %s belongs to %s", eid, owner);
    }
    *ret_env = env;
    return 0;
}

GENV_PUBLIC void genv_user_name(uid_t uid, char *name)
{
    user_name(uid, name, GENV_USERNAME_SIZE);
}
