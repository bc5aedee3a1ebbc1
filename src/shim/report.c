/* What nvidia-smi says where the real one can't: small forms of its outputs, from genv's own data. */
#include "shim/report.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "shim/shim.h"

#define USAGE       2
#define MIB         (1024 * 1024)
#define FIELDS_MAX  64
#define LINE_DOUBLE "+=====+====================================+===========================+\n"
#define LINE_SINGLE "+-----+------------------------------------+---------------------------+\n"
#define LINE_WHOLE  "+----------------------------------------------------------------------+\n"

/* A device as its environment sees it. */
struct shown {
    const struct genv_device *device;
    uint64_t total;
    uint64_t used; /* by the environment's processes, or GENV_UNKNOWN_U64 */
};

struct report {
    struct genv_snapshot *snapshot;
    const struct genv_env *env; /* NULL: it has ended, or is another user's: it sees nothing */
    struct shown *devices;
    size_t count, room;
    struct text text;
};

static void report_release(struct report *report)
{
    genv_snapshot_free(report->snapshot);
    free(report->devices);
    text_release(&report->text);
}

static uint64_t used_memory(const struct report *report, const char *uuid)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < report->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &report->snapshot->processes[i];

        for (size_t k = 0; strcmp(process->eid, report->env->eid) == 0 && k < process->usage_count; k++) {
            const struct genv_usage *usage = &process->usages[k];

            if (strcmp(usage->uuid, uuid) != 0)
                continue;
            if (usage->used_memory == GENV_UNKNOWN_U64)
                return GENV_UNKNOWN_U64;
            sum += usage->used_memory;
        }
    }
    return sum;
}

static void show(struct report *report, const struct genv_attachment *attachment)
{
    for (size_t i = 0; i < report->snapshot->device_count; i++) {
        const struct genv_device *device = &report->snapshot->devices[i];

        if (strcmp(device->id.uuid, attachment->device.uuid) != 0 || report->count == report->room)
            continue;
        report->devices[report->count++] = (struct shown){
            .device = device,
            .total = attachment->gpu_memory ? attachment->gpu_memory : device->total_memory,
            .used = used_memory(report, device->id.uuid),
        };
    }
}

static int look(struct report *report, enum genv_depth depth, struct genv_error *err)
{
    struct genv_snapshot *snapshot;
    struct genv *g;
    int r = genv_open(&shim_options, &g, err);

    if (r < 0)
        return r;
    r = genv_snapshot_take(g, depth, &snapshot, err);
    genv_close(g);
    if (r < 0)
        return r;
    report->snapshot = snapshot;
    report->env = genv_snapshot_env(snapshot, getenv("GENV_ENVIRONMENT_ID"));
    if (report->env && !shim_may_see(report->env->uid))
        report->env = NULL;
    report->room = report->snapshot->device_count;
    report->devices = calloc(report->room + 1, sizeof(*report->devices));
    if (!report->devices)
        return error_no_memory(err);
    for (size_t i = 0; report->env && i < report->env->attachment_count; i++)
        show(report, &report->env->attachments[i]);
    return 0;
}

static int print(struct report *report)
{
    struct genv_error err = {0};
    int r = report->text.failed ? -ENOMEM : file_write(STDOUT_FILENO, report->text.data, report->text.length);

    if (r == 0)
        return EXIT_SUCCESS;
    error_set_errno(&err, -r, "cannot write to standard output");
    shim_complain(err.message);
    return EXIT_FAILURE;
}

int report_no_devices(void)
{
    static const char sentence[] = "No devices were found\n";

    file_write(STDOUT_FILENO, sentence, sizeof(sentence) - 1);
    return REPORT_NO_DEVICES;
}

static void add_mib(struct text *text, uint64_t bytes)
{
    if (bytes == GENV_UNKNOWN_U64)
        text_add(text, "N/A");
    else
        text_addf(text, "%lluMiB", (unsigned long long)(bytes / MIB));
}

static void add_processes(struct report *report)
{
    struct text *text = &report->text;
    bool any = false;

    text_addf(text, "\n" LINE_WHOLE "| %-68s |\n| %-4s %-9s %-37s %15s |\n" LINE_WHOLE, "Processes:", "GPU", "PID",
              "Process name", "GPU Memory");
    for (size_t i = 0; i < report->snapshot->process_count; i++) {
        const struct genv_gpu_process *process = &report->snapshot->processes[i];

        for (size_t k = 0; strcmp(process->eid, report->env->eid) == 0 && k < process->usage_count; k++) {
            cleanup_text struct text memory = TEXT_INIT;

            add_mib(&memory, process->usages[k].used_memory);
            text_addf(text, "| %-4u %-9d %-37.37s %15s |\n", process->usages[k].index, (int)process->pid,
                      process->command, memory.failed ? "" : memory.data);
            any = true;
        }
    }
    if (!any)
        text_addf(text, "| %-68s |\n", "No running processes found");
    text_add(text, LINE_WHOLE);
}

static int print_table(struct report *report)
{
    cleanup_text struct text title = TEXT_INIT;
    struct text *text = &report->text;

    if (report->count == 0)
        return report_no_devices();
    text_addf(&title, "genv %s: simulated devices of environment %s", genv_version(), report->env->eid);
    text_addf(text, LINE_WHOLE "| %-68.68s |\n" LINE_SINGLE, title.failed ? "" : title.data);
    text_addf(text, "| GPU | %-34s | %25s |\n" LINE_DOUBLE, "Name", "Memory-Usage");
    for (size_t i = 0; i < report->count; i++) {
        const struct shown *shown = &report->devices[i];
        cleanup_text struct text memory = TEXT_INIT;

        add_mib(&memory, shown->used);
        text_add(&memory, " / ");
        add_mib(&memory, shown->total);
        text_addf(text, "| %3u | %-34.34s | %25s |\n", shown->device->index, shown->device->name,
                  memory.failed ? "" : memory.data);
    }
    text_add(text, LINE_SINGLE);
    add_processes(report);
    return print(report);
}

static int print_list(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct genv_device *device = report->devices[i].device;

        text_addf(&report->text, "GPU %u: %s (UUID: %s)\n", device->index, device->name, device->id.uuid);
    }
    if (report->count == 0)
        text_add(&report->text, "No devices found.\n");
    return print(report);
}

/* Whether all that nvidia-smi would say of them is their names: it tells of instances, and why others do not work. */
static bool are_plain(const struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->devices[i].device->state != GENV_DEVICE_OK || report->devices[i].device->mig)
            return false;
    }
    return report->env && report->count == report->env->attachment_count;
}

bool report_list_by_number(int *ret_status)
{
    cleanup_with(report_release) struct report report = {.count = 0};

    if (look(&report, GENV_DEPTH_LIVE, NULL) < 0 || !are_plain(&report))
        return false;
    *ret_status = print_list(&report);
    return true;
}

int report_list(void)
{
    cleanup_with(report_release) struct report report = {.count = 0};
    struct genv_error err = {0};

    if (look(&report, GENV_DEPTH_DEVICES, &err) < 0) {
        shim_complain(err.message);
        return EXIT_FAILURE;
    }
    return print_list(&report);
}

enum query_kind { QUERY_INDEX, QUERY_UUID, QUERY_NAME, QUERY_BUS_ID, QUERY_COUNT, QUERY_DRIVER, QUERY_FIGURE };
enum query_figure { FIGURE_TOTAL, FIGURE_USED, FIGURE_FREE, FIGURE_UTILIZATION, FIGURE_TEMPERATURE };

struct query {
    const char *name, *alias;
    enum query_kind kind;
    enum query_figure figure;
    const char *unit;
};

static const struct query queries[] = {
    {"index", NULL, QUERY_INDEX, 0, NULL},
    {"uuid", "gpu_uuid", QUERY_UUID, 0, NULL},
    {"name", "gpu_name", QUERY_NAME, 0, NULL},
    {"pci.bus_id", "gpu_bus_id", QUERY_BUS_ID, 0, NULL},
    {"count", NULL, QUERY_COUNT, 0, NULL},
    {"driver_version", NULL, QUERY_DRIVER, 0, NULL},
    {"memory.total", NULL, QUERY_FIGURE, FIGURE_TOTAL, "MiB"},
    {"memory.used", NULL, QUERY_FIGURE, FIGURE_USED, "MiB"},
    {"memory.free", NULL, QUERY_FIGURE, FIGURE_FREE, "MiB"},
    {"utilization.gpu", NULL, QUERY_FIGURE, FIGURE_UTILIZATION, "%"},
    {"temperature.gpu", NULL, QUERY_FIGURE, FIGURE_TEMPERATURE, NULL},
};

struct format {
    bool csv, no_header, no_units;
};

static uint64_t known(int figure)
{
    return figure < 0 ? GENV_UNKNOWN_U64 : (uint64_t)figure;
}

static uint64_t figure_of(const struct shown *shown, enum query_figure figure)
{
    bool used_known = shown->used != GENV_UNKNOWN_U64;

    switch (figure) {
    case FIGURE_TOTAL:
        return shown->total / MIB;
    case FIGURE_USED:
        return used_known ? shown->used / MIB : GENV_UNKNOWN_U64;
    case FIGURE_FREE:
        if (!used_known)
            return GENV_UNKNOWN_U64;
        return shown->used > shown->total ? 0 : (shown->total - shown->used) / MIB;
    case FIGURE_UTILIZATION:
        return known(shown->device->sample.utilization);
    case FIGURE_TEMPERATURE:
        return known(shown->device->sample.temperature);
    }
    return GENV_UNKNOWN_U64;
}

static void add_value(struct report *report, const struct query *query, const struct shown *shown, bool units)
{
    struct text *text = &report->text;
    uint64_t figure;

    switch (query->kind) {
    case QUERY_INDEX:
        text_addf(text, "%u", shown->device->index);
        return;
    case QUERY_UUID:
        text_add(text, shown->device->id.uuid);
        return;
    case QUERY_NAME:
        text_add(text, shown->device->name);
        return;
    case QUERY_BUS_ID:
        text_add(text, shown->device->pci_bus_id);
        return;
    case QUERY_COUNT:
        text_addf(text, "%zu", report->count);
        return;
    case QUERY_DRIVER:
        text_add(text, report->snapshot->driver);
        return;
    case QUERY_FIGURE:
        break;
    }
    figure = figure_of(shown, query->figure);
    if (figure == GENV_UNKNOWN_U64)
        text_add(text, "[N/A]");
    else
        text_addf(text, "%llu%s%s", (unsigned long long)figure, units && query->unit ? " " : "",
                  units && query->unit ? query->unit : "");
}

static bool is_word(const char *word, const char *start, size_t length)
{
    return word && strlen(word) == length && memcmp(word, start, length) == 0;
}

/* Reads "index,memory.total" into @ret_fields; -1 where one of them is unknown, which it says. */
static int parse_fields(const char *list, const struct query *ret_fields[static FIELDS_MAX], size_t *ret_count)
{
    *ret_count = 0;
    for (;; list++) {
        const struct query *found = NULL;
        struct genv_error err = {0};
        size_t length;

        list += strspn(list, " ");
        length = strcspn(list, ",");
        for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
            if (is_word(queries[i].name, list, length) || is_word(queries[i].alias, list, length))
                found = &queries[i];
        }
        if (!found || *ret_count == FIELDS_MAX) {
            error_set(&err, EINVAL, "nvidia-smi for simulated devices has no field '%.*s'", (int)length, list);
            shim_complain(err.message);
            return -1;
        }
        ret_fields[(*ret_count)++] = found;
        list += length;
        if (*list == '\0')
            return 0;
    }
}

static bool parse_format(const char *list, struct format *format)
{
    for (;; list++) {
        size_t length = strcspn(list, ",");

        if (is_word("csv", list, length))
            format->csv = true;
        else if (is_word("noheader", list, length))
            format->no_header = true;
        else if (is_word("nounits", list, length))
            format->no_units = true;
        else
            return false;
        list += length;
        if (*list == '\0')
            return true;
    }
}

static int print_query(struct report *report, const char *list, const struct format *format)
{
    const struct query *fields[FIELDS_MAX];
    size_t count;

    if (parse_fields(list, fields, &count) < 0)
        return USAGE;
    if (report->count == 0)
        return report_no_devices();
    for (size_t k = 0; !format->no_header && k < count; k++)
        text_addf(&report->text, fields[k]->unit ? "%s%s [%s]" : "%s%s", k ? ", " : "", fields[k]->name,
                  fields[k]->unit);
    if (!format->no_header)
        text_add(&report->text, "\n");
    for (size_t i = 0; i < report->count; i++) {
        for (size_t k = 0; k < count; k++) {
            text_add(&report->text, k ? ", " : "");
            add_value(report, fields[k], &report->devices[i], !format->no_units);
        }
        text_add(&report->text, "\n");
    }
    return print(report);
}

/* What follows "--name=", or NULL where @word is something else. */
static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);

    return strncmp(word, name, length) == 0 ? word + length : NULL;
}

int report_simulated(char **words)
{
    cleanup_with(report_release) struct report report = {.count = 0};
    const char *query = NULL, *unknown = NULL;
    struct format format = {.csv = false};
    struct genv_error err = {0};
    bool list = false, formatted = false;

    for (; *words && !unknown; words++) {
        const char *fields = value_of(*words, "--query-gpu="), *value = value_of(*words, "--format=");

        if (fields)
            query = fields;
        else if (value && parse_format(value, &format))
            formatted = true;
        else if (strcmp(*words, "-L") == 0 || strcmp(*words, "--list-gpus") == 0)
            list = true;
        else
            unknown = *words;
    }
    if (unknown || (query && list) || (query != NULL) != formatted || formatted != format.csv) {
        error_set(&err, EINVAL,
                  "nvidia-smi for simulated devices does not support %s%s%s: use it without options, with -L, or with "
                  "--query-gpu=FIELD,... --format=csv[,noheader][,nounits]",
                  unknown ? "'" : "", unknown ? unknown : "this combination of options", unknown ? "'" : "");
        shim_complain(err.message);
        return USAGE;
    }
    if (look(&report, GENV_DEPTH_LIVE, &err) < 0) {
        shim_complain(err.message);
        return EXIT_FAILURE;
    }
    if (list)
        return print_list(&report);
    return query ? print_query(&report, query, &format) : print_table(&report);
}
