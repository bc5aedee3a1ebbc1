/* What a command is: a row in the table of commands. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/option.h"

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
    /* Returns 0, a negative errno with the sentence in @err, or an exit status without a word. */
    int (*run)(struct cli *cli, const struct arguments *arguments, struct genv_error *err);
};

/* All commands, NULL-terminated, in the order in which help shows them within their groups. */
extern const struct command *const commands[];
extern const char *const command_groups[GROUP_COUNT];

/* The command, or the subcommand of @parent, whose last word is @word, or NULL. */
const struct command *command_find(const struct command *parent, const char *word);
/* The one that a mistyped @word is closest to, or NULL where none is close. */
const struct command *command_guess(const struct command *parent, const char *word);
/* The last word of its name. */
const char *command_word(const struct command *command);

extern const struct command command_activate, command_attach, command_complete, command_config, command_deactivate,
    command_detach, command_devices, command_doctor, command_enforce, command_enforce_act, command_envs, command_help,
    command_home, command_init, command_lock, command_monitor, command_root, command_run, command_shell,
    command_snapshot, command_status, command_top, command_version, command_view;

extern const struct command command_envs_activate, command_envs_config, command_envs_deactivate, command_envs_find,
    command_envs_ps, command_envs_query;

extern const struct command command_remote, command_remote_activate, command_remote_devices, command_remote_enforce,
    command_remote_envs, command_remote_monitor, command_remote_query, command_remote_run, command_remote_session,
    command_remote_snapshot;

extern const struct command command_devices_attach, command_devices_detach, command_devices_find, command_devices_ps,
    command_devices_query;

#endif
