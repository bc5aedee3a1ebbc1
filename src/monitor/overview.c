/* The API's JSON. */
#include "monitor/overview.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

static json_t *idle_to_json(const struct observation *observation, const struct idle *idle,
                            const struct observed_host *host)
{
    json_t *object = json_object();

    for (size_t i = 0; i < host->snapshot->env_count; i++) {
        const struct genv_env *env = &host->snapshot->envs[i];
        double seconds = idle_seconds(idle, observation, host->name, env);

        if (seconds > 0)
            json_object_set_new(object, env->eid, json_real(seconds));
    }
    return object;
}

static json_t *snapshot_to_object(const struct genv_snapshot *snapshot)
{
    cleanup_free char *text = genv_snapshot_to_json(snapshot);

    return text ? json_loads(text, 0, NULL) : NULL;
}

static json_t *host_to_json(const struct observation *observation, const struct idle *idle,
                            const struct observed_host *host)
{
    const struct genv_snapshot *snapshot = host->snapshot;

    return json_pack("{s:s, s:b, s:b, s:s, s:o, s:o}", "name", host->name, "up", host->up, "has_genv", host->has_genv,
                     "reason", host->reason, "snapshot", snapshot ? snapshot_to_object(snapshot) : json_null(), "idle",
                     snapshot ? idle_to_json(observation, idle, host) : json_object());
}

/* Texts that come from elsewhere were made printable; where one was not, its host is missing, not the whole. */
static char *print(const json_t *json, size_t flags)
{
    return json ? json_dumps(json, flags | JSON_REAL_PRECISION(12)) : NULL;
}

char *overview_to_json(const struct observation *observation, const struct idle *idle, bool remote,
                       double interval_seconds)
{
    cleanup_json json_t *hosts = json_array(), *overview = NULL;
    char time[RFC3339_SIZE];

    for (size_t i = 0; i < observation->host_count; i++)
        json_array_append_new(hosts, host_to_json(observation, idle, &observation->hosts[i]));
    rfc3339_format(observation->time, time);
    overview =
        json_pack("{s:s, s:f, s:b, s:O}", "time", time, "interval", interval_seconds, "remote", remote, "hosts", hosts);
    return print(overview, JSON_COMPACT);
}

/* {"host": …} and the members of the snapshot. */
static json_t *named_snapshot(const struct observed_host *host)
{
    json_t *object = json_pack("{s:s}", "host", host->name);
    cleanup_json json_t *snapshot = snapshot_to_object(host->snapshot);

    json_object_update(object, snapshot);
    return object;
}

char *snapshots_to_json(const struct observation *observation, bool remote)
{
    cleanup_json json_t *array = NULL;

    if (!remote && observation->host_count && observation->hosts[0].snapshot)
        return genv_snapshot_to_json(observation->hosts[0].snapshot);
    array = json_array();
    for (size_t i = 0; i < observation->host_count; i++) {
        if (observation->hosts[i].snapshot)
            json_array_append_new(array, named_snapshot(&observation->hosts[i]));
    }
    return print(array, JSON_INDENT(2));
}

char *error_to_json(const char *message)
{
    cleanup_json json_t *object = json_pack("{s:s}", "error", message);

    return print(object, JSON_COMPACT);
}
