/* The table of commands. */
#include "cli/command.h"

#include <string.h>

const char *const command_groups[GROUP_COUNT] = {
    [GROUP_ENVIRONMENT] = "This shell's environment",
    [GROUP_PROGRAMS] = "Programs",
    [GROUP_MACHINE] = "This machine",
    [GROUP_MACHINES] = "Many machines",
    [GROUP_SETUP] = "Installation",
    [GROUP_ABOUT] = "About genv",
};

const struct command *const commands[] = {
    &command_activate,
    &command_deactivate,
    &command_status,
    &command_config,
    &command_home,
    &command_attach,
    &command_detach,
    &command_run,
    &command_lock,
    &command_view,
    &command_envs,
    &command_devices,
    &command_snapshot,
    &command_top,
    &command_enforce,
    &command_monitor,
    &command_remote,
    &command_shell,
    &command_init,
    &command_prompt,
    &command_root,
    &command_doctor,
    &command_help,
    &command_version,
    &command_complete,
    &command_remote_session,
    &command_enforce_act,
    &command_shell_update,
    &command_shell_exit,
    &command_shell_direnv,
    NULL,
};

const char *command_word(const struct command *command)
{
    const char *blank = strrchr(command->name, ' ');

    return blank ? blank + 1 : command->name;
}

static const struct command *const *commands_of(const struct command *parent)
{
    static const struct command *const none[] = {NULL};

    if (!parent)
        return commands;
    return parent->subcommands ? parent->subcommands : none;
}

const struct command *command_find(const struct command *parent, const char *word)
{
    for (const struct command *const *command = commands_of(parent); *command; command++) {
        if (strcmp(command_word(*command), word) == 0)
            return *command;
    }
    return NULL;
}

#define GUESS_MAX 32 /* bytes of a word that is worth guessing about */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t min = a < b ? a : b;

    return min < c ? min : c;
}

/* How many characters have to be added, dropped or changed (Levenshtein's distance). */
static size_t distance(const char *from, const char *to)
{
    size_t row[GUESS_MAX + 1], length = strlen(to);

    for (size_t k = 0; k <= length; k++)
        row[k] = k;
    for (size_t i = 0; from[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t above = row[k + 1];

            row[k + 1] = min3(above + 1, row[k] + 1, diagonal + (from[i] != to[k]));
            diagonal = above;
        }
    }
    return row[length];
}

const struct command *command_guess(const struct command *parent, const char *word)
{
    const struct command *guess = NULL;
    size_t closest = 3; /* two slips at most, and never more than half of the word */

    if (strlen(word) > GUESS_MAX)
        return NULL;
    for (const struct command *const *command = commands_of(parent); *command; command++) {
        size_t slips = distance(word, command_word(*command));

        if ((*command)->hidden || slips >= closest || slips * 2 > strlen(word))
            continue;
        closest = slips;
        guess = *command;
    }
    return guess;
}
