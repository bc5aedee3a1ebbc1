/* What `genv --help` says, the manual pages, and what both say about variables. */
#ifndef CLI_OVERVIEW_H
#define CLI_OVERVIEW_H

#include "option/help.h"

void overview_add(struct text *text, const struct help_style *style);

/* The manual page of genv(1) (NULL) or of a command with all its subcommands, in the language man(7). */
void man_add_page(struct text *text, const struct command *command);

struct help_variable {
    const char *name; /* NULL ends the list */
    const char *meaning;
    const char *readers; /* the names of the commands that read it, with blanks between them */
};
extern const struct help_variable help_variables_read[];
extern const struct help_variable help_variables_set[];
bool help_variable_is_read(const struct help_variable *variable, const struct command *command);

#endif
