/* A program of its own behind a command of genv. */
#include "option/program.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "option/help.h"

void command_refuse(const struct command *command, struct genv_error *err)
{
    size_t length = strlen(err->message);

    snprintf(err->message + length, sizeof(err->message) - length, " (try 'genv%s%s --help')", command ? " " : "",
             command ? command->name : "");
}

/* Replaces what could harm a terminal: control characters and bytes that are not UTF-8. */
static void add_harmless(struct text *text, const char *string)
{
    while (*string) {
        uint32_t character;
        size_t length = utf8_decode(string, &character);
        char one[8] = {0};

        memcpy(one, string, length);
        text_add(text, length && utf8_is_printable(one) ? one : "?");
        string += length ? length : 1;
    }
}

void program_complain(const char *message)
{
    cleanup_text struct text line = TEXT_INIT;

    text_add(&line, "genv: ");
    add_harmless(&line, message);
    text_add(&line, "\n");
    if (!line.failed)
        file_write(STDERR_FILENO, line.data, line.length);
}

int program_parse(const struct command *command, char **words, int count, void *values, struct arguments *ret_arguments)
{
    cleanup_text struct text help = TEXT_INIT;
    struct genv_error err = {0};

    if (command->defaults)
        memcpy(values, command->defaults, command->values_size);
    *ret_arguments = (struct arguments){.values = values};
    if (option_parse(command->options, &command->operands, words, count, ret_arguments, &err) < 0) {
        command_refuse(command, &err);
        program_complain(err.message);
        return EXIT_USAGE;
    }
    if (!ret_arguments->help)
        return -1;
    help_add_command(&help, command, help_style());
    return !help.failed && file_write(STDOUT_FILENO, help.data, help.length) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
