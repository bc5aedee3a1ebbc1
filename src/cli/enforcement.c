/* What `genv enforce` and `genv remote enforce` share. */
#include "cli/enforcement.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "enforce/notify.h"

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
     .help = "How long to wait between two looks, by default 10; 0 looks once",
     .offset = offsetof(struct enforcement_options, interval_seconds)},
    {.name = "non-env-processes",
     .type = OPTION_FLAG,
     .help = "Terminate processes that use a device outside any environment",
     .offset = offsetof(struct enforcement_options, non_env_processes),
     .group = GROUP_NON_ENV},
    {.name = "no-non-env-processes",
     .type = OPTION_FLAG,
     .help = "Leave them alone (the default)",
     .offset = offsetof(struct enforcement_options, no_non_env_processes),
     .group = GROUP_NON_ENV},
    {.name = "env-devices",
     .type = OPTION_FLAG,
     .help = "Terminate processes of an environment that use a device which is not attached to it (the default)",
     .offset = offsetof(struct enforcement_options, env_devices),
     .group = GROUP_DEVICES},
    {.name = "no-env-devices",
     .type = OPTION_FLAG,
     .help = "Leave them alone",
     .offset = offsetof(struct enforcement_options, no_env_devices),
     .group = GROUP_DEVICES},
    {.name = "env-memory",
     .type = OPTION_FLAG,
     .help = "Where an environment's processes use more of a device than its capacity, terminate them, largest first, "
             "until it fits (the default)",
     .offset = offsetof(struct enforcement_options, env_memory),
     .group = GROUP_MEMORY},
    {.name = "no-env-memory",
     .type = OPTION_FLAG,
     .help = "Leave them alone",
     .offset = offsetof(struct enforcement_options, no_env_memory),
     .group = GROUP_MEMORY},
    {.name = "max-devices-per-user",
     .type = OPTION_COUNT,
     .argument = "N",
     .help = "Detach the newest devices of users who hold more than so many, and terminate what runs there",
     .offset = offsetof(struct enforcement_options, max_devices)},
    {.name = "max-devices-for-user",
     .type = OPTION_WORDS,
     .argument = "USER=N",
     .help = "The maximum of these users, such as john=3 paul=2",
     .offset = offsetof(struct enforcement_options, max_devices_for)},
    {.name = "max-memory-per-user",
     .type = OPTION_AMOUNT,
     .argument = "AMOUNT",
     .help = "The same for the memory of the devices that are held, each by its capacity",
     .offset = offsetof(struct enforcement_options, max_memory)},
    {.name = "limits",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help = "Maxima of users and groups, by default /etc/genv/limits.conf where it exists",
     .offset = offsetof(struct enforcement_options, limits_file)},
    {.name = "dry-run",
     .letter = 'n',
     .type = OPTION_FLAG,
     .help = "Say what would be done, and do nothing; so does GENV_TERMINATE_PROCESSES=0",
     .offset = offsetof(struct enforcement_options, dry_run)},
    {.name = "grace",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Tell the user on his terminals first, and act if it still holds so much later; by default at once",
     .offset = offsetof(struct enforcement_options, grace_seconds)},
    {.name = "kill-after",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Kill a process that is still there so long after it was told to terminate; by default 5",
     .offset = offsetof(struct enforcement_options, kill_after_seconds)},
    {.name = "log",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .help = "The journal; by default, for root, enforcement.log in the state directory",
     .offset = offsetof(struct enforcement_options, log)},
    {.name = "history",
     .type = OPTION_FLAG,
     .help = "Print the journal, and do nothing else",
     .offset = offsetof(struct enforcement_options, history)},
    {.name = "format",
     .letter = 'f',
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .help = "Print as text (the default) or as json, an object a line",
     .offset = offsetof(struct enforcement_options, format),
     .choices = formats},
    {.name = NULL},
};

/* "john=3" */
static int parse_user_limit(const char *word, struct limit *ret_limit, struct genv_error *err)
{
    struct limit limit = {.subject = LIMIT_USER, .kind = LIMIT_DEVICES};
    const struct option count = {.type = OPTION_COUNT};
    const char *equals = strrchr(word, '=');
    int devices, r;

    if (!equals || equals == word || (size_t)(equals - word) >= sizeof(limit.name))
        return error_set(err, EINVAL, "--max-devices-for-user: '%s' is not USER=N, such as john=3", word);
    memcpy(limit.name, word, (size_t)(equals - word));
    r = option_parse_value(&count, equals + 1, &devices, err);
    if (r < 0)
        return error_prefix(err, r, "--max-devices-for-user: %s", limit.name);
    limit.maximum = (uint64_t)devices;
    *ret_limit = limit;
    return 0;
}

/* The values of --max-devices-for-user: each of that form, and no user twice. */
static int check_words(const struct option_words *words, struct genv_error *err)
{
    struct limit limits[OPTION_CHOICES_MAX];

    for (size_t i = 0; i < words->count; i++) {
        int r = parse_user_limit(words->items[i], &limits[i], err);

        if (r < 0)
            return r;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(limits[i].name, limits[k].name) == 0)
                return error_set(err, EINVAL, "--max-devices-for-user: %s has two maxima: give one", limits[i].name);
        }
    }
    return 0;
}

/* The file's, then those of the options instead. */
static int collect_limits(const struct enforcement_options *options, struct limits *limits, struct genv_error *err)
{
    struct limit anyone = {.subject = LIMIT_ANYONE}, user;
    int r;

    if (options->limits_file && access(options->limits_file, F_OK) < 0)
        return error_set_errno(err, errno, "can't read the limits file %s", options->limits_file);
    r = limits_load(options->limits_file ? options->limits_file : LIMITS_FILE, limits, err);
    if (r == 0 && options->max_devices >= 0) {
        anyone.kind = LIMIT_DEVICES;
        anyone.maximum = (uint64_t)options->max_devices;
        r = limits_set(limits, &anyone, err);
    }
    if (r == 0 && options->max_memory) {
        anyone.kind = LIMIT_MEMORY;
        anyone.maximum = options->max_memory;
        r = limits_set(limits, &anyone, err);
    }
    for (size_t i = 0; r == 0 && i < options->max_devices_for.count; i++) {
        r = parse_user_limit(options->max_devices_for.items[i], &user, err);
        if (r == 0)
            r = limits_set(limits, &user, err);
    }
    return r;
}

static unsigned choose_rules(const struct enforcement_options *options, const struct limits *limits)
{
    unsigned rules = 0;

    if (options->non_env_processes)
        rules |= 1U << RULE_NON_ENV_PROCESSES;
    if (!options->no_env_devices)
        rules |= 1U << RULE_ENV_DEVICES;
    if (!options->no_env_memory)
        rules |= 1U << RULE_ENV_MEMORY;
    for (size_t i = 0; i < limits->count; i++)
        rules |= 1U << (limits->items[i].kind == LIMIT_DEVICES ? RULE_MAX_DEVICES : RULE_MAX_MEMORY);
    return rules;
}

/* Only root's enforcement has a journal unless one is named: the state directory's is root's. */
static bool has_journal(const struct enforcement_options *options)
{
    return options->log || geteuid() == 0;
}

/* The journal's path; free() it. */
static char *journal_path(const char *state, const struct enforcement_options *options)
{
    struct text path = TEXT_INIT;

    if (options->log)
        text_add(&path, options->log);
    else
        text_addf(&path, "%s/" JOURNAL_NAME, state);
    return text_take(&path);
}

/* Where nobody has used genv yet there is no state directory either: the journal waits for it. */
static int open_journal(struct enforcement *enforcement, struct genv_error *err)
{
    const struct enforcement_options *options = enforcement->options;
    cleanup_free char *path = NULL;
    int r;

    if (enforcement->journal || !has_journal(options))
        return 0;
    path = journal_path(enforcement->state, options);
    if (!path)
        return error_no_memory(err);
    r = options->log ? log_open(path, &enforcement->journal, err) : log_open_own(path, &enforcement->journal, err);
    return r == -ENOENT && !options->log ? 0 : r;
}

static const char *limits_path(const struct enforcement *enforcement)
{
    const char *path = enforcement->options->limits_file;

    return path ? path : LIMITS_FILE;
}

/* Reads the limits, over those that there are; if they are wrong these stay. */
static int read_limits(struct enforcement *enforcement, struct genv_error *err)
{
    cleanup_limits struct limits limits = {0};
    int r;

    if (stat(limits_path(enforcement), &enforcement->limits_stat) < 0)
        enforcement->limits_stat = (struct stat){.st_ino = 0};
    r = collect_limits(enforcement->options, &limits, err);
    if (r == 0)
        r = limits_check_subjects(&limits, limits_path(enforcement), enforcement->local, err);
    if (r < 0)
        return r;
    limits_release(&enforcement->limits);
    enforcement->limits = limits;
    limits = (struct limits){0};
    enforcement->rounds.rules = choose_rules(enforcement->options, &enforcement->limits);
    return 0;
}

/* Attaching reads the file each time: so must who enforces. */
static void follow_limits(struct enforcement *enforcement)
{
    const struct stat *before = &enforcement->limits_stat;
    struct genv_error err = {0};
    struct stat now;

    if (stat(limits_path(enforcement), &now) < 0)
        now = (struct stat){.st_ino = 0};
    if (now.st_ino == before->st_ino && now.st_dev == before->st_dev && now.st_size == before->st_size &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return;
    if (read_limits(enforcement, &err) < 0) {
        error_prefix(&err, -EINVAL, "the limits are as before");
        cli_complain(err.message);
    }
}

int enforcement_begin(struct enforcement *enforcement, struct cli *cli, const struct enforcement_options *options,
                      bool local, struct genv_error *err)
{
    const char *terminate = getenv("GENV_TERMINATE_PROCESSES");
    int r = check_words(&options->max_devices_for, err);

    *enforcement = (struct enforcement){.cli = cli, .options = options, .local = local};
    enforcement->dry_run = options->dry_run || (terminate && strcmp(terminate, "0") == 0);
    enforcement->rounds.limits = &enforcement->limits;
    enforcement->rounds.grace_seconds = enforcement->dry_run ? 0 : options->grace_seconds;
    enforcement->rounds.retry = !enforcement->dry_run;
    if (r < 0)
        return cli_usage_error(cli, r, err);
    r = cli_open(cli, err);
    if (r < 0)
        return r;
    enforcement->state = genv_state_directory(cli->genv);
    r = read_limits(enforcement, err);
    return r < 0 ? r : open_journal(enforcement, err);
}

void enforcement_end(struct enforcement *enforcement)
{
    limits_release(&enforcement->limits);
    log_close(enforcement->journal);
    rounds_release(&enforcement->rounds);
}

void enforcement_tell_entry(struct enforcement *enforcement, json_t *entry)
{
    const char *host = json_string_value(json_object_get(entry, "host"));
    const char *message = json_string_value(json_object_get(entry, "message"));
    cleanup_text struct text line = TEXT_INIT;
    struct genv_error err = {0};

    if (enforcement->options->format == FORMAT_JSON) {
        cleanup_free char *printed = json_dumps(entry, JSON_COMPACT);

        text_addf(&line, "%s\n", printed ? printed : "{}");
    } else {
        text_addf(&line, host ? "[%s] %s\n" : "%s%s\n", host ? host : "", message ? message : "");
    }
    if (!line.failed)
        file_write(STDOUT_FILENO, line.data, line.length); /* at once: whoever reads along wants to know now */
    if (open_journal(enforcement, &err) < 0 ||
        (enforcement->journal && log_write(enforcement->journal, entry, &err) < 0)) {
        enforcement->failed = true;
        cli_complain(err.message);
    }
}

void enforcement_tell(struct enforcement *enforcement, const char *host, const char *event,
                      const struct violation *violation, const char *error, const char *message)
{
    cleanup_json json_t *entry = journal_entry(event, host, violation, error, message);

    if (entry)
        enforcement_tell_entry(enforcement, entry);
}

int enforcement_look(struct enforcement *enforcement, const struct enforce_host *hosts, size_t host_count,
                     struct violation_list *ret_new, struct violation_list *ret_due, struct genv_error *err)
{
    int r;

    follow_limits(enforcement);
    r = rounds_look(&enforcement->rounds, hosts, host_count, ret_new, ret_due, err);

    for (size_t i = 0; r == 0 && i < ret_new->count; i++) {
        const struct violation *violation = &ret_new->items[i];
        cleanup_text struct text sentence = TEXT_INIT;

        violation_describe(violation, &sentence);
        enforcement_tell(enforcement, hosts[violation->host].name, "found", violation, NULL,
                         sentence.data ? sentence.data : "");
    }
    return r;
}

bool enforcement_warn(const struct violation *violation, const struct genv_snapshot *snapshot, double grace_seconds,
                      struct text *sentence)
{
    const struct genv_env *env = *violation->eid ? genv_snapshot_env(snapshot, violation->eid) : NULL;
    size_t count = 0;
    pid_t pids[64];

    if (violation->pid)
        pids[count++] = violation->pid;
    for (size_t i = 0; env && i < env->process_count && count < ARRAY_SIZE(pids); i++)
        pids[count++] = env->processes[i].pid;
    violation_describe(violation, sentence);
    text_addf(sentence, "; in %g seconds %s", grace_seconds,
              violation->pid ? "it will be terminated" : "the device will be detached");
    return !sentence->failed && notify_user(violation->uid, pids, count, sentence->data) > 0;
}

struct history {
    const struct enforcement_options *options;
    struct text *output;
};

static void add_history(json_t *entry, void *data)
{
    struct history *history = data;
    const char *host = json_string_value(json_object_get(entry, "host"));
    const char *time = json_string_value(json_object_get(entry, "time"));
    const char *message = json_string_value(json_object_get(entry, "message"));

    if (history->options->format == FORMAT_JSON) {
        cleanup_free char *printed = json_dumps(entry, JSON_COMPACT);

        text_addf(history->output, "%s\n", printed ? printed : "{}");
        return;
    }
    text_addf(history->output, "%s ", time ? time : "?");
    if (host)
        text_addf(history->output, "[%s] ", host);
    text_addf(history->output, "%s\n", message ? message : "?");
}

int enforcement_print_history(struct cli *cli, const struct enforcement_options *options, struct genv_error *err)
{
    struct history history = {options, &cli->output};
    cleanup_free char *path = NULL;
    int r = cli_open(cli, err);

    if (r < 0)
        return r;
    path = journal_path(genv_state_directory(cli->genv), options);
    r = path ? journal_read(path, add_history, &history, err) : error_no_memory(err);
    return r == -ENOENT ? error_set(err, ENOENT, "there is no journal of enforcement yet: %s", path) : r;
}
