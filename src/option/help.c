/* What --help says of a command, from its table. */
#include "option/help.h"

#include <string.h>

#include "base/macros.h"

#define COLUMNS      80
#define OPTION_WIDTH 28 /* where the sentences about options begin */

const struct help_style help_style_plain = {.bold = "", .italic = "", .plain = ""};
static const struct help_style style_terminal = {.bold = "\033[1m", .italic = "", .plain = "\033[0m"};

const struct option help_option = {.name = "help", .letter = 'h', .type = OPTION_FLAG, .help = "Show this help"};

const struct help_style *help_style(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (!isatty(STDOUT_FILENO) || (no_color && *no_color))
        return &help_style_plain;
    return terminal && strcmp(terminal, "dumb") != 0 ? &style_terminal : &help_style_plain;
}

void help_add_string(struct text *text, const char *string, const struct help_style *style)
{
    static const struct {
        char character;
        const char *escape;
    } escapes[] = {{'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'`', "\\(ga"}, {'~', "\\(ti"}, {'^', "\\(ha"}};

    if (!style->roff) {
        text_add(text, string);
        return;
    }
    for (; *string; string++) {
        size_t i = 0;

        while (i < ARRAY_SIZE(escapes) && escapes[i].character != *string)
            i++;
        if (i < ARRAY_SIZE(escapes))
            text_add(text, escapes[i].escape);
        else
            text_add_bytes(text, string, 1);
    }
}

static void add_marked(struct text *text, const char *mark, const char *string, const struct help_style *style)
{
    text_add(text, mark);
    help_add_string(text, string, style);
    text_add(text, style->plain);
}

void help_add_heading(struct text *text, const char *heading, const struct help_style *style)
{
    text_addf(text, "\n%s%s:%s\n", style->bold, heading, style->plain);
}

/* Adds @string in lines of at most COLUMNS, of which all but the first begin with @indent blanks; the first one stands
 * at @column already. */
static void add_wrapped(struct text *text, const char *string, size_t column, size_t indent)
{
    bool first = true;

    while (*string) {
        size_t length = strcspn(string, " ");

        if (!first && column + 1 + length > COLUMNS) {
            text_addf(text, "\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (!first) {
            text_add(text, " ");
            column++;
        }
        text_add_bytes(text, string, length);
        column += length;
        first = false;
        string += length;
        string += strspn(string, " ");
    }
    text_add(text, "\n");
}

void help_add_paragraphs(struct text *text, const char *paragraphs)
{
    while (*paragraphs) {
        const char *end = strstr(paragraphs, "\n\n");
        size_t length = end ? (size_t)(end - paragraphs) : strlen(paragraphs);
        cleanup_text struct text paragraph = TEXT_INIT;

        text_add_bytes(&paragraph, paragraphs, length);
        text_add(text, "\n");
        add_wrapped(text, paragraph.data ? paragraph.data : "", 0, 0);
        paragraphs += length + (end ? 2 : 0);
    }
}

/* "--count N", or "-o" where a flag has a letter. */
static void add_synopsis_option(struct text *text, const struct option *option, const struct help_style *style)
{
    char letter[] = {'-', option->letter, '\0'};
    cleanup_text struct text name = TEXT_INIT;

    text_addf(&name, "--%s", option->name);
    add_marked(text, style->bold, option->letter && option->type == OPTION_FLAG ? letter : name.data, style);
    if (!option->argument)
        return;
    text_add(text, " ");
    add_marked(text, style->italic, option->argument, style);
    if (option->type == OPTION_CHOICES || option->type == OPTION_WORDS)
        text_add(text, "...");
}

static void add_synopsis_group(struct text *text, const struct option *first, const struct help_style *style)
{
    bool one = true;

    for (const struct option *other = first + 1; other->name && first->group; other++)
        one = one && (other->group != first->group || !other->help);
    text_add(text, !first->required ? "[" : one ? "" : "(");
    add_synopsis_option(text, first, style);
    for (const struct option *other = first + 1; other->name && !one; other++) {
        if (other->group != first->group || !other->help)
            continue;
        text_add(text, " | ");
        add_synopsis_option(text, other, style);
    }
    text_add(text, !first->required ? "]" : one ? "" : ")");
}

void help_add_synopsis(struct text *text, const struct command *command, const struct help_style *style)
{
    uint64_t groups = 0; /* those that were shown */

    text_add(text, style->bold);
    text_add(text, "genv ");
    help_add_string(text, command->name, style);
    text_add(text, style->plain);
    for (const struct option *option = command->options; option && option->name; option++) {
        if (!option->help || (option->group && groups >> option->group & 1))
            continue;
        groups |= UINT64_C(1) << option->group;
        text_add(text, " ");
        add_synopsis_group(text, option, style);
    }
    if (command->operands.synopsis) {
        text_add(text, " ");
        add_marked(text, style->italic, command->operands.synopsis, style);
    }
}

void help_add_option(struct text *text, const struct option *option, const struct help_style *style)
{
    char letter[] = {'-', option->letter, '\0'};
    cleanup_text struct text name = TEXT_INIT;

    if (option->letter) {
        add_marked(text, style->bold, letter, style);
        text_add(text, ", ");
    }
    text_addf(&name, "--%s", option->name);
    add_marked(text, style->bold, name.data, style);
    if (option->argument) {
        text_add(text, " ");
        add_marked(text, style->italic, option->argument, style);
        text_add(text, option->type == OPTION_CHOICES || option->type == OPTION_WORDS ? "..." : "");
    }
}

void help_add_item(struct text *text, const char *head, const char *sentence, size_t width)
{
    text_addf(text, "  %-*s", (int)width - 2, head);
    if (strlen(head) + 3 > width)
        text_addf(text, "\n%*s", (int)width, "");
    add_wrapped(text, sentence, width, width);
}

static void add_options(struct text *text, const struct command *command, const struct help_style *style)
{
    help_add_heading(text, "Options", style);
    for (const struct option *option = command->options ? command->options : &help_option;; option++) {
        cleanup_text struct text head = TEXT_INIT;

        if (!option->name)
            option = &help_option;
        if (!option->help)
            continue;
        text_add(&head, option->letter ? "" : "    ");
        help_add_option(&head, option, &help_style_plain);
        help_add_item(text, head.data ? head.data : "", option->help, OPTION_WIDTH);
        if (option == &help_option)
            return;
    }
}

static void add_usage(struct text *text, const struct command *command, const struct help_style *style)
{
    cleanup_text struct text synopsis = TEXT_INIT;

    help_add_synopsis(&synopsis, command, &help_style_plain);
    text_addf(text, "%sUsage:%s ", style->bold, style->plain);
    add_wrapped(text, synopsis.data ? synopsis.data : "", 7, 11);
}

void help_add_command(struct text *text, const struct command *command, const struct help_style *style)
{
    cleanup_text struct text summary = TEXT_INIT;

    add_usage(text, command, style);
    text_addf(&summary, "%s.", command->summary);
    help_add_paragraphs(text, summary.data ? summary.data : "");
    if (command->description)
        help_add_paragraphs(text, command->description);
    if (command->subcommands)
        help_add_heading(text, command->run ? "Commands for editors and scripts" : "Commands", style);
    for (const struct command *const *sub = command->subcommands; sub && *sub; sub++) {
        cleanup_text struct text head = TEXT_INIT;

        text_addf(&head, "genv %s", (*sub)->name);
        help_add_item(text, head.data ? head.data : "", (*sub)->summary, OPTION_WIDTH);
    }
    add_options(text, command, style);
    if (command->examples)
        help_add_heading(text, "Examples", style);
    for (const struct example *example = command->examples; example && example->command; example++) {
        text_addf(text, "  %s\n      ", example->command);
        add_wrapped(text, example->explanation, 6, 6);
    }
}
