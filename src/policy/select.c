/* Which devices an environment gets: pure decisions over what is known of the machine. */
#include "policy/select.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/device.h"

/* A device as the one who asks sees it. */
struct candidate {
    const struct genv_device *device;
    bool usable;   /* it works */
    bool attached; /* to the one who asks */
    bool shut;     /* the one who asks is isolated from it */
    bool available;
    bool busy;
    size_t holders;               /* other environments that are attached to it */
    const struct genv_env *first; /* one of them */
    uint64_t room;                /* what the capacities of the others leave */
};

static uint64_t subtract(uint64_t from, uint64_t amount)
{
    return from > amount ? from - amount : 0;
}

/* Without a capacity a device must be nobody's; with one it must leave room for it. */
static bool is_available(const struct candidate *candidate, uint64_t capacity)
{
    if (!candidate->usable)
        return false;
    if (capacity == 0)
        return candidate->holders == 0;
    return capacity <= candidate->room;
}

static struct candidate examine(const struct select_view *view, size_t d, uint64_t capacity)
{
    const struct genv_device *device = &view->devices[d];
    struct candidate candidate = {
        .device = device,
        .usable = device->state == GENV_DEVICE_OK && *device->id.uuid,
        .attached = genv_env_attachment(view->self, device->id.uuid) != NULL,
        .shut = !env_can_open(view->self, device->id.uuid),
        .busy = view->busy && view->busy[d],
        .room = device->total_memory,
    };

    for (size_t i = 0; i < view->envs->count; i++) {
        const struct genv_env *env = &view->envs->envs[i];
        const struct genv_attachment *attachment = env == view->self ? NULL : genv_env_attachment(env, device->id.uuid);

        if (!attachment)
            continue;
        if (candidate.holders++ == 0)
            candidate.first = env;
        candidate.room = attachment->gpu_memory ? subtract(candidate.room, attachment->gpu_memory) : 0;
    }
    candidate.available = is_available(&candidate, capacity);
    return candidate;
}

static struct candidate *examine_all(const struct select_view *view)
{
    struct candidate *candidates = calloc(view->device_count ? view->device_count : 1, sizeof(*candidates));

    for (size_t d = 0; candidates && d < view->device_count; d++)
        candidates[d] = examine(view, d, view->self->config.gpu_memory);
    return candidates;
}

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* The order in which devices are given: see select_count(). */
static int compare_preference(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order;

    if ((order = compare(b->available, a->available)))
        return order;
    if ((order = compare(a->busy, b->busy)))
        return order;
    if (a->available)
        order = compare(a->room, b->room); /* alike where whole devices are asked for: see rank() */
    else
        order = compare(a->holders, b->holders);
    return order ? order : compare(a->device->index, b->device->index);
}

static bool may_give(const struct candidate *candidate, bool over_subscribe)
{
    return candidate->usable && !candidate->attached && !candidate->shut && (candidate->available || over_subscribe);
}

/* Leaves in @candidates those that may be given, best first. */
static void rank(struct candidate *candidates, size_t count, uint64_t capacity, bool over_subscribe)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!may_give(&candidates[i], over_subscribe))
            continue;
        candidates[kept] = candidates[i];
        if (capacity == 0)
            candidates[kept].room = 0; /* how large a free device is does not matter */
        kept++;
    }
    if (kept)
        qsort(candidates, kept, sizeof(*candidates), compare_preference);
}

static int refuse_missing(const struct select_view *view, int count, size_t usable, struct genv_error *err)
{
    const char *plural = count == 1 ? "" : "s";
    size_t broken = view->device_count - usable;

    if (view->device_count == 0)
        return error_set(err, ENODEV, "cannot attach %d device%s: this machine has none", count, plural);
    if (broken)
        return error_set(err, ENODEV, "cannot attach %d device%s: this machine has %zu, and %zu of them do%s not work",
                         count, plural, view->device_count, broken, broken == 1 ? "es" : "");
    return error_set(err, ENODEV, "cannot attach %d device%s: this machine has %zu", count, plural, view->device_count);
}

static int refuse_count(const struct select_view *view, const struct candidate *candidates, int count,
                        struct genv_error *err)
{
    uint64_t capacity = view->self->config.gpu_memory, largest = 0;
    size_t available = 0;
    char amount[GENV_AMOUNT_SIZE], size[GENV_AMOUNT_SIZE];

    for (size_t d = 0; d < view->device_count; d++) {
        available += candidates[d].available && !candidates[d].shut;
        if (candidates[d].device->total_memory > largest)
            largest = candidates[d].device->total_memory;
    }
    genv_amount_format(capacity, amount);
    if (largest == 0 && capacity)
        return error_set(err, EBUSY, "cannot attach %d device%s with %s: no device reports its memory size", count,
                         count == 1 ? "" : "s", amount);
    if (capacity > largest) {
        genv_amount_format(largest, size);
        return error_set(err, EBUSY, "cannot attach %d device%s with %s: the largest device has %s", count,
                         count == 1 ? "" : "s", amount, size);
    }
    return error_set(
        err, EBUSY,
        "cannot attach %d device%s: %zu of %zu %s available%s%s; %s%swait, or attach devices that others hold (-o)",
        count, count == 1 ? "" : "s", available, view->device_count, available == 1 ? "is" : "are",
        capacity ? " with room for " : "", capacity ? amount : "", available ? "ask for fewer, " : "",
        capacity ? "ask for less memory, " : "");
}

/* A wall does not move: what is behind it would get nothing but the name of another device. */
static int refuse_isolated(const struct select_view *view, struct genv_error *err)
{
    return error_set(err, EPERM,
                     "environment %s is isolated: it can only have the devices that it had at its start (%zu): start "
                     "another one",
                     view->self->eid, view->self->openable_count);
}

static int append(struct selection *selection, const struct genv_device *device, uint64_t capacity, struct timespec now)
{
    struct genv_attachment *attachments =
        reallocarray(selection->attachments, selection->count + 1, sizeof(*attachments));
    struct genv_attachment *attachment;

    if (!attachments)
        return -ENOMEM;
    selection->attachments = attachments;
    attachment = &attachments[selection->count++];
    *attachment = (struct genv_attachment){
        .device = device->id, .index = (int)device->index, .gpu_memory = capacity, .time = now};
    return 0;
}

static int compare_index(const void *left, const void *right)
{
    const struct genv_attachment *a = left, *b = right;

    return a->index < b->index ? -1 : a->index > b->index;
}

static void sort_selection(struct selection *selection)
{
    if (selection->count)
        qsort(selection->attachments, selection->count, sizeof(*selection->attachments), compare_index);
}

/* Starts @ret with at most @count of the attachments to devices that work, lowest indices first. */
static int keep_attached(const struct select_view *view, const struct candidate *candidates, size_t count,
                         struct selection *ret)
{
    for (size_t d = 0; d < view->device_count && ret->count < count; d++) {
        const struct genv_attachment *attachment = genv_env_attachment(view->self, view->devices[d].id.uuid);

        if (!candidates[d].attached || !candidates[d].usable)
            continue;
        if (append(ret, &view->devices[d], attachment->gpu_memory, attachment->time) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int select_more(const struct select_view *view, struct candidate *candidates, size_t count, bool over_subscribe,
                       struct selection *ret, struct genv_error *err)
{
    uint64_t capacity = view->self->config.gpu_memory;
    size_t usable = 0, givable = 0, missing;

    if (keep_attached(view, candidates, count, ret) < 0)
        return error_no_memory(err);
    missing = count - ret->count;
    if (missing == 0)
        return 0;
    for (size_t d = 0; d < view->device_count; d++) {
        usable += candidates[d].usable;
        givable += may_give(&candidates[d], over_subscribe);
    }
    if (count <= usable && view->self->isolated && count > view->self->openable_count)
        return refuse_isolated(view, err);
    if (count > usable)
        return refuse_missing(view, (int)count, usable, err);
    if (givable < missing)
        return refuse_count(view, candidates, (int)count, err);
    rank(candidates, view->device_count, capacity, over_subscribe);
    for (size_t i = 0; i < missing; i++) {
        if (append(ret, candidates[i].device, capacity, view->now) < 0)
            return error_no_memory(err);
    }
    sort_selection(ret);
    return 0;
}

/* The first attachment to a device that cannot be seen from here, or NULL. */
static const struct genv_attachment *find_unseen(const struct select_view *view)
{
    for (size_t i = 0; i < view->self->attachment_count; i++) {
        if (!device_find(view->devices, view->device_count, view->self->attachments[i].device.uuid))
            return &view->self->attachments[i];
    }
    return NULL;
}

static int refuse_unseen(const struct select_view *view, const struct genv_attachment *unseen, struct genv_error *err)
{
    return error_set(
        err, ENXIO,
        "device %s is attached to environment %s but not visible here: detach it first (genv detach --index %s)",
        unseen->device.uuid, view->self->eid, unseen->device.uuid);
}

int select_count(const struct select_view *view, int count, bool over_subscribe, struct selection *ret,
                 struct genv_error *err)
{
    const struct genv_attachment *unseen = find_unseen(view);
    cleanup_free struct candidate *candidates = examine_all(view);
    struct selection selection = {0};
    int r;

    if (!candidates)
        return error_no_memory(err);
    if (unseen)
        return refuse_unseen(view, unseen, err);
    r = select_more(view, candidates, (size_t)count, over_subscribe, &selection, err);
    if (r < 0) {
        free(selection.attachments);
        return r;
    }
    *ret = selection;
    return 0;
}

static int refuse_device(const struct select_view *view, const struct candidate *candidate, struct genv_error *err)
{
    static const char *const states[] = {
        [GENV_DEVICE_OK] = "has no UUID",
        [GENV_DEVICE_LOST] = "is lost: it fell off the bus or needs a reset",
        [GENV_DEVICE_FORBIDDEN] = "cannot be opened: permission denied",
        [GENV_DEVICE_FAILED] = "does not respond to the driver",
    };
    uint64_t capacity = view->self->config.gpu_memory;
    uint64_t total = candidate->device->total_memory;
    char holder[ENV_DESCRIPTION_SIZE], amount[GENV_AMOUNT_SIZE], held[GENV_AMOUNT_SIZE], size[GENV_AMOUNT_SIZE];
    unsigned index = candidate->device->index;

    if (!candidate->usable)
        return error_set(err, ENODEV, "device %u %s", index, states[candidate->device->state]);
    if (capacity && total == 0)
        return error_set(err, EBUSY, "device %u does not report its memory size: attach it without a memory capacity",
                         index);
    if (capacity) {
        genv_amount_format(capacity, amount);
        genv_amount_format(total - candidate->room, held);
        genv_amount_format(total, size);
        return error_set(err, EBUSY,
                         "device %u holds %s of %s; %s are needed: pick another device, wait, or attach it anyway (-o)",
                         index, held, size, amount);
    }
    env_describe(candidate->first, holder);
    return error_set(err, EBUSY, "device %u is held by %s: pick another device, wait, or attach it anyway (-o)", index,
                     holder);
}

static int copy_attachments(const struct genv_env *env, struct selection *ret)
{
    struct genv_attachment *attachments = calloc(env->attachment_count + 1, sizeof(*attachments));

    if (!attachments)
        return -ENOMEM;
    if (env->attachments)
        memcpy(attachments, env->attachments, env->attachment_count * sizeof(*attachments));
    *ret = (struct selection){.attachments = attachments, .count = env->attachment_count};
    return 0;
}

int select_device(const struct select_view *view, const char *name, bool over_subscribe, struct selection *ret,
                  struct genv_error *err)
{
    const struct genv_device *device = device_find_named(view->devices, view->device_count, name);
    struct selection selection = {0};
    struct candidate candidate;

    if (view->device_count == 0)
        return error_set(err, ENODEV, "there is no device %s: this machine has no devices", name);
    if (!device)
        return error_set(err, ENODEV, "there is no device %s: this machine has devices %u to %u", name,
                         view->devices[0].index, view->devices[view->device_count - 1].index);
    candidate = examine(view, (size_t)(device - view->devices), view->self->config.gpu_memory);
    if (!candidate.attached && candidate.usable && candidate.shut)
        return refuse_isolated(view, err);
    if (!candidate.attached && !(candidate.available || (candidate.usable && over_subscribe)))
        return refuse_device(view, &candidate, err);
    if (copy_attachments(view->self, &selection) < 0)
        return error_no_memory(err);
    if (!candidate.attached && append(&selection, candidate.device, view->self->config.gpu_memory, view->now) < 0) {
        free(selection.attachments);
        return error_no_memory(err);
    }
    sort_selection(&selection);
    *ret = selection;
    return 0;
}

/* Less than before takes nothing from anyone, however crowded the device is, which may be NULL: it cannot be seen. */
static bool is_less(uint64_t capacity, const struct genv_attachment *attachment, const struct genv_device *device)
{
    uint64_t total = device ? device->total_memory : UINT64_MAX;
    uint64_t before = attachment->gpu_memory ? attachment->gpu_memory : total;

    return capacity && capacity <= before;
}

int select_capacity(const struct select_view *view, uint64_t capacity, struct selection *ret, struct genv_error *err)
{
    const struct genv_attachment *unseen = find_unseen(view);

    if (unseen && !is_less(capacity, unseen, NULL))
        return refuse_unseen(view, unseen, err);
    for (size_t d = 0; d < view->device_count; d++) {
        struct candidate candidate = examine(view, d, capacity);
        char amount[GENV_AMOUNT_SIZE] = "the whole device", room[GENV_AMOUNT_SIZE];

        if (!candidate.attached || candidate.available || !candidate.usable)
            continue;
        if (is_less(capacity, genv_env_attachment(view->self, candidate.device->id.uuid), candidate.device))
            continue;
        if (capacity)
            genv_amount_format(capacity, amount);
        genv_amount_format(candidate.room, room);
        return error_set(
            err, EBUSY,
            "cannot raise the memory capacity on device %u to %s: other environments leave %s of it; detach "
            "the device first",
            candidate.device->index, amount, candidate.room ? room : "nothing");
    }
    if (copy_attachments(view->self, ret) < 0)
        return error_no_memory(err);
    for (size_t i = 0; i < ret->count; i++)
        ret->attachments[i].gpu_memory = capacity;
    return 0;
}

static bool strangers_use(const struct genv_snapshot *snapshot, const struct genv_device *device)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        if (!*process->eid && process_usage(process, device->id.uuid))
            return true;
    }
    return false;
}

size_t select_available(const struct genv_snapshot *snapshot, uint64_t capacity, size_t *ret_quiet)
{
    const struct genv_env nobody = {.config = {.gpus = -1, .gpu_memory = capacity}};
    const struct env_list envs = {snapshot->envs, snapshot->env_count};
    const struct select_view view = {.devices = snapshot->devices, .envs = &envs, .self = &nobody};
    size_t available = 0, quiet = 0;

    for (size_t d = 0; d < snapshot->device_count; d++) {
        if (!examine(&view, d, capacity).available)
            continue;
        available++;
        quiet += ret_quiet && !strangers_use(snapshot, &snapshot->devices[d]);
    }
    if (ret_quiet)
        *ret_quiet = quiet;
    return available;
}
