/* What --help says of a command, from its table; and the parts that the manual has as well. */
#ifndef OPTION_HELP_H
#define OPTION_HELP_H

#include "base/text.h"
#include "option/command.h"

/* How words are set apart: nothing, a terminal's bold, or roff. */
struct help_style {
    const char *bold, *italic, *plain;
    bool roff;
};

extern const struct help_style help_style_plain;
/* Bold headings on a terminal that wants them, otherwise plain text. */
const struct help_style *help_style(void);

void help_add_command(struct text *text, const struct command *command, const struct help_style *style);

/* For the manual too: "genv attach [--count N | --index I]". */
void help_add_synopsis(struct text *text, const struct command *command, const struct help_style *style);
/* @string; in roff with everything escaped that roff would take for its own. */
void help_add_string(struct text *text, const char *string, const struct help_style *style);
/* "-o, --over-subscribe", "--count N" */
void help_add_option(struct text *text, const struct option *option, const struct help_style *style);

/* For other help on a terminal. */
void help_add_heading(struct text *text, const char *heading, const struct help_style *style);
/* In lines of a terminal's width, an empty line in front of each paragraph. */
void help_add_paragraphs(struct text *text, const char *paragraphs);
/* "  head   sentence", the sentence at @width, on a line of its own where the head is too long. */
void help_add_item(struct text *text, const char *head, const char *sentence, size_t width);

/* The option that every command has. */
extern const struct option help_option;

#endif
