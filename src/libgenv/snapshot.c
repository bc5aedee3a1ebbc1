/* Everything at once: environments, devices, live figures, processes. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/text.h"
#include "libgenv/handle.h"
#include "model/record.h"
#include "policy/select.h"
#include "store/membership.h"

static int load_envs(struct genv *g, struct genv_snapshot *snapshot, struct genv_error *err)
{
    struct env_list list = {0};
    int r = handle_begin(g, STORE_READ, &list, err);

    if (r == 0)
        handle_end(g);
    snapshot->envs = list.envs;
    snapshot->env_count = list.count;
    return r;
}

static bool any_attached(const struct genv_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->env_count; i++) {
        if (snapshot->envs[i].attachment_count)
            return true;
    }
    return false;
}

static void resolve_indices(struct genv_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->env_count; i++)
        env_resolve_indices(&snapshot->envs[i], snapshot->devices, snapshot->device_count);
}

/* Another machine tells of its environments itself: here they matter where one holds a device of this machine. */
static void drop_those_elsewhere(struct genv_snapshot *snapshot)
{
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->env_count; i++) {
        struct genv_env *env = &snapshot->envs[i];

        if (record_origin(env) == RECORD_ELSEWHERE && env->attachments[env->attachment_count - 1].index < 0)
            env_release(env);
        else
            snapshot->envs[kept++] = *env;
    }
    snapshot->env_count = kept;
}

static int compare_processes(const void *left, const void *right)
{
    const struct driver_process *a = left, *b = right;

    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void describe_process(struct genv_gpu_process *process, pid_t pid, const struct membership *membership)
{
    const struct genv_env *env = membership_look_up(membership, pid);
    struct proc_stat stat;

    process->pid = pid;
    process->uid = proc_uid(pid);
    if (proc_stat_read(pid, &stat) == 0)
        process->start_time = stat.start_time;
    if (env)
        copy_string(process->eid, sizeof(process->eid), env->eid);
    proc_command(pid, process->command, sizeof(process->command));
}

static void describe_usage(struct genv_usage *usage, const struct driver_process *use)
{
    usage->index = use->index;
    usage->used_memory = use->used_memory;
    copy_string(usage->uuid, sizeof(usage->uuid), use->uuid);
}

/* One entry a process out of one entry a process and device; @uses is sorted. */
static int merge_processes(struct genv_snapshot *snapshot, const struct driver_process *uses, size_t count)
{
    const struct env_list envs = {snapshot->envs, snapshot->env_count};
    cleanup_membership struct membership membership = {.count = 0};

    snapshot->processes = calloc(count + 1, sizeof(*snapshot->processes));
    if (!snapshot->processes || membership_index(&membership, &envs) < 0)
        return -ENOMEM;
    for (size_t i = 0, same; i < count; i += same) {
        struct genv_gpu_process *process = &snapshot->processes[snapshot->process_count];

        for (same = 1; i + same < count && uses[i + same].pid == uses[i].pid;)
            same++;
        process->usages = calloc(same, sizeof(*process->usages));
        if (!process->usages)
            return -ENOMEM;
        snapshot->process_count++;
        describe_process(process, uses[i].pid, &membership);
        process->usage_count = same;
        for (size_t k = 0; k < same; k++)
            describe_usage(&process->usages[k], &uses[i + k]);
    }
    return 0;
}

/* The versions of all drivers. */
static void name_drivers(struct genv_snapshot *snapshot, const struct driver_answer *answer)
{
    char *name = snapshot->driver;

    for (size_t i = 0; i < answer->part_count; i++) {
        size_t length = strlen(name);

        snprintf(name + length, sizeof(snapshot->driver) - length, "%s%s", i ? ", " : "", answer->parts[i].version);
    }
}

static int take_answer(struct genv *g, struct driver_answer *answer, struct genv_snapshot *snapshot,
                       struct genv_error *err)
{
    for (size_t i = 0; i < answer->complaint_count; i++)
        handle_warn(g, "%s", answer->complaints[i].message);
    name_drivers(snapshot, answer);
    snapshot->devices = STEAL_POINTER(answer->devices);
    snapshot->device_count = answer->device_count;
    if (answer->process_count)
        qsort(answer->processes, answer->process_count, sizeof(*answer->processes), compare_processes);
    return merge_processes(snapshot, answer->processes, answer->process_count) < 0 ? error_no_memory(err) : 0;
}

/* Whether there is something to tell without the driver's word, which failed with @r. */
static bool does_without(enum genv_depth depth, int r)
{
    if (r == -EINVAL || r == -ECANCELED || r == -ENOMEM) /* GENV_DEVICES is wrong, or nobody wants to know any more */
        return false;
    return depth < GENV_DEPTH_COMPLETE || r == -ENODEV;
}

static int load_live(struct genv *g, enum genv_depth depth, struct genv_snapshot *snapshot, struct genv_error *err)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    struct genv_error reason = {0};
    int r = driver_ask(&g->gate, ANSWER_SAMPLES | ANSWER_PROCESSES, g->driver_timeout_ms, &answer, &reason);

    if (r == 0)
        return take_answer(g, &answer, snapshot, err);
    if (does_without(depth, r)) { /* a host without devices still has environments to tell of */
        handle_warn(g, "%s", reason.message);
        return 0;
    }
    if (err)
        *err = reason;
    return r;
}

static int fill(struct genv *g, enum genv_depth depth, struct genv_snapshot *snapshot, struct genv_error *err)
{
    int r = load_envs(g, snapshot, err);

    if (r < 0)
        return r;
    if (depth >= GENV_DEPTH_LIVE)
        r = load_live(g, depth, snapshot, err);
    else if (depth == GENV_DEPTH_DEVICES)
        r = handle_devices(g, &snapshot->devices, &snapshot->device_count, err);
    else if (any_attached(snapshot))
        handle_indices(g, &snapshot->devices, &snapshot->device_count);
    if (r < 0)
        return r;
    if (snapshot->device_count) /* else the indices of the records are the best there is */
        resolve_indices(snapshot);
    drop_those_elsewhere(snapshot);
    return 0;
}

GENV_PUBLIC int genv_snapshot_take(struct genv *g, enum genv_depth depth, struct genv_snapshot **ret_snapshot,
                                   struct genv_error *err)
{
    struct genv_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    int r;

    if (!snapshot)
        return error_no_memory(err);
    snapshot->time = clock_now();
    proc_hostname(snapshot->hostname, sizeof(snapshot->hostname));
    r = fill(g, depth, snapshot, err);
    if (r < 0) {
        genv_snapshot_free(snapshot);
        return r;
    }
    *ret_snapshot = snapshot;
    return 0;
}

GENV_PUBLIC size_t genv_snapshot_available(const struct genv_snapshot *snapshot, uint64_t gpu_memory)
{
    return select_available(snapshot, gpu_memory, NULL);
}
