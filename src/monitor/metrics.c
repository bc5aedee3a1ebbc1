/* The table of metrics, and how they are written. */
#include "monitor/metrics.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "monitor/figures.h"

#define INDEX_MAX 65535 /* of a device; no snapshot has a higher one */

/* SPEC's names end in _total although they go up and down, which a gauge's must not: their type is told as unknown. */
enum metric_type { GAUGE, UNTYPED, INFO };

/* What has the value: labels and series follow from it. One of these functions is set; NAN: unknown, no series. */
struct metric {
    const char *name;
    enum metric_type type;
    const char *help;
    double (*monitor)(const struct observation *observation);
    double (*host)(const struct figures *figures);
    double (*device)(const struct figures *figures, const struct genv_device *device);
    double (*env)(const struct env_figures *env);
    double (*attachment)(const struct genv_snapshot *snapshot, const struct genv_attachment *attachment);
    double (*process)(const struct genv_gpu_process *process);
    double (*usage)(const struct genv_usage *usage);
    double (*user)(const struct user_figures *user);
};

static double known(uint64_t amount)
{
    return amount == GENV_UNKNOWN_U64 ? NAN : (double)amount;
}

static double known_int(int number)
{
    return number < 0 ? NAN : (double)number;
}

static double one(const struct observation *observation)
{
    (void)observation;
    return 1;
}

static double duration(const struct observation *observation)
{
    return observation->duration_seconds;
}

static double host_up(const struct figures *figures)
{
    return figures->host->up;
}

static double host_has_genv(const struct figures *figures)
{
    return figures->host->up ? (double)figures->host->has_genv : NAN;
}

/* What only a host with genv knows. */
static double of_genv(const struct figures *figures, uint64_t number)
{
    return figures->host->snapshot && figures->host->has_genv ? (double)number : NAN;
}

static double host_envs(const struct figures *figures)
{
    return of_genv(figures, figures->env_count);
}

static double host_processes(const struct figures *figures)
{
    return of_genv(figures, figures->host->snapshot ? figures->host->snapshot->process_count : 0);
}

static double host_attached(const struct figures *figures)
{
    return of_genv(figures, figures->attached_devices);
}

static double host_users(const struct figures *figures)
{
    return of_genv(figures, figures->user_count);
}

static double device_one(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    (void)device;
    return 1;
}

static double device_temperature(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    return known_int(device->sample.temperature);
}

static double device_utilization(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    return known_int(device->sample.utilization);
}

static double device_power(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    return device->sample.power_mw < 0 ? NAN : (double)device->sample.power_mw / 1000;
}

static double device_used(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    return known(device->sample.used_memory);
}

static double device_total(const struct figures *figures, const struct genv_device *device)
{
    (void)figures;
    return device->total_memory ? (double)device->total_memory : NAN;
}

static double device_attached(const struct figures *figures, const struct genv_device *device)
{
    return of_genv(figures, figures_attached(figures, device));
}

static double env_one(const struct env_figures *env)
{
    (void)env;
    return 1;
}

static double env_processes(const struct env_figures *env)
{
    return (double)env->processes;
}

static double env_attached(const struct env_figures *env)
{
    return (double)env->attached;
}

static double env_held(const struct env_figures *env)
{
    return known(env->held);
}

static double env_used(const struct env_figures *env)
{
    return known(env->used);
}

static double env_idle(const struct env_figures *env)
{
    return env->idle_seconds;
}

static double attachment_held(const struct genv_snapshot *snapshot, const struct genv_attachment *attachment)
{
    return known(figures_held(snapshot, attachment));
}

static double process_devices(const struct genv_gpu_process *process)
{
    return (double)process->usage_count;
}

static double usage_memory(const struct genv_usage *usage)
{
    return known(usage->used_memory);
}

static double user_envs(const struct user_figures *user)
{
    return (double)user->envs;
}

static double user_processes(const struct user_figures *user)
{
    return (double)user->processes;
}

static double user_attached(const struct user_figures *user)
{
    return (double)user->attached;
}

static double user_held(const struct user_figures *user)
{
    return known(user->held);
}

static double user_used(const struct user_figures *user)
{
    return known(user->used);
}

/* clang-format off */
#define METRICS(X) \
    X("genv_build_info", INFO, "Version of genv that runs the monitor.", .monitor = one) \
    X("genv_snapshot_duration_seconds", GAUGE, "Duration of the latest snapshot.", .monitor = duration) \
    X("genv_host_up", GAUGE, "Whether the host responded (1) or not (0).", .host = host_up) \
    X("genv_is_installed", GAUGE, "Whether genv is installed on the host (1) or only devices are known (0).", .host = host_has_genv) \
    X("genv_environments_total", UNTYPED, "Active environments.", .host = host_envs) \
    X("genv_processes_total", UNTYPED, "Processes that use devices.", .host = host_processes) \
    X("genv_attached_devices_total", UNTYPED, "Devices attached to environments.", .host = host_attached) \
    X("genv_users_total", UNTYPED, "Users with active environments.", .host = host_users) \
    X("genv_device_info", INFO, "Identity of the device.", .device = device_one) \
    X("genv_device_temperature", GAUGE, "Temperature of the device in degrees Celsius.", .device = device_temperature) \
    X("genv_device_utilization", GAUGE, "Utilization of the device in percent.", .device = device_utilization) \
    X("genv_device_power_watts", GAUGE, "Power draw of the device.", .device = device_power) \
    X("genv_device_memory_used_bytes", GAUGE, "Used memory of the device.", .device = device_used) \
    X("genv_device_memory_total_bytes", GAUGE, "Total memory of the device.", .device = device_total) \
    X("genv_device_attached", GAUGE, "Whether environments are attached to the device (1) or not (0).", .device = device_attached) \
    X("genv_environment_info", INFO, "Name and user of the environment.", .env = env_one) \
    X("genv_environment_processes_total", UNTYPED, "Processes of the environment that use devices.", .env = env_processes) \
    X("genv_environment_attached_devices_total", UNTYPED, "Devices attached to the environment.", .env = env_attached) \
    X("genv_environment_memory_held_bytes", GAUGE, "Memory held by the environment: its memory capacity on each attached device, or the whole device.", .env = env_held) \
    X("genv_environment_device_memory_held_bytes", GAUGE, "Memory of the device held by the environment.", .attachment = attachment_held) \
    X("genv_environment_memory_used_bytes", GAUGE, "Device memory used by the environment's processes.", .env = env_used) \
    X("genv_environment_idle_seconds", GAUGE, "Time since the attached environment last used its devices; 0 while it uses them or is detached.", .env = env_idle) \
    X("genv_process_devices_total", UNTYPED, "Devices used by the process.", .process = process_devices) \
    X("genv_process_used_gpu_memory_bytes", GAUGE, "Memory of the device used by the process.", .usage = usage_memory) \
    X("genv_user_environments_total", UNTYPED, "Active environments of the user.", .user = user_envs) \
    X("genv_user_processes_total", UNTYPED, "Processes of the user's environments that use devices.", .user = user_processes) \
    X("genv_user_attached_devices_total", UNTYPED, "Devices attached to the user's environments.", .user = user_attached) \
    X("genv_user_memory_held_bytes", GAUGE, "Memory held by the user's environments.", .user = user_held) \
    X("genv_user_memory_used_bytes", GAUGE, "Device memory used by processes of the user's environments.", .user = user_used)
/* clang-format on */

#define ROW(metric_name, metric_type, metric_help, ...)                                                                \
    {.name = metric_name, .type = metric_type, .help = metric_help, __VA_ARGS__},
#define NAME(metric_name, ...) metric_name,

static const struct metric metrics[] = {METRICS(ROW)};
const char *const metric_names[] = {METRICS(NAME) NULL};

struct exposition {
    struct text text;
    enum metrics_format format;
    bool hostnames;
    const char *host; /* whose series are being written */
    const struct metric *metric;
};

struct label {
    const char *name;
    const char *value;
};

/* Backslash, quote and newline are escaped; what is no UTF-8 would spoil the scrape as a whole. */
static void add_value_of_label(struct text *text, const char *value)
{
    while (*value) {
        size_t plain = strcspn(value, "\\\"\n");
        uint32_t character;

        for (size_t at = 0, length; at < plain; at += length ? length : 1) {
            length = utf8_decode(value + at, &character);
            text_add_bytes(text, length ? value + at : "?", length ? length : 1);
        }
        value += plain;
        if (*value)
            text_add(text, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\"), value++;
    }
}

static void add_number(struct text *text, double value)
{
    if (value < 0x1p53 && value > -0x1p53 && value == (double)(int64_t)value)
        text_addf(text, " %lld\n", (long long)value);
    else
        text_addf(text, " %.9g\n", value);
}

static void add_sample(struct exposition *x, const struct label *labels, size_t count, double value)
{
    const struct label host = {"hostname", x->host};
    const char *before = "{";

    if (isnan(value))
        return;
    text_add(&x->text, x->metric->name);
    for (size_t i = x->hostnames ? 0 : 1; i < count + 1; i++) {
        const struct label *label = i ? &labels[i - 1] : &host;

        text_add(&x->text, before);
        text_add(&x->text, label->name);
        text_add(&x->text, "=\"");
        add_value_of_label(&x->text, label->value);
        text_add(&x->text, "\"");
        before = ",";
    }
    if (*before == ',')
        text_add(&x->text, "}");
    add_number(&x->text, value);
}

static void add_head(struct exposition *x)
{
    static const char *const words[] = {[GAUGE] = "gauge", [UNTYPED] = "untyped", [INFO] = "gauge"};
    static const char *const open_words[] = {[GAUGE] = "gauge", [UNTYPED] = "unknown", [INFO] = "info"};
    const struct metric *metric = x->metric;
    bool open = x->format == METRICS_OPENMETRICS;
    /* OpenMetrics names the family of an info metric without its suffix. */
    size_t suffix = open && metric->type == INFO ? strlen("_info") : 0;
    size_t length = strlen(metric->name) - suffix;

    text_add(&x->text, "# HELP ");
    text_add_bytes(&x->text, metric->name, length);
    text_addf(&x->text, " %s\n# TYPE ", metric->help);
    text_add_bytes(&x->text, metric->name, length);
    text_addf(&x->text, " %s\n", (open ? open_words : words)[metric->type]);
}

static void add_monitor(struct exposition *x, const struct observation *observation)
{
    const struct label labels[] = {{"version", genv_version()}};
    char hostname[256];

    proc_hostname(hostname, sizeof(hostname));
    x->host = hostname;
    add_sample(x, labels, x->metric->type == INFO, x->metric->monitor(observation));
    x->host = "";
}

static void add_devices(struct exposition *x, const struct genv_snapshot *snapshot, const struct figures *figures)
{
    for (size_t i = 0; i < snapshot->device_count; i++) {
        const struct genv_device *device = &snapshot->devices[i];
        char index[16];
        const struct label labels[] = {{"index", index}, {"uuid", device->id.uuid}, {"name", device->name}};

        snprintf(index, sizeof(index), "%u", device->index);
        add_sample(x, labels, x->metric->type == INFO ? ARRAY_SIZE(labels) : 1, x->metric->device(figures, device));
    }
}

static void add_envs(struct exposition *x, const struct figures *figures)
{
    for (size_t i = 0; i < figures->env_count; i++) {
        const struct env_figures *env = &figures->envs[i];
        const struct label labels[] = {
            {"eid", env->env->eid}, {"name", env->env->config.name}, {"username", env->username}};

        add_sample(x, labels, x->metric->type == INFO ? ARRAY_SIZE(labels) : 1, x->metric->env(env));
    }
}

static void add_attachments(struct exposition *x, const struct genv_snapshot *snapshot, const struct figures *figures)
{
    for (size_t i = 0; i < figures->env_count; i++) {
        const struct genv_env *env = figures->envs[i].env;

        for (size_t k = 0; k < env->attachment_count; k++) {
            char device[16];
            const struct label labels[] = {{"eid", env->eid}, {"device", device}};

            if (env->attachments[k].index < 0)
                continue;
            snprintf(device, sizeof(device), "%d", env->attachments[k].index);
            add_sample(x, labels, ARRAY_SIZE(labels), x->metric->attachment(snapshot, &env->attachments[k]));
        }
    }
}

/* A hostile host may list a device twice: a series comes once. */
static void add_usages(struct exposition *x, const struct genv_gpu_process *process, const char *pid)
{
    uint8_t seen[INDEX_MAX / 8 + 1] = {0}; /* a bit for each index */

    for (size_t i = 0; i < process->usage_count; i++) {
        char device[16];
        const struct label labels[] = {{"pid", pid}, {"eid", process->eid}, {"device", device}};
        unsigned index = process->usages[i].index;

        if (index > INDEX_MAX || seen[index / 8] >> index % 8 & 1)
            continue;
        seen[index / 8] |= (uint8_t)(1U << index % 8);
        snprintf(device, sizeof(device), "%u", index);
        add_sample(x, labels, ARRAY_SIZE(labels), x->metric->usage(&process->usages[i]));
    }
}

static void add_processes(struct exposition *x, const struct genv_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &snapshot->processes[i];
        char pid[16];
        const struct label labels[] = {{"pid", pid}, {"eid", process->eid}};

        snprintf(pid, sizeof(pid), "%d", (int)process->pid);
        if (x->metric->usage)
            add_usages(x, process, pid);
        else
            add_sample(x, labels, ARRAY_SIZE(labels), x->metric->process(process));
    }
}

static void add_users(struct exposition *x, const struct figures *figures)
{
    for (size_t i = 0; i < figures->user_count; i++) {
        const struct label labels[] = {{"username", figures->users[i].username}};

        add_sample(x, labels, ARRAY_SIZE(labels), x->metric->user(&figures->users[i]));
    }
}

static void add_host(struct exposition *x, const struct observed_host *host, const struct figures *figures)
{
    const struct metric *metric = x->metric;

    x->host = host->name;
    if (metric->host)
        add_sample(x, NULL, 0, metric->host(figures));
    if (!host->snapshot)
        return;
    if (metric->device)
        add_devices(x, host->snapshot, figures);
    if (metric->env)
        add_envs(x, figures);
    if (metric->attachment)
        add_attachments(x, host->snapshot, figures);
    if (metric->process || metric->usage)
        add_processes(x, host->snapshot);
    if (metric->user)
        add_users(x, figures);
}

static void add_metrics(struct exposition *x, const struct observation *observation, const struct figures *figures)
{
    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        x->metric = &metrics[i];
        add_head(x);
        if (x->metric->monitor)
            add_monitor(x, observation);
        for (size_t k = 0; k < observation->host_count; k++)
            add_host(x, &observation->hosts[k], &figures[k]);
    }
    if (x->format == METRICS_OPENMETRICS)
        text_add(&x->text, "# EOF\n");
}

char *metrics_render(const struct observation *observation, const struct idle *idle, bool hostnames,
                     enum metrics_format format, size_t *ret_length)
{
    struct exposition x = {.format = format, .hostnames = hostnames, .host = ""};
    struct figures *figures = calloc(observation->host_count + 1, sizeof(*figures));
    bool failed = !figures;
    char *taken;

    for (size_t i = 0; i < observation->host_count && !failed; i++)
        failed = figures_of(observation, idle, &observation->hosts[i], &figures[i]) < 0;
    if (!failed)
        add_metrics(&x, observation, figures);
    for (size_t i = 0; i < observation->host_count && figures; i++)
        figures_release(&figures[i]);
    free(figures);
    if (failed || x.text.failed) {
        text_release(&x.text);
        return NULL;
    }
    *ret_length = x.text.length;
    taken = text_take(&x.text);
    text_release(&x.text);
    return taken;
}
