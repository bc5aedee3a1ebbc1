/* genv complete: what could be typed next, for the completions of bash, zsh and fish. */
#include <string.h>
#include <sys/timerfd.h>

#include "cli/cli.h"
#include "option/help.h"
#include "shim/docker_command.h"
#include "shim/docker_genv.h"

#define PATIENCE_MS 200 /* of somebody who types, with a driver */

/* What the words before the one to be completed have come to. */
struct position {
    struct cli *cli;
    const struct command *command; /* NULL: none yet */
    const struct option *option;   /* whose value comes next, or NULL */
    const struct option *list;     /* to which the next word may belong, or NULL */
    const struct command *topic;   /* that help was asked for, or NULL */
    bool only_operands;
    int operand_count;
    int program; /* which word is the command of lock or run, or -1 */
};

static void add_candidate(struct position *at, const char *before, const char *word, const char *candidate,
                          const char *description)
{
    if (strncmp(candidate, word, strlen(word)) != 0)
        return;
    text_addf(&at->cli->output, "%s%s", before, candidate);
    if (description && *description)
        text_addf(&at->cli->output, "\t%s", description);
    text_add(&at->cli->output, "\n");
}

static void add_choices(struct position *at, const char *before, const char *word, const char *const *choices)
{
    for (; choices && *choices; choices++)
        add_candidate(at, before, word, *choices, NULL);
}

/* NULL: not in time, or for any other reason, of which nothing is said. */
static struct genv_snapshot *look(enum genv_depth depth)
{
    const struct itimerspec patience = {.it_value = {.tv_nsec = PATIENCE_MS * 1000000}};
    struct genv_snapshot *snapshot = NULL;
    struct genv *g = NULL;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    if (timer >= 0 && timerfd_settime(timer, 0, &patience, NULL) == 0 && genv_open(NULL, &g, NULL) == 0) {
        genv_set_cancel(g, timer);
        genv_snapshot_take(g, depth, &snapshot, NULL);
    }
    genv_close(g);
    if (timer >= 0)
        close(timer);
    return snapshot;
}

static void add_eids(struct position *at, const char *before, const char *word)
{
    cleanup_snapshot struct genv_snapshot *snapshot = look(GENV_DEPTH_ENVS);

    for (size_t i = 0; snapshot && i < snapshot->env_count; i++)
        add_candidate(at, before, word, snapshot->envs[i].eid, snapshot->envs[i].config.name);
}

static void add_indices(struct position *at, const char *before, const char *word)
{
    cleanup_snapshot struct genv_snapshot *snapshot = look(GENV_DEPTH_DEVICES);

    for (size_t i = 0; snapshot && i < snapshot->device_count; i++) {
        char index[16];

        snprintf(index, sizeof(index), "%u", snapshot->devices[i].index);
        add_candidate(at, before, word, index, snapshot->devices[i].name);
    }
}

/* Values of @option that begin with @word; @before is what stands in the same word in front of them. */
static void add_values(struct position *at, const struct option *option, const char *before, const char *word)
{
    if (option->type == OPTION_EID)
        add_eids(at, before, word);
    if (option->type == OPTION_DEVICE)
        add_indices(at, before, word);
    add_choices(at, before, word, option->choices);
}

static void add_commands(struct position *at, const struct command *const *list, const char *word)
{
    for (; list && *list; list++) {
        if (!(*list)->hidden)
            add_candidate(at, "", word, command_word(*list), (*list)->summary);
    }
}

static void add_options(struct position *at, const char *word)
{
    const struct option *options = at->command ? at->command->options : NULL;
    char name[64];

    for (; options && options->name; options++) {
        if (!options->help)
            continue;
        snprintf(name, sizeof(name), "--%s", options->name);
        add_candidate(at, "", word, name, options->help);
    }
    add_candidate(at, "", word, "--help", help_option.help);
    if (!at->command)
        add_candidate(at, "", word, "--version", command_version.summary);
}

/* Reads one word in front of the one to be completed. */
static void pass_option(struct position *at, const char *word)
{
    const struct option *option;
    size_t length;

    if (word[1] == '-') {
        length = strcspn(word + 2, "=");
        option = option_find(at->command->options, word + 2, length);
        if (option && option->type != OPTION_FLAG && word[2 + length] == '\0')
            at->option = option;
        return;
    }
    for (word++; *word; word++) {
        option = option_find_letter(at->command->options, *word);
        if (!option || option->type == OPTION_FLAG)
            continue;
        at->option = word[1] ? NULL : option;
        return;
    }
}

static void pass(struct position *at, const char *word, int position)
{
    const struct option *option = at->option;

    if (option && strcmp(word, "=") == 0) /* bash takes "--format=csv" apart */
        return;
    if (option || (at->list && word[0] != '-')) {
        at->list = option && (option->type == OPTION_CHOICES || option->type == OPTION_WORDS) ? option : at->list;
        at->option = NULL;
        return;
    }
    at->list = NULL;
    if (!at->command) {
        at->command = word[0] == '-' ? NULL : command_find(NULL, word);
        return;
    }
    if (!at->only_operands && word[0] == '-' && word[1]) {
        if (strcmp(word, "--") == 0)
            at->only_operands = true;
        else
            pass_option(at, word);
        return;
    }
    if (at->command->operands.kind == OPERAND_TOPIC)
        at->topic = at->operand_count == 0 ? command_find(NULL, word) : NULL;
    if (at->operand_count == 0 && command_find(at->command, word))
        at->command = command_find(at->command, word);
    else if (at->operand_count++ == 0 && at->command->operands.kind == OPERAND_COMMAND)
        at->program = position;
}

static void add_operands(struct position *at, const char *word)
{
    const struct command *command = at->command;

    switch (command->operands.kind) {
    case OPERAND_CHOICE:
        if (at->operand_count == 0)
            add_choices(at, "", word, command->operands.choices);
        break;
    case OPERAND_TOPIC:
        add_commands(at, at->operand_count == 0 ? commands : at->topic ? at->topic->subcommands : NULL, word);
        break;
    case OPERAND_COMMAND:
    case OPERAND_PASSED:
    case OPERAND_TEXT:
        break;
    }
    if (at->operand_count == 0)
        add_commands(at, command->subcommands, word);
}

static void complete(struct position *at, const char *word, int position)
{
    const char *equals = strchr(word, '=');
    size_t before = at->cli->output.length;

    if (at->option) {
        add_values(at, at->option, "", strcmp(word, "=") == 0 ? "" : word);
        return;
    }
    if (at->list && word[0] != '-') {
        add_values(at, at->list, "", word);
        return;
    }
    if (!at->only_operands && word[0] == '-' && word[1] == '-' && equals && at->command) {
        const struct option *option = option_find(at->command->options, word + 2, (size_t)(equals - word) - 2);
        cleanup_text struct text name = TEXT_INIT;

        text_add_bytes(&name, word, (size_t)(equals - word) + 1);
        if (option && name.data)
            add_values(at, option, name.data, equals + 1);
        return;
    }
    if (!at->only_operands && word[0] == '-') {
        add_options(at, word);
        return;
    }
    if (!at->command) {
        add_commands(at, commands, word);
        return;
    }
    if (at->command->run && at->command->operands.kind == OPERAND_COMMAND) {
        text_addf(&at->cli->output, ":command %d\n", position);
        return;
    }
    add_operands(at, word);
    if (at->cli->output.length == before && *word == '\0' && !at->only_operands)
        add_options(at, word);
}

/* Nobody may fail, or talk, in the middle of somebody's typing. */
static void add_docker_option(struct position *at, const char *word, const struct docker_genv_option *option)
{
    static const char both[] = "--[no-]";
    bool is_both = strncmp(option->form, both, strlen(both)) == 0;
    const char *name = option->form + (is_both ? strlen(both) : strlen("--"));

    for (int no = 0; no <= is_both; no++) {
        cleanup_text struct text candidate = TEXT_INIT;

        text_addf(&candidate, "--%s%.*s", no ? "no-" : "", (int)strcspn(name, " "), name);
        if (candidate.data)
            add_candidate(at, "", word, candidate.data, option->help);
    }
}

/* A command line of genv-docker: what it has besides docker's own. @words are NULL-terminated. */
static void complete_docker(struct position *at, char **words, int last)
{
    const char *word = words[last];

    words[last] = NULL;
    if (last == 1) {
        add_candidate(at, "", word, "run", "Create and start a container");
        add_candidate(at, "", word, "create", "Create a container");
    } else if (*word == '-' && docker_find_run(words)) {
        for (const struct docker_genv_option *option = docker_genv_options; option->form; option++)
            add_docker_option(at, word, option);
    }
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    struct position at = {.cli = cli, .program = -1};
    int last = arguments->operand_count - 1;

    (void)err;
    if (last > 0 && strcmp(arguments->operands[0], "genv-docker") == 0) {
        complete_docker(&at, arguments->operands, last);
        return 0;
    }
    for (int i = 0; i < last; i++) {
        if (at.program < 0)
            pass(&at, arguments->operands[i], i);
        if (!at.command)
            return 0;
    }
    if (at.program >= 0)
        text_addf(&cli->output, ":command %d\n", at.program);
    else
        complete(&at, arguments->operands[last], last);
    return 0;
}

const struct command command_complete = {
    .name = "complete",
    .summary = "Print completions for a command line",
    .description = "The words are those after \"genv\" on the command line; the last one, which may be empty, is "
                   "completed. Prints one candidate per line, followed by a tab and a description; or \":command N\" "
                   "if word N starts a command line of its own. A command line of genv-docker has its name "
                   "in front.",
    .group = GROUP_ABOUT,
    .hidden = true,
    .operands = {.synopsis = "-- [WORD...] WORD", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .run = run,
};
