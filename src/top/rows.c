/* The rows of the panes: filtered and sorted. */
#include "top/rows.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int compare_eids(const void *left, const void *right)
{
    const struct env_row *const *a = left, *const *b = right;

    return strcmp((*a)->env->eid, (*b)->env->eid);
}

static int compare_users(const void *left, const void *right)
{
    const struct env_row *const *a = left, *const *b = right;

    return strcmp((*a)->user, (*b)->user);
}

/* @sorted: all environments by identifier. */
static struct env_row *find_env(struct env_row *const *sorted, size_t count, const char *eid)
{
    size_t low = 0, high = count;

    while (low < high && *eid) {
        size_t middle = (low + high) / 2;
        int order = strcmp(eid, sorted[middle]->env->eid);

        if (order == 0)
            return sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static struct device_row *find_device(struct rows *rows, unsigned index)
{
    size_t low = 0, high = rows->totals[PANE_DEVICES];

    while (low < high) {
        size_t middle = (low + high) / 2;
        unsigned found = rows->devices[middle].device->index;

        if (found == index)
            return &rows->devices[middle];
        if (index < found)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool matches_user(const struct choice *choice, const char *user)
{
    return !*choice->user || strcasestr(user, choice->user);
}

static bool matches_env(const struct choice *choice, const struct env_row *row)
{
    if (!*choice->env)
        return true;
    if (!row)
        return false;
    if (choice->exact_env)
        return strcmp(row->env->eid, choice->env) == 0;
    return strcasestr(row->env->eid, choice->env) || strcasestr(row->env->config.name, choice->env);
}

static int allocate(const struct genv_snapshot *snapshot, struct rows *rows)
{
    size_t attachments = 0;

    for (size_t i = 0; i < snapshot->env_count; i++)
        attachments += snapshot->envs[i].attachment_count;
    rows->devices = calloc(snapshot->device_count + 1, sizeof(*rows->devices));
    rows->all_envs = calloc(snapshot->env_count + 1, sizeof(*rows->all_envs));
    rows->envs = calloc(snapshot->env_count + 1, sizeof(struct env_row *));
    rows->processes = calloc(snapshot->process_count + 1, sizeof(*rows->processes));
    rows->holders = calloc(attachments + 1, sizeof(struct env_row *));
    rows->used = calloc(attachments + 1, sizeof(*rows->used));
    if (!rows->devices || !rows->all_envs || !rows->envs || !rows->processes || !rows->holders || !rows->used)
        return -ENOMEM;
    rows->totals[PANE_DEVICES] = snapshot->device_count;
    rows->totals[PANE_ENVS] = snapshot->env_count;
    rows->totals[PANE_PROCESSES] = snapshot->process_count;
    return 0;
}

/* Environments as the snapshot has them, and the count of each device's holders. */
static void add_envs(const struct genv_snapshot *snapshot, struct rows *rows)
{
    uint64_t *used = rows->used;

    for (size_t i = 0; i < snapshot->env_count; i++) {
        struct env_row *row = &rows->all_envs[i];

        row->env = &snapshot->envs[i];
        genv_env_username(row->env, row->user);
        row->used_on = used;
        used += row->env->attachment_count;
        rows->envs[i] = row;
        for (size_t k = 0; k < row->env->attachment_count; k++) {
            struct device_row *device = find_device(rows, (unsigned)row->env->attachments[k].index);

            if (device)
                device->holder_count++;
        }
    }
}

static void add_holders(struct rows *rows, const struct choice *choice)
{
    struct env_row **holders = rows->holders;

    for (size_t i = 0; i < rows->totals[PANE_DEVICES]; i++) {
        rows->devices[i].holders = holders;
        holders += rows->devices[i].holder_count;
        rows->devices[i].holder_count = 0;
    }
    for (size_t i = 0; i < rows->totals[PANE_ENVS]; i++) {
        struct env_row *row = &rows->all_envs[i];

        for (size_t k = 0; k < row->env->attachment_count; k++) {
            struct device_row *device = find_device(rows, (unsigned)row->env->attachments[k].index);

            if (!device)
                continue;
            device->holders[device->holder_count++] = row;
            device->wanted = device->wanted || (matches_user(choice, row->user) && matches_env(choice, row));
        }
    }
}

static void add_usage(struct env_row *row, const struct genv_usage *usage)
{
    const struct genv_attachment *attachment = genv_env_attachment(row->env, usage->uuid);

    if (usage->used_memory == GENV_UNKNOWN_U64)
        return;
    row->used_memory += usage->used_memory;
    if (attachment) {
        uint64_t *used = &row->used_on[attachment - row->env->attachments];

        *used += usage->used_memory;
        row->over = row->over || (attachment->gpu_memory && *used > attachment->gpu_memory);
    }
}

static void add_process(struct rows *rows, const struct choice *choice, const struct genv_gpu_process *process,
                        struct env_row *env)
{
    struct process_row row = {.process = process, .env = env, .used_memory = GENV_UNKNOWN_U64};
    bool wanted;

    genv_gpu_process_username(process, row.user);
    wanted = matches_user(choice, row.user) && matches_env(choice, env);
    if (env)
        env->process_count++;
    for (size_t i = 0; i < process->usage_count; i++) {
        const struct genv_usage *usage = &process->usages[i];
        struct device_row *device = find_device(rows, usage->index);

        if (usage->used_memory != GENV_UNKNOWN_U64)
            row.used_memory = usage->used_memory + (row.used_memory == GENV_UNKNOWN_U64 ? 0 : row.used_memory);
        if (env)
            add_usage(env, usage);
        if (device && !env)
            device->strangers++;
        if (device)
            device->wanted = device->wanted || wanted;
    }
    if (wanted)
        rows->processes[rows->counts[PANE_PROCESSES]++] = row;
}

/* Drops what the filters don't let through; @sorted is all environments. */
static void filter(struct rows *rows, const struct choice *choice)
{
    for (size_t i = 0; i < rows->totals[PANE_DEVICES]; i++) {
        if (rows->devices[i].wanted || (!*choice->user && !*choice->env))
            rows->devices[rows->counts[PANE_DEVICES]++] = rows->devices[i];
    }
    for (size_t i = 0; i < rows->totals[PANE_ENVS]; i++) {
        struct env_row *row = &rows->all_envs[i];

        if (matches_user(choice, row->user) && matches_env(choice, row))
            rows->envs[rows->counts[PANE_ENVS]++] = row;
    }
}

static size_t count_users(struct env_row **envs, size_t count)
{
    size_t users = 0;

    qsort(envs, count, sizeof(struct env_row *), compare_users);
    for (size_t i = 0; i < count; i++)
        users += i == 0 || strcmp(envs[i - 1]->user, envs[i]->user) != 0;
    return users;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* An unknown amount comes behind all others, the largest first. */
static int compare_amounts(uint64_t a, uint64_t b)
{
    a = a == GENV_UNKNOWN_U64 ? 0 : a + 1;
    b = b == GENV_UNKNOWN_U64 ? 0 : b + 1;
    return COMPARE(b, a);
}

static int compare_devices(const void *left, const void *right, void *data)
{
    const struct genv_device *a = ((const struct device_row *)left)->device,
                             *b = ((const struct device_row *)right)->device;
    const struct choice *choice = data;
    int order = 0;

    switch ((enum device_sort)choice->panes[PANE_DEVICES].sort) {
    case DEVICE_MEMORY:
        order = compare_amounts(a->sample.used_memory, b->sample.used_memory);
        break;
    case DEVICE_USE:
        order = COMPARE(b->sample.utilization, a->sample.utilization);
        break;
    case DEVICE_TEMPERATURE:
        order = COMPARE(b->sample.temperature, a->sample.temperature);
        break;
    case DEVICE_POWER:
        order = COMPARE(b->sample.power_mw, a->sample.power_mw);
        break;
    case DEVICE_INDEX:
    case DEVICE_SORT_COUNT:
        break;
    }
    if (!order)
        order = COMPARE(a->index, b->index);
    return choice->panes[PANE_DEVICES].reverse ? -order : order;
}

static int compare_times(struct timespec a, struct timespec b)
{
    int order = COMPARE(a.tv_sec, b.tv_sec);

    return order ? order : COMPARE(a.tv_nsec, b.tv_nsec);
}

static int compare_env_rows(const void *left, const void *right, void *data)
{
    const struct env_row *a = *(struct env_row *const *)left, *b = *(struct env_row *const *)right;
    const struct choice *choice = data;
    int order = 0;

    switch ((enum env_sort)choice->panes[PANE_ENVS].sort) {
    case ENV_ID:
        order = strverscmp(a->env->eid, b->env->eid);
        break;
    case ENV_USER:
        order = strcmp(a->user, b->user);
        break;
    case ENV_NAME:
        order = strcmp(a->env->config.name, b->env->config.name);
        break;
    case ENV_DEVICES:
        order = COMPARE(b->env->attachment_count, a->env->attachment_count);
        break;
    case ENV_MEMORY:
        order = compare_amounts(a->used_memory, b->used_memory);
        break;
    case ENV_PROCESSES:
        order = COMPARE(b->process_count, a->process_count);
        break;
    case ENV_AGE:
    case ENV_SORT_COUNT:
        break;
    }
    if (!order)
        order = compare_times(b->env->created, a->env->created);
    if (!order)
        order = strverscmp(a->env->eid, b->env->eid);
    return choice->panes[PANE_ENVS].reverse ? -order : order;
}

static int compare_process_rows(const void *left, const void *right, void *data)
{
    const struct process_row *a = left, *b = right;
    const struct choice *choice = data;
    int order = 0;

    switch ((enum process_sort)choice->panes[PANE_PROCESSES].sort) {
    case PROCESS_USER:
        order = strcmp(a->user, b->user);
        break;
    case PROCESS_ENV:
        order = strverscmp(a->process->eid, b->process->eid);
        break;
    case PROCESS_DEVICES:
        order = COMPARE(a->process->usage_count ? a->process->usages[0].index : UINT32_MAX,
                        b->process->usage_count ? b->process->usages[0].index : UINT32_MAX);
        break;
    case PROCESS_MEMORY:
        order = compare_amounts(a->used_memory, b->used_memory);
        break;
    case PROCESS_COMMAND:
        order = strcmp(a->process->command, b->process->command);
        break;
    case PROCESS_PID:
    case PROCESS_SORT_COUNT:
        break;
    }
    if (!order)
        order = COMPARE(a->process->pid, b->process->pid);
    return choice->panes[PANE_PROCESSES].reverse ? -order : order;
}

/* qsort_r() does not write to what it hands on. */
static void sort(struct rows *rows, const struct choice *choice)
{
    struct choice copy = *choice;

    qsort_r(rows->devices, rows->counts[PANE_DEVICES], sizeof(*rows->devices), compare_devices, &copy);
    qsort_r(rows->envs, rows->counts[PANE_ENVS], sizeof(struct env_row *), compare_env_rows, &copy);
    qsort_r(rows->processes, rows->counts[PANE_PROCESSES], sizeof(*rows->processes), compare_process_rows, &copy);
}

int rows_make(const struct genv_snapshot *snapshot, const struct choice *choice, struct rows *ret_rows)
{
    static const struct genv_snapshot nothing;
    struct rows rows = {.user_count = 0};

    snapshot = snapshot ? snapshot : &nothing;
    if (allocate(snapshot, &rows) < 0) {
        rows_release(&rows);
        return -ENOMEM;
    }
    for (size_t i = 0; i < snapshot->device_count; i++)
        rows.devices[i].device = &snapshot->devices[i];
    add_envs(snapshot, &rows);
    add_holders(&rows, choice);
    rows.user_count = count_users(rows.envs, snapshot->env_count);
    qsort(rows.envs, snapshot->env_count, sizeof(struct env_row *), compare_eids);
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        add_process(&rows, choice, process, find_env(rows.envs, snapshot->env_count, process->eid));
    }
    filter(&rows, choice);
    sort(&rows, choice);
    *ret_rows = rows;
    return 0;
}

void rows_release(struct rows *rows)
{
    free(rows->devices);
    free(rows->all_envs);
    free(rows->envs);
    free(rows->processes);
    free(rows->holders);
    free(rows->used);
    *rows = (struct rows){.user_count = 0};
}
