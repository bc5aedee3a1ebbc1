/* Interpreters of Python: what their arguments ask for, and wrapping those of a virtual environment. */
#ifndef CLI_INTERPRETER_H
#define CLI_INTERPRETER_H

#include <stdbool.h>

#include <genv/types.h>

/* Whether @words, the NULL-terminated arguments of an interpreter, start something that needs no devices: a question
 * about the interpreter, as editors ask many, or a tool that works on packages or source code. */
bool interpreter_needs_no_devices(char *const *words);

/* Replaces each interpreter in VENV/bin with a script that starts 'GENV python OPTIONS', and keeps the interpreter next
 * to it; @options are quoted for sh. Done again, it changes the options. -ENOTDIR: @venv is not a virtual environment.
 */
int interpreter_wrap(const char *venv, const char *genv, const char *options, struct genv_error *err);
/* Undoes it. -ENOENT: nothing in @venv is wrapped. */
int interpreter_unwrap(const char *venv, struct genv_error *err);

#endif
