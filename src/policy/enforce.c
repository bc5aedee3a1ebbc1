/* Which rules are broken, and what would mend it: pure decisions over the snapshots of one machine or many. */
#include "policy/enforce.h"

#include <errno.h>
#include <string.h>

#include "policy/look.h"

static int compare_envs(const void *left, const void *right)
{
    const struct known_env *a = left, *b = right;
    int order = strcmp(a->env->eid, b->env->eid);

    if (order)
        return order;
    return a->env < b->env ? -1 : a->env > b->env; /* another host may tell of one twice: the first counts */
}

int look_begin(struct look *look, const struct genv_snapshot *snapshot, size_t host, struct violation_list *found)
{
    *look = (struct look){.snapshot = snapshot, .host = host, .found = found};
    look->envs = calloc(snapshot->env_count + 1, sizeof(*look->envs));
    if (!look->envs)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->env_count; i++)
        look->envs[i].env = &snapshot->envs[i];
    if (snapshot->env_count)
        qsort(look->envs, snapshot->env_count, sizeof(*look->envs), compare_envs);
    return uses_collect(snapshot, &look->uses);
}

void look_end(struct look *look)
{
    uses_release(&look->uses);
    free(look->envs);
}

/* genv_snapshot_env(), without going through all. */
static const struct genv_env *find_env(const struct look *look, const char *eid)
{
    const size_t count = look->snapshot->env_count;
    size_t first = 0, end = count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(look->envs[middle].env->eid, eid) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first < count && strcmp(look->envs[first].env->eid, eid) == 0 ? look->envs[first].env : NULL;
}

int look_add_process(const struct look *look, enum enforce_rule rule, const struct genv_gpu_process *process,
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
            r = look_add_process(look, RULE_NON_ENV_PROCESSES, process, &process->usages[0], 0, 0);
    }
    return r;
}

static int decide_env_devices(const struct look *look)
{
    int r = 0;

    for (size_t i = 0; i < look->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &look->snapshot->processes[i];
        const struct genv_env *env = *process->eid ? find_env(look, process->eid) : NULL;

        for (size_t k = 0; env && r == 0 && k < process->usage_count; k++) {
            const struct genv_usage *usage = &process->usages[k];

            if (*usage->uuid && !genv_env_attachment(env, usage->uuid))
                r = look_add_process(look, RULE_ENV_DEVICES, process, usage, 0, 0);
        }
    }
    return r;
}

static int compare_memory(const void *left, const void *right)
{
    const struct use *a = left, *b = right;

    if (a->usage->used_memory != b->usage->used_memory)
        return a->usage->used_memory > b->usage->used_memory ? -1 : 1;
    return a->process->pid > b->process->pid ? -1 : 1; /* the youngest, most likely */
}

/* Those of @uses whose memory is known, largest first, in @ret_known. Returns how much they use together. */
static uint64_t collect_known(const struct use *uses, size_t count, struct use *ret_known, size_t *ret_count)
{
    uint64_t total = 0;
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        if (uses[i].usage->used_memory == GENV_UNKNOWN_U64)
            continue;
        ret_known[known++] = uses[i];
        total += uses[i].usage->used_memory;
    }
    if (known)
        qsort(ret_known, known, sizeof(*ret_known), compare_memory);
    *ret_count = known;
    return total;
}

/* @known has room for all uses of the host. */
static int decide_memory_of(const struct look *look, const struct genv_env *env,
                            const struct genv_attachment *attachment, struct use *known)
{
    size_t count;
    const struct use *uses = uses_of(&look->uses, env->eid, attachment->device.uuid, &count);
    uint64_t used = collect_known(uses, count, known, &count), left = used;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count && left > attachment->gpu_memory; i++) {
        r = look_add_process(look, RULE_ENV_MEMORY, known[i].process, known[i].usage, used, attachment->gpu_memory);
        left -= known[i].usage->used_memory;
    }
    return r;
}

static int decide_env_memory(const struct look *look)
{
    cleanup_free struct use *known = calloc(look->uses.count + 1, sizeof(*known));
    int r = known ? 0 : -ENOMEM;

    for (size_t i = 0; i < look->snapshot->env_count; i++) {
        const struct genv_env *env = &look->snapshot->envs[i];

        for (size_t k = 0; r == 0 && k < env->attachment_count; k++) {
            if (env->attachments[k].gpu_memory && env->attachments[k].index >= 0)
                r = decide_memory_of(look, env, &env->attachments[k], known);
        }
    }
    return r;
}

static int decide_local(const struct enforce_request *request, const struct look *look)
{
    static int (*const local[])(const struct look *look) = {
        [RULE_NON_ENV_PROCESSES] = decide_non_env,
        [RULE_ENV_DEVICES] = decide_env_devices,
        [RULE_ENV_MEMORY] = decide_env_memory,
    };
    int r = 0;

    for (size_t rule = 0; r == 0 && rule < ARRAY_SIZE(local); rule++) {
        if (request->rules >> rule & 1)
            r = local[rule](look);
    }
    return r;
}

int enforce_decide(const struct enforce_request *request, struct violation_list *ret_list, struct genv_error *err)
{
    cleanup_free struct look *looks = calloc(request->host_count + 1, sizeof(*looks));
    cleanup_violation_list struct violation_list found = {0};
    int r = looks ? 0 : -ENOMEM;

    for (size_t h = 0; r == 0 && h < request->host_count; h++) {
        r = look_begin(&looks[h], request->hosts[h].snapshot, h, &found);
        if (r == 0)
            r = decide_local(request, &looks[h]);
    }
    if (r == 0)
        r = maxima_decide(request, looks);
    for (size_t h = 0; looks && h < request->host_count; h++)
        look_end(&looks[h]);
    if (r < 0)
        return error_no_memory(err);
    *ret_list = found;
    found = (struct violation_list){0};
    return 0;
}
