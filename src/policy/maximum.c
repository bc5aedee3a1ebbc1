/* What breaks the maximum of a user, over all hosts together, and what is to go. */
#include <errno.h>
#include <string.h>

#include "model/env.h"
#include "policy/holding.h"
#include "policy/look.h"

/* An environment and whose it is. */
struct owned {
    const struct look *look;
    const struct genv_env *env;
    char username[GENV_USERNAME_SIZE];
};

/* The maximum of one user under examination. */
struct maximum {
    enum enforce_rule rule;
    const struct look *looks;
    const struct owned *owned; /* the user's environments, host after host */
    size_t owned_count;
};

/* The attachment of @env to the device goes, and its processes there. */
static int add_detachment(const struct maximum *maximum, const struct look *look, const struct genv_env *env,
                          const struct genv_attachment *attachment, uint64_t used, uint64_t allowed)
{
    struct violation violation = {
        .rule = maximum->rule,
        .remedy = REMEDY_DETACH,
        .host = look->host,
        .index = (unsigned)attachment->index,
        .uid = env->uid,
        .attached = attachment->time,
        .used = used,
        .allowed = allowed,
    };
    size_t count;
    const struct use *uses = uses_of(&look->uses, env->eid, attachment->device.uuid, &count);
    int r;

    copy_string(violation.username, sizeof(violation.username), maximum->owned->username);
    copy_string(violation.uuid, sizeof(violation.uuid), attachment->device.uuid);
    copy_string(violation.eid, sizeof(violation.eid), env->eid);
    r = violation_list_add(look->found, &violation);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = look_add_process(look, maximum->rule, uses[i].process, uses[i].usage, used, allowed);
        if (r == 0)
            look->found->items[look->found->count - 1].attached = attachment->time;
    }
    return r;
}

/* All that the user has on @held goes. */
static int release(const struct maximum *maximum, const struct held_device *held, uint64_t used, uint64_t allowed)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < maximum->owned_count; i++) {
        const struct owned *owned = &maximum->owned[i];
        const struct genv_attachment *attachment =
            owned->look->host == held->host ? genv_env_attachment(owned->env, held->device->id.uuid) : NULL;

        if (attachment)
            r = add_detachment(maximum, owned->look, owned->env, attachment, used, allowed);
    }
    return r;
}

/* The devices that a user has held for the shortest time first. Of those of one moment the UUID decides, and never the
 * index: who was warned is whom it meets, though a device before theirs has failed meanwhile. */
static int compare_held(const void *left, const void *right)
{
    const struct held_device *a = left, *b = right;

    if (a->since.tv_sec != b->since.tv_sec)
        return a->since.tv_sec > b->since.tv_sec ? -1 : 1;
    if (a->since.tv_nsec != b->since.tv_nsec)
        return a->since.tv_nsec > b->since.tv_nsec ? -1 : 1;
    if (a->host != b->host)
        return a->host > b->host ? -1 : 1;
    return strcmp(b->device->id.uuid, a->device->id.uuid);
}

static int collect_holding(const struct maximum *maximum, struct holding *holding)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < maximum->owned_count; i++) {
        const struct owned *owned = &maximum->owned[i];
        const struct genv_snapshot *snapshot = owned->look->snapshot;

        r = holding_add(holding, owned->look->host, owned->env, snapshot->devices, snapshot->device_count);
    }
    return r;
}

/* A device counts once: all that the user has on it goes. */
static int decide_devices(const struct maximum *maximum, struct holding *holding, uint64_t allowed)
{
    const uint64_t used = holding_total(holding, LIMIT_DEVICES);
    uint64_t left = used;
    int r = 0;

    if (holding->count)
        qsort(holding->devices, holding->count, sizeof(*holding->devices), compare_held);
    for (size_t i = 0; r == 0 && i < holding->count && left > allowed; i++, left--)
        r = release(maximum, &holding->devices[i], used, allowed);
    return r;
}

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    const struct held_device first = {.host = a->host, .device = a->device, .since = a->attachment->time};
    const struct held_device second = {.host = b->host, .device = b->device, .since = b->attachment->time};
    int order = compare_held(&first, &second);

    return order ? order : strcmp(b->env->eid, a->env->eid);
}

/* Of the memory of one device each attachment has its part, and those that go are no more than it takes. */
static int decide_memory(const struct maximum *maximum, struct holding *holding, uint64_t allowed)
{
    const uint64_t used = holding_total(holding, LIMIT_MEMORY);
    uint64_t left = used;
    int r = 0;

    if (holding->claim_count)
        qsort(holding->claims, holding->claim_count, sizeof(*holding->claims), compare_claims);
    holding_share(holding);
    for (size_t i = 0; r == 0 && i < holding->claim_count && left > allowed; i++) {
        const struct claim *claim = &holding->claims[i];

        r = add_detachment(maximum, &maximum->looks[claim->host], claim->env, claim->attachment, used, allowed);
        left -= claim->share;
    }
    return r;
}

static int decide_for_user(const struct enforce_request *request, const struct maximum *maximum)
{
    const struct allowance allowance = request->allowance(maximum->owned->username, request->data);
    cleanup_holding struct holding holding = {0};
    int r = collect_holding(maximum, &holding);

    if (r < 0)
        return r;
    return maximum->rule == RULE_MAX_DEVICES ? decide_devices(maximum, &holding, allowance.maximum[LIMIT_DEVICES])
                                             : decide_memory(maximum, &holding, allowance.maximum[LIMIT_MEMORY]);
}

/* Those of one user on one host together, whose name is asked for once. */
static int compare_uids(const void *left, const void *right)
{
    const struct owned *a = left, *b = right;

    if (a->look != b->look)
        return a->look < b->look ? -1 : 1;
    if (a->env->uid != b->env->uid)
        return a->env->uid < b->env->uid ? -1 : 1;
    return strcmp(a->env->username, b->env->username);
}

static int compare_owned(const void *left, const void *right)
{
    const struct owned *a = left, *b = right;
    int order = strcmp(a->username, b->username);

    if (order)
        return order;
    if (a->look != b->look)
        return a->look < b->look ? -1 : 1;
    return a->env < b->env ? -1 : a->env > b->env;
}

/* All environments, by the names of their users. free() them; NULL: out of memory. */
static struct owned *collect_owned(const struct enforce_request *request, const struct look *looks, size_t *ret_count)
{
    struct owned *owned;
    size_t count = 0, filled = 0;

    for (size_t h = 0; h < request->host_count; h++)
        count += looks[h].snapshot->env_count;
    owned = calloc(count + 1, sizeof(*owned));
    if (!owned)
        return NULL;
    for (size_t h = 0; h < request->host_count; h++) {
        for (size_t i = 0; i < looks[h].snapshot->env_count; i++)
            owned[filled++] = (struct owned){.look = &looks[h], .env = &looks[h].snapshot->envs[i]};
    }
    if (count)
        qsort(owned, count, sizeof(*owned), compare_uids);
    for (size_t i = 0; i < count; i++) {
        if (i && compare_uids(&owned[i - 1], &owned[i]) == 0)
            copy_string(owned[i].username, sizeof(owned[i].username), owned[i - 1].username);
        else
            genv_env_username(owned[i].env, owned[i].username);
    }
    if (count)
        qsort(owned, count, sizeof(*owned), compare_owned);
    *ret_count = count;
    return owned;
}

/* Every user who has an environment anywhere, in the order of their names. */
static int decide_maximum(const struct enforce_request *request, const struct look *looks, enum enforce_rule rule,
                          const struct owned *owned, size_t count)
{
    int r = 0;

    for (size_t first = 0, own; r == 0 && first < count; first += own) {
        struct maximum maximum = {.rule = rule, .looks = looks, .owned = &owned[first]};

        for (own = 1; first + own < count && strcmp(owned[first].username, owned[first + own].username) == 0;)
            own++;
        maximum.owned_count = own;
        if (*owned[first].username) /* "": nobody's, as far as one can tell */
            r = decide_for_user(request, &maximum);
    }
    return r;
}

int maxima_decide(const struct enforce_request *request, const struct look *looks)
{
    cleanup_free struct owned *owned = NULL;
    size_t count = 0;
    int r = 0;

    if (!(request->rules & (1U << RULE_MAX_DEVICES | 1U << RULE_MAX_MEMORY)))
        return 0;
    owned = collect_owned(request, looks, &count);
    if (!owned)
        return -ENOMEM;
    for (enum enforce_rule rule = RULE_MAX_DEVICES; r == 0 && rule <= RULE_MAX_MEMORY; rule++) {
        if (request->rules >> rule & 1)
            r = decide_maximum(request, looks, rule, owned, count);
    }
    return r;
}
