/* What a user's environments hold, on one host or many. */
#include "policy/holding.h"

#include <errno.h>
#include <string.h>

void holding_release(struct holding *holding)
{
    free(holding->devices);
    free(holding->claims);
    *holding = (struct holding){0};
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

static struct held_device *find(const struct holding *holding, const struct genv_device *device)
{
    for (size_t i = 0; i < holding->count; i++) {
        if (holding->devices[i].device == device)
            return &holding->devices[i];
    }
    return NULL;
}

static struct held_device *find_or_add(struct holding *holding, size_t host, const struct genv_device *device,
                                       struct timespec since)
{
    struct held_device *held = find(holding, device), *grown;

    if (held)
        return held;
    grown = reallocarray(holding->devices, holding->count + 1, sizeof(*grown));
    if (!grown)
        return NULL;
    holding->devices = grown;
    held = &grown[holding->count++];
    *held = (struct held_device){.host = host, .device = device, .since = since};
    return held;
}

static int add_claim(struct holding *holding, const struct claim *claim)
{
    struct claim *grown = reallocarray(holding->claims, holding->claim_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    holding->claims = grown;
    grown[holding->claim_count++] = *claim;
    return 0;
}

/* @held bytes of the device, and what the attachment takes of it; never more than it has. */
static uint64_t add_capacity(uint64_t held, const struct genv_attachment *attachment, const struct genv_device *device)
{
    uint64_t total = device->total_memory, memory = attachment->gpu_memory ? attachment->gpu_memory : total;
    uint64_t most = total ? total : UINT64_MAX; /* unknown: a capacity counts nevertheless */

    return memory < most - held ? held + memory : most;
}

int holding_add(struct holding *holding, size_t host, const struct genv_env *env, const struct genv_device *devices,
                size_t device_count)
{
    for (size_t d = 0; d < device_count; d++) {
        const struct genv_attachment *attachment =
            *devices[d].id.uuid ? genv_env_attachment(env, devices[d].id.uuid) : NULL;
        struct held_device *held;

        if (!attachment)
            continue;
        held = find_or_add(holding, host, &devices[d], attachment->time);
        if (!held || add_claim(holding, &(struct claim){host, &devices[d], env, attachment, 0}) < 0)
            return -ENOMEM;
        if (is_before(attachment->time, held->since))
            held->since = attachment->time;
        held->memory = add_capacity(held->memory, attachment, &devices[d]);
    }
    return 0;
}

uint64_t held_device_share(const struct held_device *held, enum limit_kind kind)
{
    return kind == LIMIT_DEVICES ? 1 : held->memory;
}

uint64_t holding_total(const struct holding *holding, enum limit_kind kind)
{
    uint64_t total = 0;

    for (size_t i = 0; i < holding->count; i++)
        total += held_device_share(&holding->devices[i], kind);
    return total;
}

void holding_share(struct holding *holding)
{
    for (size_t i = 0; i < holding->count; i++)
        holding->devices[i].memory = 0;
    for (size_t i = holding->claim_count; i-- > 0;) {
        struct claim *claim = &holding->claims[i];
        struct held_device *held = find(holding, claim->device);
        uint64_t before = held->memory;

        held->memory = add_capacity(before, claim->attachment, claim->device);
        claim->share = held->memory - before;
    }
}
