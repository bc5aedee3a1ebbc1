/* The code that sets up bash, zsh and fish, and the code that carries an environment into them.
 *
 * `genv shell --init` prints a shell function `genv`. For the commands that change the shell, the function runs
 *     GENV --shell=KIND:PID COMMAND ARGS…
 * captures its standard output, evaluates it and returns its exit status. So such a command prints shell code, its
 * words for the user included (shell_add_words()); errors go to standard error as ever.
 *
 * Before each prompt the shell looks at the variables and at what shell_add_watch() told it. Where something is not as
 * it was at the last look, it has `genv shell-update` say what to do; otherwise it starts no process. */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include "base/text.h"

#include <genv/types.h>

enum shell_kind { SHELL_BASH, SHELL_ZSH, SHELL_FISH };

/* -EINVAL: not one of bash, zsh, fish. */
int shell_kind_parse(const char *name, enum shell_kind *ret_kind);
const char *shell_kind_name(enum shell_kind kind);
/* The same for a program, by its name or path: zsh-5.9, -bash, /usr/bin/bash-static. -EINVAL: a shell, but none of
 * the three; -ENOENT: no shell. */
int shell_kind_of_program(const char *program, enum shell_kind *ret_kind);
/* The same for what @pid runs. */
int shell_kind_of_process(pid_t pid, enum shell_kind *ret_kind);
/* The shell that called this process: its nearest ancestor that is a shell; without any, $SHELL. -EINVAL: none of
 * the three. */
int shell_kind_of_caller(enum shell_kind *ret_kind);

/* What the code of `genv shell --init` knows of the installation: absolute paths. */
struct shell_paths {
    const char *genv;        /* the binary */
    const char *shims;       /* the shims' folder */
    const char *completions; /* the folder of genv.bash, _genv and genv.fish */
};

/* The code of `genv shell --init`; @variables, of genv_variables(), are those that a shell in an environment has. */
void shell_add_init(struct text *code, enum shell_kind kind, const struct shell_paths *paths,
                    const struct genv_variable *variables);
/* Undoes it; runs `genv deactivate` first, if the shell is in an environment. */
void shell_add_deinit(struct text *code, enum shell_kind kind);

/* Enters an environment with the @variables of genv_variables(): what the variables and the prompt were before is kept
 * in the shell for shell_add_leave(); the shims go to the front of PATH; the prompt gets its "(genv) " if @prompt. */
void shell_add_enter(struct text *code, enum shell_kind kind, const struct genv_variable *variables, bool prompt);
/* Brings the variables, and the shims in PATH, up to date in a shell that is in an environment. */
void shell_add_update(struct text *code, enum shell_kind kind, const struct genv_variable *variables);
/* What a shell in an environment looks at before each prompt, beside its own variables: whether that is as it was when
 * genv last told it of the environment. */
struct shell_watch {
    const char *record;  /* the environment's, where genv finds it */
    const char *witness; /* a file that the environment lives by; "": the shell itself is a member */
    const char *sign;    /* what is in it as long as it does */
    const char *devices; /* what genv has set CUDA_VISIBLE_DEVICES to: another value is the user's choice */
};
/* Has @devices, in the shells and programs within that one as well. */
#define SHELL_GIVEN_VARIABLE "GENV_SHELL_DEVICES"

/* Behind shell_add_enter() and shell_add_update(). */
void shell_add_watch(struct text *code, enum shell_kind kind, const struct shell_watch *watch);
/* Leaves: variables, PATH and prompt are as before, changes that others made to PATH and prompt meanwhile stay. */
void shell_add_leave(struct text *code, enum shell_kind kind);

/* The definition of `use genv` for direnv, and what that evaluates: the variables, in bash and for bash alone. */
void shell_add_direnv(struct text *code, const char *genv);
void shell_add_exports(struct text *code, const struct genv_variable *variables, const char *shims);

/* Adds @string as one word of the shell; what is bash's is sh's too. */
void shell_add_quoted(struct text *code, enum shell_kind kind, const char *string);
/* Runs the command @words, ended by NULL. */
void shell_add_command(struct text *code, enum shell_kind kind, char **words);

/* Prints @words, which may hold anything, on the shell's standard output. */
void shell_add_words(struct text *code, enum shell_kind kind, const char *words);

#endif
