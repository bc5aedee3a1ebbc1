/* Help and manual pages, from the tables. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "base/text.h"
#include "cli/command.h"

/* How words are set apart: nothing, a terminal's bold, or roff. */
struct help_style {
    const char *bold, *italic, *plain;
    bool roff;
};

/* Bold headings on a terminal that wants them, otherwise plain text. */
const struct help_style *help_style(const struct cli *cli);

void help_add_overview(struct text *text, const struct help_style *style);
void help_add_command(struct text *text, const struct command *command, const struct help_style *style);

/* The manual page of genv(1) (NULL) or of a command with all its subcommands, in the language man(7). */
void man_add_page(struct text *text, const struct command *command);

/* For both: "genv attach [--count N | --index I]". */
void help_add_synopsis(struct text *text, const struct command *command, const struct help_style *style);
/* @string; in roff with everything escaped that roff would take for its own. */
void help_add_string(struct text *text, const char *string, const struct help_style *style);
/* "-o, --over-subscribe", "--count N" */
void help_add_option(struct text *text, const struct option *option, const struct help_style *style);

/* The option that every command has. */
extern const struct option help_option;

/* What --help and the manual say about variables. */
struct help_variable {
    const char *name; /* NULL ends the list */
    const char *meaning;
};
extern const struct help_variable help_variables_read[];
extern const struct help_variable help_variables_set[];

#endif
