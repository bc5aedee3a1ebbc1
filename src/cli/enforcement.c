/* What `genv enforce` and `genv remote enforce` share. */
#include "cli/enforcement.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

enum { FORMAT_TEXT, FORMAT_JSON };

static const char *const formats[] = {[FORMAT_TEXT] = "text", [FORMAT_JSON] = "json", NULL};

const struct enforcement_options enforcement_defaults = {
    .interval_seconds = 10, .max_devices = -1, .kill_after_seconds = 5};

enum { GROUP_NON_ENV = 1, GROUP_DEVICES, GROUP_MEMORY };

const struct option enforcement_option_rows[] = {
    {.name = "interval",
     .letter = 'i',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Check every SECONDS; 0 checks once (default: 10)",
     .offset = offsetof(struct enforcement_options, interval_seconds)},
    {.name = "non-env-processes",
     .type = OPTION_FLAG,
     .help = "Terminate processes that use a device outside any environment",
     .offset = offsetof(struct enforcement_options, non_env_processes),
     .group = GROUP_NON_ENV},
    {.name = "no-non-env-processes",
     .type = OPTION_FLAG,
     .help = "Do not terminate processes outside environments (the default)",
     .offset = offsetof(struct enforcement_options, no_non_env_processes),
     .group = GROUP_NON_ENV},
    {.name = "env-devices",
     .type = OPTION_FLAG,
     .help = "Terminate processes that use a device not attached to their environment (the default)",
     .offset = offsetof(struct enforcement_options, env_devices),
     .group = GROUP_DEVICES},
    {.name = "no-env-devices",
     .type = OPTION_FLAG,
     .help = "Do not terminate processes that use a device not attached to their environment",
     .offset = offsetof(struct enforcement_options, no_env_devices),
     .group = GROUP_DEVICES},
    {.name = "env-memory",
     .type = OPTION_FLAG,
     .help = "If an environment uses more of a device's memory than it reserved, terminate its processes there, "
             "largest first, until the rest fits (the default)",
     .offset = offsetof(struct enforcement_options, env_memory),
     .group = GROUP_MEMORY},
    {.name = "no-env-memory",
     .type = OPTION_FLAG,
     .help = "Do not terminate processes of an environment that uses more memory than it reserved",
     .offset = offsetof(struct enforcement_options, no_env_memory),
     .group = GROUP_MEMORY},
    {.name = "max-devices-per-user",
     .type = OPTION_COUNT,
     .argument = "N",
     .help = "Limit each user to N devices: detach the newest ones beyond N, and terminate the processes of their "
             "environments on them",
     .offset = offsetof(struct enforcement_options, max_devices)},
    {.name = "max-devices-for-user",
     .type = OPTION_WORDS,
     .argument = "USER=N",
     .help = "Limit USER to N devices instead; several can be given, as in john=3 paul=2",
     .offset = offsetof(struct enforcement_options, max_devices_for)},
    {.name = "max-memory-per-user",
     .type = OPTION_AMOUNT,
     .argument = "AMOUNT",
     .help = "Limit each user to AMOUNT of device memory in total; a device that is attached without a memory capacity "
             "counts with all its memory",
     .offset = offsetof(struct enforcement_options, max_memory)},
    {.name = "limits",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help = "Read limits of users and groups from FILE (default: /etc/genv/limits.conf, if it exists)",
     .offset = offsetof(struct enforcement_options, limits_file)},
    {.name = "dry-run",
     .letter = 'n',
     .type = OPTION_FLAG,
     .help = "Only print what would be done, as with GENV_TERMINATE_PROCESSES=0",
     .offset = offsetof(struct enforcement_options, dry_run)},
    {.name = "grace",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Warn users on their terminals, and act SECONDS later if the rule is still broken (default: act at once)",
     .offset = offsetof(struct enforcement_options, grace_seconds)},
    {.name = "kill-after",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Send SIGKILL to a process that is still there SECONDS after SIGTERM (default: 5)",
     .offset = offsetof(struct enforcement_options, kill_after_seconds)},
    {.name = "log",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help = "Keep a log of violations and actions in FILE (default, for root: enforcement.log in the state directory)",
     .offset = offsetof(struct enforcement_options, log)},
    {.name = "history",
     .type = OPTION_FLAG,
     .help = "Print the log and exit",
     .offset = offsetof(struct enforcement_options, history)},
    {.name = "format",
     .letter = 'f',
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .help = "Print text, or json with one object per line (default: text)",
     .offset = offsetof(struct enforcement_options, format),
     .choices = formats},
    {.name = NULL},
};

/* "john=3" */
static int parse_user_maximum(const char *word, struct session_maximum *ret_maximum, struct genv_error *err)
{
    struct session_maximum maximum = {.is_memory = false};
    const struct option count = {.type = OPTION_COUNT};
    const char *equals = strrchr(word, '=');
    int devices, r;

    if (!equals || equals == word || (size_t)(equals - word) >= sizeof(maximum.user))
        return error_set(err, EINVAL, "--max-devices-for-user: expected USER=N, such as john=3, not '%s'", word);
    memcpy(maximum.user, word, (size_t)(equals - word));
    r = option_parse_value(&count, equals + 1, &devices, err);
    if (r < 0)
        return error_prefix(err, r, "--max-devices-for-user: %s", maximum.user);
    maximum.amount = (uint64_t)devices;
    *ret_maximum = maximum;
    return 0;
}

/* The values of --max-devices-for-user: each of that form, and no user twice. */
static int parse_words(const struct option_words *words, struct session_maximum *ret_maxima, struct genv_error *err)
{
    for (size_t i = 0; i < words->count; i++) {
        int r = parse_user_maximum(words->items[i], &ret_maxima[i], err);

        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(ret_maxima[i].user, ret_maxima[k].user) == 0)
                return error_set(err, EINVAL, "--max-devices-for-user: %s is given twice", ret_maxima[i].user);
        }
    }
    return 0;
}

/* The line of an entry, as it is printed while it happens and, with its @time, later. */
static void add_entry(struct text *text, json_t *entry, int format, const char *time)
{
    const char *host = json_string_value(json_object_get(entry, "host"));
    const char *message = json_string_value(json_object_get(entry, "message"));

    if (format == FORMAT_JSON) {
        cleanup_free char *printed = json_dumps(entry, JSON_COMPACT);

        text_addf(text, "%s\n", printed ? printed : "{}");
        return;
    }
    if (time)
        text_addf(text, "%s ", time);
    if (host)
        text_addf(text, "[%s] ", host);
    text_addf(text, "%s\n", message ? message : time ? "?" : "");
}

/* At once: whoever reads along wants to know now. */
static void tell(json_t *entry, void *data)
{
    const struct enforcement *enforcement = data;
    cleanup_text struct text line = TEXT_INIT;

    add_entry(&line, entry, enforcement->format, NULL);
    if (!line.failed)
        file_write(STDOUT_FILENO, line.data, line.length);
}

static void complain(const char *message, bool passing, void *data)
{
    const struct enforcement *enforcement = data;

    if (passing)
        cli_warn(enforcement->cli, message);
    else
        program_complain(message);
}

int enforcement_prepare(struct enforcement *enforcement, struct cli *cli, const struct enforcement_options *values,
                        struct genv_error *err)
{
    size_t count = 0;
    int r;

    *enforcement = (struct enforcement){.cli = cli, .format = values->format};
    if (values->max_devices >= 0)
        enforcement->maxima[count++].amount = (uint64_t)values->max_devices;
    if (values->max_memory)
        enforcement->maxima[count++] = (struct session_maximum){.is_memory = true, .amount = values->max_memory};
    r = parse_words(&values->max_devices_for, &enforcement->maxima[count], err);
    if (r < 0)
        return cli_usage_error(cli, r, err);
    enforcement->session = (struct session_options){
        .interval_seconds = values->interval_seconds,
        .non_env_processes = values->non_env_processes,
        .env_devices = !values->no_env_devices,
        .env_memory = !values->no_env_memory,
        .maxima = enforcement->maxima,
        .maximum_count = count + values->max_devices_for.count,
        .limits_file = values->limits_file,
        .dry_run = values->dry_run,
        .grace_seconds = values->grace_seconds,
        .kill_after_seconds = values->kill_after_seconds,
        .journal = values->log,
        .tell = tell,
        .complain = complain,
        .data = enforcement,
    };
    return cli_open(cli, err);
}

struct history {
    struct text *output;
    int format;
};

static void add_history(json_t *entry, void *data)
{
    struct history *history = data;
    const char *time = json_string_value(json_object_get(entry, "time"));

    add_entry(history->output, entry, history->format, time ? time : "?");
}

int enforcement_print_history(struct cli *cli, const struct enforcement_options *options, struct genv_error *err)
{
    struct history history = {&cli->output, options->format};
    cleanup_free char *path = NULL;
    int r = cli_open(cli, err);

    if (r < 0)
        return r;
    path = session_journal_path(genv_state_directory(cli->genv), options->log);
    r = path ? journal_read(path, add_history, &history, err) : error_no_memory(err);
    return r == -ENOENT ? error_set(err, ENOENT, "there is no enforcement log yet: %s", path) : r;
}
