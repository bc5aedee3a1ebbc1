/* What several commands share. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>

#include "base/path.h"

void cli_warn(struct cli *cli, const char *message)
{
    cleanup_text struct text line = TEXT_INIT;

    if (cli->last_warning && strcmp(cli->last_warning, message) == 0)
        return;
    free(cli->last_warning);
    cli->last_warning = strdup(message);
    text_addf(&line, "warning: %s", message);
    if (!line.failed)
        program_complain(line.data);
}

static void warn(const char *message, void *data)
{
    cli_warn(data, message);
}

int cli_open(struct cli *cli, struct genv_error *err)
{
    const struct genv_options options = {.warn = warn, .warn_data = cli};

    return cli->genv ? 0 : genv_open(&options, &cli->genv, err);
}

int cli_usage_error(struct cli *cli, int code, struct genv_error *err)
{
    command_refuse(cli->command, err);
    cli->failure_status = EXIT_USAGE;
    return code;
}

const struct help_style *cli_help_style(const struct cli *cli)
{
    return cli->in_shell ? &help_style_plain : help_style();
}

const char *cli_current_eid(void)
{
    const char *eid = getenv("GENV_ENVIRONMENT_ID");

    return eid && *eid ? eid : NULL;
}

int cli_open_current(struct cli *cli, const char **ret_eid, struct genv_error *err)
{
    const char *eid = cli_current_eid();
    int r;

    if (!eid)
        return error_set(err, ENOENT, "no environment is active: run 'genv activate' first");
    r = genv_eid_validate(eid, err);
    if (r < 0)
        return error_prefix(err, r, "GENV_ENVIRONMENT_ID");
    r = cli_open(cli, err);
    if (r == 0)
        *ret_eid = eid;
    return r;
}

int cli_explain_end(int r, struct genv_error *err)
{
    struct genv_error reason;

    if (r != -ENOENT || !err)
        return r;
    reason = *err;
    return error_set(err, reason.code, "%s: run 'genv deactivate', then 'genv activate'", reason.message);
}

int cli_own_env(struct cli *cli, const char *eid, struct genv_env **ret_env, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    char owner[GENV_USERNAME_SIZE];
    int r = genv_eid_validate(eid, err);

    if (r == 0)
        r = genv_env_get(cli->genv, eid, &env, err);
    if (r != 0)
        return r;
    if (geteuid() != 0 && env->uid != geteuid()) {
        genv_env_username(env, owner);
        return error_set(err, EPERM, "environment %s belongs to %s", eid, owner);
    }
    *ret_env = STEAL_POINTER(env);
    return 0;
}

int cli_current_env(struct cli *cli, struct genv_env **ret_env, struct genv_error *err)
{
    const char *eid = NULL;
    int r = cli_open_current(cli, &eid, err);

    return r < 0 ? r : cli_explain_end(cli_own_env(cli, eid, ret_env, err), err);
}

int cli_refresh_shell(struct cli *cli, const char *eid, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    int r;

    if (!cli->in_shell)
        return 0;
    r = genv_env_get(cli->genv, eid, &env, err);
    return r < 0 ? r : cli_update_shell(cli, env, err);
}

void cli_add_indices(struct text *text, const struct genv_env *env)
{
    const char *comma = "";

    for (size_t i = 0; i < env->attachment_count; i++) {
        if (env->attachments[i].index < 0)
            continue;
        text_addf(text, "%s%d", comma, env->attachments[i].index);
        comma = ",";
    }
}

static void add_isolation_lines(struct text *text, const struct genv_env *env)
{
    if (env->isolated)
        text_add(text, "Isolated: can open no other devices\n");
    for (size_t i = 0; i < env->openable_count; i++) {
        if (!genv_env_attachment(env, env->openable[i].uuid))
            text_addf(text, "Device %s is detached, and can be opened until the isolated processes end\n",
                      env->openable[i].uuid);
    }
}

void cli_add_attachment_line(struct text *text, const struct genv_env *env)
{
    cleanup_text struct text indices = TEXT_INIT;

    cli_add_indices(&indices, env);
    if (indices.length)
        text_addf(text, "Attached to GPUs at indices %s\n", indices.data);
    else if (env->attachment_count == 0)
        text_add(text, "Detached from GPUs\n");
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (env->attachments[i].index < 0)
            text_addf(text, "Attached to device %s, which is not visible here\n", env->attachments[i].device.uuid);
    }
    add_isolation_lines(text, env);
}

const char *cli_setup_line(enum shell_kind kind)
{
    return kind == SHELL_FISH ? "genv shell --init fish | source" : "eval \"$(genv shell --init)\"";
}

const char *cli_setup_file(enum shell_kind kind)
{
    switch (kind) {
    case SHELL_ZSH:
        return "~/.zshrc";
    case SHELL_FISH:
        return "~/.config/fish/config.fish";
    case SHELL_BASH:
        break;
    }
    return "~/.bashrc";
}

int cli_refuse_without_shell(const struct cli *cli, struct genv_error *err)
{
    enum shell_kind kind;

    if (shell_kind_of_caller(&kind) < 0)
        return error_set(err, EPERM,
                         "'genv %s' needs bash, zsh or fish with genv set up in it: see 'genv shell --help'",
                         cli->command->name);
    return error_set(err, EPERM, "'genv %s' needs genv to be set up in this shell: run '%s', and add that line to %s",
                     cli->command->name, cli_setup_line(kind), cli_setup_file(kind));
}

/* Whether a folder of PATH has @name, executable or not. execvp() can't tell: it says EACCES where it may not look into
 * one of the folders as well. */
static bool is_in_path(const char *name)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, name)) {
        if (access(path.file, F_OK) == 0)
            return true;
    }
    return false;
}

int cli_execute_as(struct cli *cli, const char *file, char **words, struct genv_error *err)
{
    int error;

    execvp(file, words);
    error = errno;
    if (error == ENOENT || (error == EACCES && !strchr(file, '/') && !is_in_path(file))) {
        cli->failure_status = EXIT_NOT_FOUND;
        return error_set(err, ENOENT, "command not found: '%s'", file);
    }
    cli->failure_status = EXIT_NOT_EXECUTABLE;
    return error_set_errno(err, error, "cannot execute '%s'", file);
}

int cli_execute(struct cli *cli, char **words, struct genv_error *err)
{
    return cli_execute_as(cli, words[0], words, err);
}
