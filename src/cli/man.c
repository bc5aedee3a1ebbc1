/* Manual pages, from the tables. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/overview.h"
#include "shim/docker_genv.h"

/* The day of the last release: pages that are built twice have to be the same. */
#define MAN_DATE "2026-11-20"

static const struct help_style roff = {.bold = "\\fB", .italic = "\\fI", .plain = "\\fR", .roff = true};

static const struct {
    const char *status, *meaning;
} exit_statuses[] = {
    {"0", "Success."},
    {"1", "The command was refused or failed; one line on standard error says why."},
    {"2", "The command line is invalid; one line on standard error says what is accepted."},
};

static const char own_status[] = "Once the command has started, the exit status is the command's: 128+N if signal N "
                                 "ended it, 127 if it was not found, 126 if it could not be executed.";

static void add_line(struct text *text, const char *string)
{
    help_add_string(text, string, &roff);
    text_add(text, "\n");
}

/* The page's name in the file system, "genv-attach", in @name. */
static void add_title(struct text *text, const struct command *command, bool upper)
{
    cleanup_text struct text name = TEXT_INIT;

    text_addf(&name, "genv%s%s", command ? "-" : "", command ? command->name : "");
    for (size_t i = 0; upper && i < name.length; i++)
        name.data[i] = (char)toupper((unsigned char)name.data[i]);
    help_add_string(text, name.data ? name.data : "", &roff);
}

static void add_head(struct text *text, const struct command *command, const char *summary)
{
    text_add(text, ".TH ");
    add_title(text, command, true);
    text_addf(text, " 1 " MAN_DATE " \"genv %s\" \"GPU environments\"\n.SH NAME\n", genv_version());
    add_title(text, command, false);
    text_add(text, " \\- ");
    add_line(text, summary);
}

static void add_paragraphs(struct text *text, const char *paragraphs)
{
    while (*paragraphs) {
        const char *end = strstr(paragraphs, "\n\n");
        size_t length = end ? (size_t)(end - paragraphs) : strlen(paragraphs);
        cleanup_text struct text paragraph = TEXT_INIT;

        text_add_bytes(&paragraph, paragraphs, length);
        add_line(text, paragraph.data ? paragraph.data : "");
        paragraphs += length + (end ? 2 : 0);
        if (*paragraphs)
            text_add(text, ".PP\n");
    }
}

static void add_item(struct text *text, const char *mark, const char *head, const char *sentence)
{
    text_addf(text, ".TP\n%s", mark);
    help_add_string(text, head, &roff);
    text_addf(text, "%s\n", roff.plain);
    add_line(text, sentence);
}

static void add_synopsis(struct text *text, const struct command *command)
{
    help_add_synopsis(text, command, &roff);
    text_add(text, "\n");
}

static void add_options(struct text *text, const struct option *options)
{
    for (const struct option *option = options; option && option->name; option++) {
        if (!option->help)
            continue;
        text_add(text, ".TP\n");
        help_add_option(text, option, &roff);
        text_add(text, "\n");
        help_add_string(text, option->help, &roff);
        text_add(text, ".\n");
    }
}

static void add_examples(struct text *text, const struct example *examples)
{
    for (const struct example *example = examples; example && example->command; example++)
        add_item(text, roff.bold, example->command, example->explanation);
}

/* Those that @command reads; NULL: all. Returns whether there are any. */
static bool add_variables(struct text *text, const struct help_variable *variables, const struct command *command)
{
    bool added = false;

    for (; variables->name; variables++) {
        cleanup_text struct text meaning = TEXT_INIT;

        if (command && !help_variable_is_read(variables, command))
            continue;
        text_addf(&meaning, "%s.", variables->meaning);
        add_item(text, roff.bold, variables->name, meaning.data ? meaning.data : "");
        added = true;
    }
    return added;
}

/* What all pages end with. */
static void add_tail(struct text *text, const struct command *command)
{
    bool has_variables;

    text_add(text, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < ARRAY_SIZE(exit_statuses); i++)
        add_item(text, roff.bold, exit_statuses[i].status, exit_statuses[i].meaning);
    if (command && (command->operands.kind == OPERAND_COMMAND || command->operands.end_options)) {
        text_add(text, ".PP\n");
        add_line(text, own_status);
    }
    text_add(text, ".SH ENVIRONMENT\n");
    has_variables = add_variables(text, help_variables_read, command);
    has_variables = add_variables(text, help_variables_set, command) || has_variables;
    if (command && has_variables)
        text_add(text, ".PP\n");
    if (command)
        text_addf(text, "See\n.BR genv (1)\nfor the %svariables of genv.\n", has_variables ? "other " : "");
    text_add(text, ".SH FILES\n");
    add_item(text, roff.italic, "/var/tmp/genv",
             "The state, with one record per environment; GENV_TMPDIR sets another directory.");
    add_item(text, roff.italic, ".genv", "The saved configuration of a project, with one file per field.");
}

static void add_subcommand(struct text *text, const struct command *command)
{
    text_add(text, ".SS ");
    add_synopsis(text, command);
    help_add_string(text, command->summary, &roff);
    text_add(text, ".\n");
    if (command->description) {
        text_add(text, ".PP\n");
        add_paragraphs(text, command->description);
    }
    add_options(text, command->options);
}

/* The program genv-docker and the command `genv docker` have one name in man(1), and one page: who asks for it there
 * looks for the program. */
static void add_docker_program(struct text *text)
{
    add_line(text, docker_genv_description);
    text_add(text, ".PP\n");
    add_line(text, docker_genv_program);
    text_add(text, ".SH GENV\\-DOCKER OPTIONS\n");
    for (const struct docker_genv_option *option = docker_genv_options; option->form; option++) {
        cleanup_text struct text sentence = TEXT_INIT;

        text_addf(&sentence, "%s.", option->help);
        add_item(text, roff.bold, option->form, sentence.data ? sentence.data : "");
    }
    text_add(text, ".SH GENV DOCKER\n");
}

static void add_command_page(struct text *text, const struct command *command)
{
    bool has_program = command == &command_docker;

    add_head(text, command,
             has_program ? "start containers that are GPU environments, and set docker up for them" : command->summary);
    text_add(text, ".SH SYNOPSIS\n");
    if (has_program) {
        add_line(text, docker_genv_usage);
        text_add(text, ".br\n");
    }
    add_synopsis(text, command);
    for (const struct command *const *sub = command->subcommands; sub && *sub; sub++) {
        text_add(text, ".br\n");
        add_synopsis(text, *sub);
    }
    text_add(text, ".SH DESCRIPTION\n");
    if (has_program)
        add_docker_program(text);
    help_add_string(text, command->summary, &roff);
    text_add(text, ".\n");
    if (command->description) {
        text_add(text, ".PP\n");
        add_paragraphs(text, command->description);
    }
    text_add(text, ".SH OPTIONS\n");
    add_options(text, command->options);
    add_options(text, (const struct option[]){help_option, {.name = NULL}});
    if (command->subcommands)
        text_add(text, command->run ? ".SH COMMANDS FOR EDITORS AND SCRIPTS\n" : ".SH COMMANDS\n");
    for (const struct command *const *sub = command->subcommands; sub && *sub; sub++)
        add_subcommand(text, *sub);
    add_tail(text, command);
    if (command->examples)
        text_add(text, ".SH EXAMPLES\n");
    add_examples(text, command->examples);
    text_add(text, ".SH SEE ALSO\n.BR genv (1)\n");
}

static void add_main_page(struct text *text)
{
    static const struct example examples[] = {
        {"eval \"$(genv shell --init)\"", "Set up this shell; in fish: genv shell --init fish | source."},
        {"genv activate --gpus 2", "Reserve two devices for this shell."},
        {"genv run --gpus 1 -- python train.py", "Reserve a device for one command."},
        {NULL, NULL},
    };

    add_head(text, NULL, "GPU environments");
    text_add(text, ".SH SYNOPSIS\n\\fBgenv\\fR \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n");
    add_paragraphs(text, "genv shares the GPUs of a machine among people and projects without containers, schedulers "
                         "or root.\n\nYou activate a GPU environment in a shell, say how many GPUs (devices) and how "
                         "much of their memory it needs, and attach them. genv finds devices that nobody holds, "
                         "reserves them for as long as the environment lives, and shows only them to the programs that "
                         "you start there. An environment ends when the last process in it exits or leaves.");
    text_add(text, ".SH COMMANDS\n");
    for (int group = 0; group < GROUP_COUNT; group++) {
        text_addf(text, ".SS ");
        add_line(text, command_groups[group]);
        for (const struct command *const *command = commands; *command; command++) {
            if ((*command)->group != (enum command_group)group || (*command)->hidden)
                continue;
            text_add(text, ".TP\n.BR ");
            add_title(text, *command, false);
            text_add(text, " (1)\n");
            help_add_string(text, (*command)->summary, &roff);
            text_add(text, ".\n");
        }
    }
    add_tail(text, NULL);
    text_add(text, ".SH EXAMPLES\n");
    add_examples(text, examples);
    text_add(text, ".SH SEE ALSO\n.BR nvidia\\-smi (1),\n.BR flock (1)\n");
}

void man_add_page(struct text *text, const struct command *command)
{
    if (command)
        add_command_page(text, command);
    else
        add_main_page(text);
}
