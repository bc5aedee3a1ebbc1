/* Which rules are broken, and what would mend it: pure decisions over the snapshots of one machine or many. */
#include "policy/enforce.h"

#include <errno.h>
#include <string.h>

#include "model/device.h"
#include "model/env.h"
#include "policy/holding.h"

/* What a decision about one host looks at. */
struct look {
    const struct genv_snapshot *snapshot;
    size_t host;
    struct violation_list *found;
};

static int add_process(const struct look *look, enum enforce_rule rule, const struct genv_gpu_process *process,
                       const struct genv_usage *usage, uint64_t used, uint64_t allowed)
{
    struct violation violation = {
        .rule = rule,
        .remedy = REMEDY_TERMINATE,
        .host = look->host,
        .index = usage->index,
        .uid = process->uid,
        .pid = process->pid,
        .start_time = process->start_time,
        .used = used,
        .allowed = allowed,
    };

    genv_gpu_process_username(process, violation.username);
    copy_string(violation.uuid, sizeof(violation.uuid), usage->uuid);
    copy_string(violation.eid, sizeof(violation.eid), process->eid);
    copy_string(violation.command, sizeof(violation.command), process->command);
    return violation_list_add(look->found, &violation);
}

static int decide_non_env(const struct look *look)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < look->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &look->snapshot->processes[i];

        /* Who can't be seen, in another PID namespace or by hidepid, can't be judged. */
        if (!*process->eid && process->usage_count && process->start_time)
            r = add_process(look, RULE_NON_ENV_PROCESSES, process, &process->usages[0], 0, 0);
    }
    return r;
}

static int decide_env_devices(const struct look *look)
{
    int r = 0;

    for (size_t i = 0; i < look->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &look->snapshot->processes[i];
        const struct genv_env *env = *process->eid ? genv_snapshot_env(look->snapshot, process->eid) : NULL;

        for (size_t k = 0; env && r == 0 && k < process->usage_count; k++) {
            const struct genv_usage *usage = &process->usages[k];

            if (*usage->uuid && !genv_env_attachment(env, usage->uuid))
                r = add_process(look, RULE_ENV_DEVICES, process, usage, 0, 0);
        }
    }
    return r;
}

struct use {
    const struct genv_gpu_process *process;
    const struct genv_usage *usage;
};

static int compare_uses(const void *left, const void *right)
{
    const struct use *a = left, *b = right;

    if (a->usage->used_memory != b->usage->used_memory)
        return a->usage->used_memory > b->usage->used_memory ? -1 : 1;
    return a->process->pid > b->process->pid ? -1 : 1; /* the youngest, most likely */
}

/* The processes of @env on the device, largest first. Returns how much they use together. */
static uint64_t collect_uses(const struct genv_snapshot *snapshot, const char *eid, const char *uuid, struct use *uses,
                             size_t *ret_count)
{
    uint64_t total = 0;
    size_t count = 0;

    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        const struct genv_usage *usage = process_usage(process, uuid);

        if (!usage || usage->used_memory == GENV_UNKNOWN_U64 || strcmp(process->eid, eid) != 0)
            continue;
        uses[count++] = (struct use){process, usage};
        total += usage->used_memory;
    }
    if (count)
        qsort(uses, count, sizeof(*uses), compare_uses);
    *ret_count = count;
    return total;
}

static int decide_memory_of(const struct look *look, const struct genv_env *env,
                            const struct genv_attachment *attachment, struct use *uses)
{
    size_t count;
    uint64_t used = collect_uses(look->snapshot, env->eid, attachment->device.uuid, uses, &count), left = used;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count && left > attachment->gpu_memory; i++) {
        r = add_process(look, RULE_ENV_MEMORY, uses[i].process, uses[i].usage, used, attachment->gpu_memory);
        left -= uses[i].usage->used_memory;
    }
    return r;
}

static int decide_env_memory(const struct look *look)
{
    cleanup_free struct use *uses = calloc(look->snapshot->process_count + 1, sizeof(*uses));
    int r = uses ? 0 : -ENOMEM;

    for (size_t i = 0; i < look->snapshot->env_count; i++) {
        const struct genv_env *env = &look->snapshot->envs[i];

        for (size_t k = 0; r == 0 && k < env->attachment_count; k++) {
            if (env->attachments[k].gpu_memory && env->attachments[k].index >= 0)
                r = decide_memory_of(look, env, &env->attachments[k], uses);
        }
    }
    return r;
}

/* The attachment of @env to the device goes, and its processes there. */
static int add_detachment(const struct look *look, enum enforce_rule rule, const struct genv_env *env,
                          const struct genv_attachment *attachment, uint64_t used, uint64_t allowed)
{
    struct violation violation = {
        .rule = rule,
        .remedy = REMEDY_DETACH,
        .host = look->host,
        .index = (unsigned)attachment->index,
        .uid = env->uid,
        .attached = attachment->time,
        .used = used,
        .allowed = allowed,
    };
    int r;

    genv_env_username(env, violation.username);
    copy_string(violation.uuid, sizeof(violation.uuid), attachment->device.uuid);
    copy_string(violation.eid, sizeof(violation.eid), env->eid);
    r = violation_list_add(look->found, &violation);
    for (size_t i = 0; r == 0 && i < look->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &look->snapshot->processes[i];
        const struct genv_usage *usage = process_usage(process, attachment->device.uuid);

        if (!usage || strcmp(process->eid, env->eid) != 0)
            continue;
        r = add_process(look, rule, process, usage, used, allowed);
        if (r == 0)
            look->found->items[look->found->count - 1].attached = attachment->time;
    }
    return r;
}

typedef char username_t[GENV_USERNAME_SIZE];

/* A maximum under examination, for all users. */
struct maximum {
    const struct enforce_request *request;
    enum enforce_rule rule;
    struct violation_list *found;
    username_t *owners; /* of each environment, host after host */
    size_t *first;      /* per host, where its environments' owners begin */
};

static bool is_users(const struct maximum *maximum, size_t host, size_t env, const char *username)
{
    return strcmp(maximum->owners[maximum->first[host] + env], username) == 0;
}

/* All that the user has on @held goes. */
static int release(const struct maximum *maximum, const struct held_device *held, const char *username, uint64_t used,
                   uint64_t allowed)
{
    const struct look look = {maximum->request->hosts[held->host].snapshot, held->host, maximum->found};
    int r = 0;

    for (size_t i = 0; r == 0 && i < look.snapshot->env_count; i++) {
        const struct genv_env *env = &look.snapshot->envs[i];
        const struct genv_attachment *attachment = genv_env_attachment(env, held->device->id.uuid);

        if (attachment && is_users(maximum, held->host, i, username))
            r = add_detachment(&look, maximum->rule, env, attachment, used, allowed);
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

static int collect_holding(const struct maximum *maximum, const char *username, struct holding *holding)
{
    int r = 0;

    for (size_t h = 0; h < maximum->request->host_count; h++) {
        const struct genv_snapshot *snapshot = maximum->request->hosts[h].snapshot;

        for (size_t i = 0; r == 0 && i < snapshot->env_count; i++) {
            if (is_users(maximum, h, i, username))
                r = holding_add(holding, h, &snapshot->envs[i], snapshot->devices, snapshot->device_count);
        }
    }
    return r;
}

/* A device counts once: all that the user has on it goes. */
static int decide_devices(const struct maximum *maximum, struct holding *holding, const char *username,
                          uint64_t allowed)
{
    const uint64_t used = holding_total(holding, LIMIT_DEVICES);
    uint64_t left = used;
    int r = 0;

    if (holding->count)
        qsort(holding->devices, holding->count, sizeof(*holding->devices), compare_held);
    for (size_t i = 0; r == 0 && i < holding->count && left > allowed; i++, left--)
        r = release(maximum, &holding->devices[i], username, used, allowed);
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
    for (size_t i = 0; r == 0 && i < holding->claim_count && left > allowed; i++) {
        const struct claim *claim = &holding->claims[i];
        const struct look look = {maximum->request->hosts[claim->host].snapshot, claim->host, maximum->found};

        r = add_detachment(&look, maximum->rule, claim->env, claim->attachment, used, allowed);
        left -= holding_memory(holding, i, claim->device) - holding_memory(holding, i + 1, claim->device);
    }
    return r;
}

static int decide_for_user(const struct maximum *maximum, const char *username)
{
    const struct allowance allowance = maximum->request->allowance(username, maximum->request->data);
    cleanup_holding struct holding holding = {0};
    int r = collect_holding(maximum, username, &holding);

    if (r < 0)
        return r;
    return maximum->rule == RULE_MAX_DEVICES
               ? decide_devices(maximum, &holding, username, allowance.maximum[LIMIT_DEVICES])
               : decide_memory(maximum, &holding, allowance.maximum[LIMIT_MEMORY]);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Every user who has an environment anywhere, in the order of their names. */
static int decide_maximum(const struct enforce_request *request, enum enforce_rule rule, struct violation_list *found)
{
    cleanup_free size_t *first = calloc(request->host_count + 1, sizeof(*first));
    cleanup_free username_t *owners = NULL, *users = NULL;
    struct maximum maximum = {.request = request, .rule = rule, .found = found, .first = first};
    size_t count = 0;
    int r = 0;

    for (size_t h = 0; first && h < request->host_count; h++) {
        first[h] = count;
        count += request->hosts[h].snapshot->env_count;
    }
    maximum.owners = owners = calloc(count + 1, sizeof(*owners));
    users = calloc(count + 1, sizeof(*users));
    if (!first || !owners || !users)
        return -ENOMEM;
    for (size_t h = 0; h < request->host_count; h++) {
        for (size_t i = 0; i < request->hosts[h].snapshot->env_count; i++)
            genv_env_username(&request->hosts[h].snapshot->envs[i], owners[first[h] + i]);
    }
    memcpy(users, owners, count * sizeof(*users));
    qsort(users, count, sizeof(*users), compare_names);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (*users[i] && (i == 0 || strcmp(users[i - 1], users[i]) != 0)) /* "": nobody's, as far as one can tell */
            r = decide_for_user(&maximum, users[i]);
    }
    return r;
}

int enforce_decide(const struct enforce_request *request, struct violation_list *ret_list, struct genv_error *err)
{
    static int (*const local[])(const struct look *look) = {
        [RULE_NON_ENV_PROCESSES] = decide_non_env,
        [RULE_ENV_DEVICES] = decide_env_devices,
        [RULE_ENV_MEMORY] = decide_env_memory,
    };
    cleanup_violation_list struct violation_list found = {0};
    int r = 0;

    for (size_t h = 0; h < request->host_count; h++) {
        const struct look look = {request->hosts[h].snapshot, h, &found};

        for (size_t rule = 0; r == 0 && rule < ARRAY_SIZE(local); rule++) {
            if (request->rules >> rule & 1)
                r = local[rule](&look);
        }
    }
    for (enum enforce_rule rule = RULE_MAX_DEVICES; r == 0 && rule <= RULE_MAX_MEMORY; rule++) {
        if (request->rules >> rule & 1)
            r = decide_maximum(request, rule, &found);
    }
    if (r < 0)
        return error_no_memory(err);
    *ret_list = found;
    found = (struct violation_list){0};
    return 0;
}
