/* The table of commands. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "option/command.h"
#include "option/monitor.h"
#include "option/top.h"

/* All commands, NULL-terminated, in the order in which help shows them within their groups. */
extern const struct command *const commands[];
extern const char *const command_groups[GROUP_COUNT];

/* The command, or the subcommand of @parent, whose last word is @word, or NULL. */
const struct command *command_find(const struct command *parent, const char *word);
/* The one that a mistyped @word is closest to, or NULL where none is close. */
const struct command *command_guess(const struct command *parent, const char *word);
/* The last word of its name. */
const char *command_word(const struct command *command);

extern const struct command command_activate, command_attach, command_cdi, command_complete, command_config,
    command_deactivate, command_detach, command_devices, command_docker, command_docker_install,
    command_docker_uninstall, command_doctor, command_enforce, command_enforce_act, command_envs, command_help,
    command_home, command_init, command_lock, command_prompt, command_python, command_root, command_run, command_shell,
    command_shell_direnv, command_shell_exit, command_shell_update, command_snapshot, command_status, command_usage,
    command_version, command_view;

extern const struct command command_envs_activate, command_envs_config, command_envs_deactivate, command_envs_find,
    command_envs_keep, command_envs_ps, command_envs_query, command_envs_variables;

extern const struct command command_ray, command_ray_start, command_ray_stop;

extern const struct command command_remote, command_remote_activate, command_remote_devices, command_remote_enforce,
    command_remote_envs, command_remote_query, command_remote_run, command_remote_session, command_remote_snapshot;

extern const struct command command_devices_attach, command_devices_detach, command_devices_find, command_devices_ps,
    command_devices_query;

#endif
