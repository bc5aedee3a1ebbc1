/* The command line of an OCI runtime. */
#include "container/line.h"

#include <string.h>

#include "base/macros.h"

struct line_option {
    const char *name;
    char letter; /* of the short form, or 0 */
    bool has_value;
};

/* What runc, crun and youki have in front of the command. */
static const struct line_option global_options[] = {
    {"cgroup-manager", 0, true},    {"criu", 0, true},       {"debug", 0, false},
    {"help", 'h', false},           {"log", 'l', true},      {"log-format", 0, true},
    {"log-level", 0, true},         {"root", 'r', true},     {"rootless", 0, true},
    {"systemd-cgroup", 's', false}, {"version", 'v', false},
};

/* And behind create, run and exec. */
static const struct line_option command_options[] = {
    {"additional-gids", 'g', true},
    {"apparmor", 0, true},
    {"bundle", 'b', true},
    {"cap", 'c', true},
    {"cgroup", 0, true},
    {"config", 'f', true},
    {"console-socket", 0, true},
    {"cwd", 0, true},
    {"detach", 'd', false},
    {"env", 'e', true},
    {"help", 'h', false},
    {"ignore-paused", 0, false},
    {"keep", 0, false},
    {"no-new-keyring", 0, false},
    {"no-new-privs", 0, false},
    {"no-pivot", 0, false},
    {"no-subreaper", 0, false},
    {"pid-file", 0, true},
    {"pidfd-socket", 0, true},
    {"preserve-fds", 0, true},
    {"process", 'p', true},
    {"process-label", 0, true},
    {"tty", 't', false},
    {"user", 'u', true},
};

static const char *const commands[] = {
    "checkpoint", "create", "delete", "events",  "exec",   "features", "help", "init",  "kill",  "list",
    "mounts",     "pause",  "ps",     "restore", "resume", "run",      "spec", "start", "state", "update",
};

static bool is_command(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i], word) == 0)
            return true;
    }
    return false;
}

struct word {
    const struct line_option *option; /* NULL: it is not known */
    const char *value;                /* NULL: none */
    size_t count;                     /* words that it takes; 0: this is no option */
    bool detach;                      /* it is, or has among its letters, what lets `run` return at once */
};

static const struct line_option *find(const struct line_option *options, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if ((strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0) ||
            (length == 1 && *name == options[i].letter))
            return &options[i];
    }
    return NULL;
}

/* crun takes the beginning of a name for all of it, where no other one begins so. */
static const struct line_option *find_beginning(const struct line_option *options, size_t count, const char *name,
                                                size_t length)
{
    const struct line_option *found = NULL;

    for (size_t i = 0; length && i < count; i++) {
        if (strncmp(options[i].name, name, length) != 0)
            continue;
        if (found)
            return NULL;
        found = &options[i];
    }
    return found;
}

static bool is_detach(const struct line_option *option)
{
    return strcmp(option->name, "detach") == 0;
}

/* crun's letters: several in a word, the last one perhaps with its value. */
static void read_letters(const struct line_option *options, size_t count, char **words, struct word *word)
{
    for (const char *c = words[0] + 1; *c; c++) {
        const struct line_option *option = find(options, count, c, 1);

        if (!option)
            return;
        word->detach |= is_detach(option);
        if (!option->has_value)
            continue;
        word->option = option;
        word->value = c[1] ? c + 1 : words[1];
        word->count = c[1] || !words[1] ? 1 : 2;
        return;
    }
}

/* runc takes one dash for two, and does not join letters. */
static struct word read_word(const struct line_option *options, size_t count, char **words, bool before_command)
{
    const char *name = words[0], *equals;
    struct word word = {.count = 1};
    size_t length;
    bool is_long;

    if (name[0] != '-' || !name[1] || strcmp(name, "--") == 0)
        return (struct word){.count = 0};
    is_long = name[1] == '-';
    name += is_long ? 2 : 1;
    equals = strchr(name, '=');
    length = equals ? (size_t)(equals - name) : strlen(name);
    word.option = find(options, count, name, length);
    if (!word.option && is_long)
        word.option = find_beginning(options, count, name, length);
    if (!word.option && !is_long) {
        read_letters(options, count, words, &word);
        if (word.option)
            return word;
    }
    word.detach |= word.option && is_detach(word.option);
    if (equals) {
        word.value = equals + 1;
    } else if (words[1] && (word.option ? word.option->has_value : before_command && !is_command(words[1]))) {
        word.value = words[1];
        word.count = 2;
    }
    return word;
}

static bool word_is(const struct word *word, const char *name)
{
    return word->option && word->value && strcmp(word->option->name, name) == 0;
}

/* crun also takes options behind the identifier; behind that of `exec` they are the program's. */
static void read_command(char **words, bool is_exec, struct runtime_line *line)
{
    struct word word;

    for (; *words; words += word.count) {
        word = read_word(command_options, ARRAY_SIZE(command_options), words, false);
        if (!word.count) {
            bool at_end = strcmp(*words, "--") == 0;

            if (!line->id)
                line->id = words[at_end];
            if (at_end || is_exec)
                return;
            word.count = 1;
            continue;
        }
        line->detach |= word.detach;
        if (word_is(&word, "bundle")) {
            line->bundle = word.value;
        } else if (word_is(&word, "config")) {
            line->config = word.value;
        } else if (word_is(&word, "process")) {
            line->process_file = word.value;
        }
    }
}

struct runtime_line line_read(char **words)
{
    struct runtime_line line = {.bundle = "."};
    struct word word;

    for (words++; *words; words += word.count) {
        word = read_word(global_options, ARRAY_SIZE(global_options), words, true);
        if (!word.count)
            break;
        if (word_is(&word, "log"))
            line.log = word.value;
        else if (word_is(&word, "log-format"))
            line.log_is_json = strcmp(word.value, "json") == 0;
    }
    if (!*words || strcmp(*words, "--") == 0)
        return line;
    line.command = words++;
    read_command(words, strcmp(*line.command, "exec") == 0, &line);
    return line;
}
