/* Metrics of a host that says what it likes: whatever its snapshot holds, a scrape reads it line by line, and no series
 * comes twice. */
#include "fuzz.h"

#include "base/text.h"
#include "monitor/metrics.h"

/* "name" or "name{label="value",…}": what stands in front of the value of @line; 0: it is no sample. */
static size_t series_length(const char *line)
{
    size_t at = strspn(line, "abcdefghijklmnopqrstuvwxyz_");

    if (at == 0 || line[at] == ' ')
        return at;
    if (line[at++] != '{')
        return 0;
    for (;;) {
        at += strspn(line + at, "abcdefghijklmnopqrstuvwxyz_");
        if (strncmp(line + at, "=\"", 2) != 0)
            return 0;
        for (at += 2; line[at] != '"'; at++) {
            at += line[at] == '\\';
            if (!line[at])
                return 0;
        }
        if (line[++at] == '}')
            return at + 1;
        if (line[at++] != ',')
            return 0;
    }
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The series of all lines, each ended by a NUL. */
static void check_unique(char **series, size_t count)
{
    qsort(series, count, sizeof(*series), compare);
    for (size_t i = 1; i < count; i++)
        promise(strcmp(series[i - 1], series[i]) != 0);
}

static void check_exposition(char *text, size_t length, enum metrics_format format)
{
    cleanup_free char **series = calloc(length + 1, sizeof(*series));
    char *rest = text, *line;
    bool ended = false;
    size_t count = 0;

    promise(series && strlen(text) == length && length && text[length - 1] == '\n');
    text[length - 1] = '\0';
    while ((line = strsep(&rest, "\n"))) {
        size_t end = series_length(line);
        char *number_end;

        promise(!ended && utf8_is_printable(line));
        ended = format == METRICS_OPENMETRICS && strcmp(line, "# EOF") == 0;
        if (*line == '#')
            continue;
        promise(end && line[end] == ' ' && line[end + 1]);
        strtod(line + end + 1, &number_end);
        promise(*number_end == '\0');
        line[end] = '\0';
        series[count++] = line;
    }
    promise(ended == (format == METRICS_OPENMETRICS));
    check_unique(series, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct observed_host hosts[] = {{.name = "gpu-\"1\"", .up = true, .has_genv = true}, {.name = "gpu2"}};
    const struct observation observation = {.time = {.tv_sec = 1795169652}, .hosts = hosts, .host_count = 2};
    cleanup_free char *text = input_text(data, size);
    struct idle idle = {.count = 0};

    if (genv_snapshot_from_json(text, size, &hosts[0].snapshot, NULL) < 0)
        return 0;
    for (int look = 0; look < 2; look++) {
        promise(idle_learn(&idle, &observation) == 0);
        for (enum metrics_format format = METRICS_PROMETHEUS; format <= METRICS_OPENMETRICS; format++) {
            size_t length = 0;
            cleanup_free char *rendered = metrics_render(&observation, &idle, true, format, &length);

            promise(rendered);
            check_exposition(rendered, length, format);
        }
    }
    idle_release(&idle);
    genv_snapshot_free(hosts[0].snapshot);
    return 0;
}
