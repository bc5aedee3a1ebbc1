/* genv-container-runtime: the machine's own OCI runtime, whose containers get devices of genv environments. */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"
#include "container/create.h"
#include "container/enter.h"
#include "container/hook.h"
#include "container/lower.h"

/* Engines read why a container was not created from the runtime's log. */
static void log_json(struct text *line, const char *message)
{
    time_t now = time(NULL);
    json_t *entry;
    char *text, stamp[64];
    struct tm tm;

    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    entry = json_pack("{ss ss ss}", "level", "error", "msg", message, "time", stamp);
    text = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    text_addf(line, "%s\n", text ? text : "{}");
    free(text);
    json_decref(entry);
}

static void complain(const struct runtime_line *line, const char *message)
{
    cleanup_text struct text text = TEXT_INIT, full = TEXT_INIT;
    cleanup_close int log =
        line->log ? open(line->log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0644) : -1;

    text_addf(&full, "genv: %s", message);
    if (line->log_is_json)
        log_json(&text, full.failed ? message : full.data);
    else
        text_addf(&text, "level=error msg=\"genv: %s\"\n", message);
    if (log >= 0 && !text.failed)
        file_write(log, text.data, text.length);
    text_add(&full, "\n");
    if (!full.failed)
        file_write(STDERR_FILENO, full.data, full.length);
}

static int main_hook(char **argv, int argc)
{
    struct genv_error err = {0};

    if (argc < 4 || hook_run(argv[2], argv[3], argv + 4, STDIN_FILENO, &err) < 0) {
        complain(&(struct runtime_line){.command = NULL},
                 argc >= 4 ? err.message : "--hook takes a name and an identifier");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    cleanup_free char *lower = NULL;
    struct genv_error err = {0};
    struct runtime_line line;
    int r, status = 0;

    if (argc > 1 && strcmp(argv[1], "--hook") == 0)
        return main_hook(argv, argc);
    if (argc < 1)
        return 1;
    line = line_read(argv);
    r = lower_find(&lower, &err);
    if (r == 0 && line.command && (strcmp(*line.command, "create") == 0 || strcmp(*line.command, "run") == 0))
        r = create_container(argv, &line, lower, &status, &err);
    else if (r == 0 && line.command && strcmp(*line.command, "exec") == 0)
        r = enter_container(argv, &line, lower, &err);
    if (r > 0)
        return status;
    if (r == 0)
        lower_become(lower, argv, &err);
    complain(&line, err.message);
    return 1;
}
