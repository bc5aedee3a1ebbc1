/* What a command works with, and what several commands share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "option/help.h"
#include "option/program.h"
#include "shell/shell.h"

/* How long the shell lasts that calls. */
enum shell_span {
    SHELL_STAYS,
    SHELL_PASSES,      /* it reads its start-up files for the one command that it was given (-ic) */
    SHELL_IS_SUBSHELL, /* it is in parentheses, a command substitution or a pipeline */
};

struct cli {
    struct genv *genv; /* cli_open() */
    const struct command *command;
    char **words;       /* room for one, then those behind "genv" and its own options, as they were given */
    struct text output; /* words for the user, printed once at the end */
    struct text code;   /* for the shell that called, printed once at the end */
    bool in_shell;      /* called by the shell function; @shell and @shell_pid say which */
    enum shell_kind shell;
    pid_t shell_pid;
    enum shell_span span;
    char *last_warning; /* that was printed */
    int failure_status; /* exit status of a command that fails */
};

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

/* Opens cli->genv; main() closes it. */
int cli_open(struct cli *cli, struct genv_error *err);

/* Turns the sentence of @err into that of a usage error. Returns @code as it is. */
int cli_usage_error(struct cli *cli, int code, struct genv_error *err);

/* program_complain() of a warning; one that was the last to be printed is not repeated: some commands look every few
 * seconds. */
void cli_warn(struct cli *cli, const char *message);

/* The live environment @eid, with cli->genv opened; genv_env_free() it. -ENOENT: there is none; -EPERM: it is another
 * user's, and the caller not root. */
int cli_own_env(struct cli *cli, const char *eid, struct genv_env **ret_env, struct genv_error *err);
/* The one that $GENV_ENVIRONMENT_ID names. -ENOENT, with a sentence: none is set, or it has ended; -EPERM as above. */
int cli_current_env(struct cli *cli, struct genv_env **ret_env, struct genv_error *err);
/* Its identifier alone, with cli->genv opened: for what looks at the environment itself, whose result goes through
 * cli_explain_end(). -ENOENT: none is set. */
int cli_open_current(struct cli *cli, const char **ret_eid, struct genv_error *err);
/* Adds to the sentence of @err what to do where @r, which it returns, says that the environment has ended. */
int cli_explain_end(int r, struct genv_error *err);
/* $GENV_ENVIRONMENT_ID; NULL while it is not set or empty. */
const char *cli_current_eid(void);

/* Has the calling shell enter @env. */
int cli_enter_shell(struct cli *cli, const struct genv_env *env, bool prompt, struct genv_error *err);
/* Brings the variables of the calling shell up to date; without a shell function there is nothing to do. Where the user
 * has chosen some of the attached devices, that stays. */
int cli_update_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err);
/* The same with all attached devices, which the user asked for. */
int cli_renew_shell(struct cli *cli, const struct genv_env *env, struct genv_error *err);
/* cli_update_shell() after a change: reads the environment again. */
int cli_refresh_shell(struct cli *cli, const char *eid, struct genv_error *err);

/* "Attached to GPUs at indices 0,1" or "Detached from GPUs", and a newline. */
void cli_add_attachment_line(struct text *text, const struct genv_env *env);
/* "0,1"; nothing while detached. */
void cli_add_indices(struct text *text, const struct genv_env *env);

/* How to set up a shell of @kind: the line, and the file to put it into. */
const char *cli_setup_line(enum shell_kind kind);
const char *cli_setup_file(enum shell_kind kind);
/* The sentence of a command that needs the shell function, and was called without. */
int cli_refuse_without_shell(const struct cli *cli, struct genv_error *err);

/* help_style(), and plain where a shell prints it. */
const struct help_style *cli_help_style(const struct cli *cli);

/* Becomes the command @words. Returns only on failure, with cli->failure_status 127 or 126. */
int cli_execute(struct cli *cli, char **words, struct genv_error *err);
/* The same with the program @file, which is told that it is called @words[0]. */
int cli_execute_as(struct cli *cli, const char *file, char **words, struct genv_error *err);

static inline void cleanup_genv_envp(struct genv_env **env)
{
    genv_env_free(*env);
}
#define cleanup_env cleanup_with(cleanup_genv_envp)

static inline void cleanup_genv_snapshotp(struct genv_snapshot **snapshot)
{
    genv_snapshot_free(*snapshot);
}
#define cleanup_snapshot cleanup_with(cleanup_genv_snapshotp)

#endif
