/* A ring of points that all devices share; each device has a column in it. */
#include "monitor/history.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define STEP_SECONDS        (HISTORY_SECONDS / HISTORY_POINTS)
#define UNKNOWN_MEMORY      UINT32_MAX
#define UNKNOWN_UTILIZATION UINT8_MAX

struct column {
    char host[256];
    unsigned index;
    uint32_t memory_kib[HISTORY_POINTS]; /* a chart needs no bytes */
    uint8_t utilization[HISTORY_POINTS];
    int64_t latest; /* the slot that was filled last */
};

struct history {
    int64_t slots[HISTORY_POINTS]; /* seconds since 1970 / STEP_SECONDS, or 0: no point */
    int64_t latest;
    struct column **columns;
    size_t count;
};

struct history *history_new(void)
{
    return calloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
    if (!history)
        return;
    for (size_t i = 0; i < history->count; i++)
        free(history->columns[i]);
    free(history->columns);
    free(history);
}

static int add_column(struct history *history, const char *host, unsigned index, struct column **ret_column)
{
    struct column **grown = reallocarray(history->columns, history->count + 1, sizeof(struct column *));
    struct column *column = grown ? calloc(1, sizeof(*column)) : NULL;

    if (grown)
        history->columns = grown;
    if (!column)
        return -ENOMEM;
    copy_string(column->host, sizeof(column->host), host);
    column->index = index;
    memset(column->memory_kib, 0xff, sizeof(column->memory_kib));
    memset(column->utilization, 0xff, sizeof(column->utilization));
    history->columns[history->count++] = column;
    *ret_column = column;
    return 0;
}

/* @hint: where the column is that comes next as long as hosts and devices stay the same. */
static int find_column(struct history *history, const char *host, unsigned index, size_t *hint,
                       struct column **ret_column)
{
    for (size_t i = 0; i < history->count; i++) {
        struct column *column = history->columns[(*hint + i) % history->count];

        if (column->index != index || strcmp(column->host, host) != 0)
            continue;
        *hint = (*hint + i + 1) % history->count;
        *ret_column = column;
        return 0;
    }
    return add_column(history, host, index, ret_column);
}

/* A point of an hour ago gives its place to the new one. */
static size_t begin_slot(struct history *history, int64_t slot)
{
    size_t place = (size_t)(slot % HISTORY_POINTS);

    if (history->slots[place] == slot)
        return place;
    history->slots[place] = slot;
    for (size_t i = 0; i < history->count; i++) {
        history->columns[i]->memory_kib[place] = UNKNOWN_MEMORY;
        history->columns[i]->utilization[place] = UNKNOWN_UTILIZATION;
    }
    return place;
}

static void drop_old_columns(struct history *history)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->count; i++) {
        struct column *column = history->columns[i];

        if (column->latest + HISTORY_POINTS > history->latest)
            history->columns[kept++] = column;
        else
            free(column);
    }
    history->count = kept;
}

static void set_point(struct column *column, size_t place, const struct genv_sample *sample)
{
    uint64_t kib = sample->used_memory / 1024;

    if (sample->used_memory != GENV_UNKNOWN_U64)
        column->memory_kib[place] = kib < UNKNOWN_MEMORY ? (uint32_t)kib : UNKNOWN_MEMORY - 1;
    if (sample->utilization >= 0)
        column->utilization[place] = (uint8_t)(sample->utilization < 100 ? sample->utilization : 100);
}

int history_learn(struct history *history, const struct observation *observation)
{
    int64_t slot = observation->time.tv_sec / STEP_SECONDS;
    size_t place = begin_slot(history, slot), hint = 0;

    history->latest = slot;
    for (size_t i = 0; i < observation->host_count; i++) {
        const struct observed_host *host = &observation->hosts[i];

        for (size_t k = 0; host->snapshot && k < host->snapshot->device_count; k++) {
            const struct genv_device *device = &host->snapshot->devices[k];
            struct column *column;
            int r = find_column(history, host->name, device->index, &hint, &column);

            if (r < 0)
                return r;
            column->latest = slot;
            set_point(column, place, &device->sample);
        }
    }
    drop_old_columns(history);
    return 0;
}

/* The places of the last hour's points, oldest first. */
static size_t order_places(const struct history *history, size_t places[static HISTORY_POINTS])
{
    size_t count = 0;

    for (int64_t slot = history->latest - HISTORY_POINTS + 1; slot <= history->latest; slot++) {
        size_t place = (size_t)(slot > 0 ? slot % HISTORY_POINTS : 0);

        if (slot > 0 && history->slots[place] == slot)
            places[count++] = place;
    }
    return count;
}

static void add_column_json(struct text *text, const struct column *column, const size_t *places, size_t count)
{
    text_addf(text, "\"%u\":{\"memory\":[", column->index);
    for (size_t i = 0; i < count; i++) {
        uint32_t kib = column->memory_kib[places[i]];

        if (kib == UNKNOWN_MEMORY)
            text_add(text, i ? ",null" : "null");
        else
            text_addf(text, "%s%llu", i ? "," : "", (unsigned long long)kib * 1024);
    }
    text_add(text, "],\"utilization\":[");
    for (size_t i = 0; i < count; i++) {
        uint8_t utilization = column->utilization[places[i]];

        if (utilization == UNKNOWN_UTILIZATION)
            text_add(text, i ? ",null" : "null");
        else
            text_addf(text, "%s%u", i ? "," : "", utilization);
    }
    text_add(text, "]}");
}

static int compare(const void *left, const void *right)
{
    const struct column *const *a = left, *const *b = right;
    int order = strcmp((*a)->host, (*b)->host);

    if (order)
        return order;
    return (*a)->index < (*b)->index ? -1 : (*a)->index > (*b)->index;
}

static void add_hosts_json(struct text *text, struct column *const *columns, size_t column_count, const size_t *places,
                           size_t count)
{
    for (size_t i = 0; i < column_count; i++) {
        bool first = i == 0 || strcmp(columns[i]->host, columns[i - 1]->host) != 0;
        cleanup_json json_t *name = first ? json_string(columns[i]->host) : NULL;
        cleanup_free char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

        if (first)
            text_addf(text, "%s%s:{", i ? "}," : "", quoted ? quoted : "\"?\"");
        else
            text_add(text, ",");
        add_column_json(text, columns[i], places, count);
    }
    text_add(text, column_count ? "}" : "");
}

char *history_to_json(const struct history *history)
{
    cleanup_free struct column **sorted = calloc(history->count + 1, sizeof(struct column *));
    cleanup_text struct text text = TEXT_INIT;
    size_t places[HISTORY_POINTS], count = order_places(history, places);

    if (!sorted)
        return NULL;
    if (history->count) {
        memcpy(sorted, history->columns, history->count * sizeof(struct column *));
        qsort(sorted, history->count, sizeof(struct column *), compare);
    }
    text_addf(&text, "{\"step\":%d,\"times\":[", STEP_SECONDS);
    for (size_t i = 0; i < count; i++)
        text_addf(&text, "%s%lld", i ? "," : "", (long long)history->slots[places[i]] * STEP_SECONDS);
    text_add(&text, "],\"hosts\":{");
    add_hosts_json(&text, sorted, history->count, places, count);
    text_add(&text, "}}\n");
    return text_take(&text);
}
