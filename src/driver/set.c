/* Several drivers as one: the devices of all, each asked of its own driver. */
#include "driver/set.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/device.h"

struct set {
    struct driver driver;
    struct driver *drivers[DRIVER_MEMBERS_MAX];
    size_t counts[DRIVER_MEMBERS_MAX]; /* of their devices, in the last list() */
    size_t count;
    struct genv_device *devices; /* of the last list() */
    size_t device_count;
    struct genv_error complaints[2 * DRIVER_MEMBERS_MAX]; /* of opening, then of listing */
    size_t opening_complaints, complaint_count;
};

static int list_member(struct set *set, size_t member, struct genv_device **devices, size_t *count,
                       struct genv_error *err)
{
    struct driver *driver = set->drivers[member];
    cleanup_free struct genv_device *found = NULL;
    struct genv_device *grown;
    size_t found_count;
    int r = driver->ops->list(driver, &found, &found_count, err);

    set->counts[member] = 0;
    if (r < 0)
        return r;
    grown = reallocarray(*devices, *count + found_count + 1, sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    *devices = grown;
    set->counts[member] = found_count;
    for (size_t i = 0; i < found_count; i++) {
        grown[*count] = found[i];
        grown[*count].index = (unsigned)*count;
        ++*count;
    }
    return 0;
}

static int list_all(struct set *set, struct genv_error *err)
{
    cleanup_free struct genv_device *devices = NULL;
    size_t count = 0, failed = 0;

    set->complaint_count = set->opening_complaints;
    for (size_t i = 0; i < set->count; i++) {
        struct genv_error *complaint = &set->complaints[set->complaint_count];

        if (list_member(set, i, &devices, &count, complaint) == 0)
            continue;
        set->complaint_count++;
        failed++;
    }
    if (failed == set->count) {
        if (err)
            *err = set->complaints[set->opening_complaints];
        return -set->complaints[set->opening_complaints].code;
    }
    free(set->devices);
    set->devices = STEAL_POINTER(devices);
    set->device_count = count;
    return 0;
}

static int set_list(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err)
{
    struct set *set = (struct set *)driver;
    struct genv_device *devices;
    int r = list_all(set, err);

    if (r < 0)
        return r;
    devices = calloc(set->device_count + 1, sizeof(*devices));
    if (!devices)
        return error_no_memory(err);
    if (set->device_count)
        memcpy(devices, set->devices, set->device_count * sizeof(*devices));
    *ret_devices = devices;
    *ret_count = set->device_count;
    return 0;
}

/* Whose @device is, or NULL. */
static struct driver *driver_of(struct set *set, const struct genv_device *device)
{
    const struct genv_device *known;
    size_t member = 0, end;

    if (!set->devices)
        list_all(set, NULL);
    known = *device->id.uuid ? device_find(set->devices, set->device_count, device->id.uuid) : NULL;
    if (!known)
        return NULL;
    for (end = set->counts[0]; (size_t)(known - set->devices) >= end; end += set->counts[member])
        member++;
    return set->drivers[member];
}

static void set_sample(struct driver *driver, struct genv_device *device)
{
    struct driver *own = driver_of((struct set *)driver, device);

    device->sample = (struct genv_sample){GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT};
    if (own)
        own->ops->sample(own, device);
}

static int set_add_processes(struct driver *driver, const struct genv_device *device, struct driver_process **processes,
                             size_t *count, struct genv_error *err)
{
    struct driver *own = driver_of((struct set *)driver, device);

    return own ? own->ops->add_processes(own, device, processes, count, err) : 0;
}

static bool set_knows_processes(struct driver *driver, const struct genv_device *device)
{
    struct driver *own = driver_of((struct set *)driver, device);

    return !own || !own->ops->knows_processes || own->ops->knows_processes(own, device);
}

static void set_close(struct driver *driver)
{
    struct set *set = (struct set *)driver;

    for (size_t i = 0; i < set->count; i++)
        driver_close(set->drivers[i]);
    free(set->devices);
    free(set);
}

static const struct driver_ops set_ops = {
    .name = "set",
    .list = set_list,
    .sample = set_sample,
    .add_processes = set_add_processes,
    .knows_processes = set_knows_processes,
    .close = set_close,
};

int driver_set_open(const struct driver_ops *const *candidates, size_t count, struct driver **ret_driver,
                    struct genv_error *err)
{
    cleanup_free struct set *set = calloc(1, sizeof(*set));
    struct genv_error first = {.code = ENODEV};

    if (!set)
        return error_no_memory(err);
    set->driver.ops = &set_ops;
    for (size_t i = 0; i < count && i < DRIVER_MEMBERS_MAX; i++) {
        struct genv_error reason = {0};
        int r = candidates[i]->open(&set->drivers[set->count], &reason);

        if (i == 0)
            first = reason;
        if (r == 0)
            set->count++;
        else if (r != -ENODEV)
            set->complaints[set->complaint_count++] = reason;
    }
    if (set->count == 0) {
        if (set->complaint_count) /* of one that is there */
            first = set->complaints[0];
        if (err)
            *err = first;
        return -first.code;
    }
    set->opening_complaints = set->complaint_count;
    if (set->count == 1 && set->complaint_count == 0)
        *ret_driver = set->drivers[0];
    else
        *ret_driver = &STEAL_POINTER(set)->driver;
    return 0;
}

int driver_set_fingerprint(const struct driver_ops *const *candidates, size_t count, uint64_t *ret_fingerprint)
{
    uint64_t state = TEXT_HASH_INIT;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        uint64_t fingerprint;
        char text[40];

        if (candidates[i]->fingerprint(&fingerprint) < 0)
            continue;
        snprintf(text, sizeof(text), "%zu:%016llx", i, (unsigned long long)fingerprint);
        state = text_hash(state, text);
        any = true;
    }
    if (!any)
        return -ENOENT;
    *ret_fingerprint = state;
    return 0;
}

size_t driver_set_members(const struct driver *driver, size_t device_count,
                          struct driver_member ret_members[static DRIVER_MEMBERS_MAX])
{
    const struct set *set = (const struct set *)driver;

    if (driver->ops != &set_ops) {
        ret_members[0] = (struct driver_member){driver, device_count};
        return 1;
    }
    for (size_t i = 0; i < set->count; i++)
        ret_members[i] = (struct driver_member){set->drivers[i], set->counts[i]};
    return set->count;
}

const struct genv_error *driver_set_complaint(const struct driver *driver, size_t number)
{
    const struct set *set = (const struct set *)driver;

    return driver->ops == &set_ops && number < set->complaint_count ? &set->complaints[number] : NULL;
}
