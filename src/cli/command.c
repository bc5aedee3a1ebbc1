/* The table of commands. */
#include "cli/command.h"

#include <string.h>

#include "option/guess.h"

const char *const command_groups[GROUP_COUNT] = {
    [GROUP_ENVIRONMENT] = "This shell's environment",
    [GROUP_PROGRAMS] = "Programs",
    [GROUP_MACHINE] = "This machine",
    [GROUP_MACHINES] = "Many machines",
    [GROUP_SETUP] = "Installation",
    [GROUP_ABOUT] = "About genv",
};

const struct command *const commands[] = {
    &command_activate,     &command_deactivate,     &command_status,       &command_config,
    &command_home,         &command_attach,         &command_detach,       &command_run,
    &command_python,       &command_lock,           &command_view,         &command_ray,
    &command_envs,         &command_devices,        &command_snapshot,     &command_cdi,
    &command_top,          &command_enforce,        &command_monitor,      &command_remote,
    &command_shell,        &command_init,           &command_prompt,       &command_root,
    &command_doctor,       &command_docker,         &command_help,         &command_version,
    &command_complete,     &command_remote_session, &command_enforce_act,  &command_usage,
    &command_shell_update, &command_shell_exit,     &command_shell_direnv, NULL,
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

const struct command *command_guess(const struct command *parent, const char *word)
{
    struct guess guess = guess_begin(word, strlen(word));
    const struct command *best = NULL;

    for (const struct command *const *command = commands_of(parent); *command; command++) {
        if (!(*command)->hidden && guess_is_closer(&guess, command_word(*command)))
            best = *command;
    }
    return best;
}
