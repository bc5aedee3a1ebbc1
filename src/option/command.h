/* What a command is: its words, and what is said about it. genv has a table of them; a program of its own that a
 * command becomes reads the same one. */
#ifndef OPTION_COMMAND_H
#define OPTION_COMMAND_H

#include "option/option.h"

struct cli;

enum command_group {
    GROUP_ENVIRONMENT,
    GROUP_PROGRAMS,
    GROUP_MACHINE,
    GROUP_MACHINES,
    GROUP_SETUP,
    GROUP_ABOUT,
    GROUP_COUNT,
};

struct example {
    const char *command; /* NULL ends a list */
    const char *explanation;
};

struct command {
    const char *name;        /* "attach"; of a subcommand "envs query" */
    const char *summary;     /* one line, an imperative without a full stop */
    const char *description; /* paragraphs with an empty line between them */
    enum command_group group;
    bool hidden; /* for genv's own use: not shown, and not completed */
    const struct option *options;
    const void *defaults; /* the values' struct before the options are read; NULL: it has none */
    size_t values_size;
    struct operands operands;
    const struct command *const *subcommands; /* NULL-terminated, or NULL. Of a command that has no @run of its own one
                                                 of them must follow, behind its options */
    const struct example *examples;
    const char *program; /* a program of its own that takes the words over, in libexec/; NULL: it has a @run */
    /* Returns 0, a negative errno with the sentence in @err, or an exit status without a word. */
    int (*run)(struct cli *cli, const struct arguments *arguments, struct genv_error *err);
};

/* Adds to the sentence of @err, about words that are not understood, where it is said what would be. */
void command_refuse(const struct command *command, struct genv_error *err);

#endif
