/* Which environments hold devices that they do not use, and since when. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "monitor/observation.h"

static int compare(const void *left, const void *right)
{
    const struct idle_entry *a = left, *b = right;
    int order = strcmp(a->host, b->host);

    return order ? order : strcmp(a->eid, b->eid);
}

static const struct idle_entry *find(const struct idle *idle, const char *host, const struct genv_env *env)
{
    struct idle_entry key;
    const struct idle_entry *entry;

    if (!idle->count)
        return NULL;
    copy_string(key.host, sizeof(key.host), host);
    copy_string(key.eid, sizeof(key.eid), env->eid);
    entry = bsearch(&key, idle->entries, idle->count, sizeof(*idle->entries), compare);
    if (!entry || entry->created.tv_sec != env->created.tv_sec || entry->created.tv_nsec != env->created.tv_nsec)
        return NULL;
    return entry;
}

/* A device that does not tell how busy it is counts as busy. */
static bool device_works(const struct genv_snapshot *snapshot, const char *uuid)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        if (strcmp(snapshot->devices[i].id.uuid, uuid) == 0)
            return snapshot->devices[i].sample.utilization != 0;
    }
    return false;
}

static bool is_idle(const struct genv_snapshot *snapshot, const struct genv_env *env)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];

        for (size_t k = 0; k < process->usage_count && strcmp(process->eid, env->eid) == 0; k++) {
            const char *uuid = process->usages[k].uuid;

            if (genv_env_attachment(env, uuid) && device_works(snapshot, uuid))
                return false;
        }
    }
    return env->attachment_count > 0;
}

static void learn_host(const struct idle *idle, const struct observed_host *host, struct timespec time,
                       struct idle *learned, size_t most)
{
    for (size_t i = 0; i < host->snapshot->env_count && learned->count < most; i++) {
        const struct genv_env *env = &host->snapshot->envs[i];
        struct idle_entry *entry = &learned->entries[learned->count];
        const struct idle_entry *before = find(idle, host->name, env);

        if (!is_idle(host->snapshot, env))
            continue;
        learned->count++;
        copy_string(entry->host, sizeof(entry->host), host->name);
        copy_string(entry->eid, sizeof(entry->eid), env->eid);
        entry->created = env->created;
        entry->since = before ? before->since : time;
    }
}

/* Nothing is learned about a host that does not answer, and nothing forgotten. */
static void keep_host(const struct idle *idle, const char *host, struct idle *learned, size_t most)
{
    for (size_t i = 0; i < idle->count && learned->count < most; i++) {
        if (strcmp(idle->entries[i].host, host) == 0)
            learned->entries[learned->count++] = idle->entries[i];
    }
}

int idle_learn(struct idle *idle, const struct observation *observation)
{
    struct idle learned = {.count = 0};
    size_t most = idle->count + 1;

    for (size_t i = 0; i < observation->host_count; i++)
        most += observation->hosts[i].snapshot ? observation->hosts[i].snapshot->env_count : 0;
    learned.entries = calloc(most, sizeof(*learned.entries));
    if (!learned.entries)
        return -ENOMEM;
    for (size_t i = 0; i < observation->host_count; i++) {
        const struct observed_host *host = &observation->hosts[i];

        if (host->snapshot)
            learn_host(idle, host, observation->time, &learned, most);
        else
            keep_host(idle, host->name, &learned, most);
    }
    qsort(learned.entries, learned.count, sizeof(*learned.entries), compare);
    free(idle->entries);
    *idle = learned;
    return 0;
}

double idle_seconds(const struct idle *idle, const struct observation *observation, const char *host,
                    const struct genv_env *env)
{
    const struct idle_entry *entry = find(idle, host, env);
    double seconds;

    if (!entry)
        return 0;
    seconds = (double)(observation->time.tv_sec - entry->since.tv_sec) +
              (double)(observation->time.tv_nsec - entry->since.tv_nsec) / 1e9;
    return seconds > 0 ? seconds : 0;
}

void idle_release(struct idle *idle)
{
    free(idle->entries);
    *idle = (struct idle){.count = 0};
}
