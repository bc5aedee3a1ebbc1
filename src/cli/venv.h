/* Wrapping the interpreters of a virtual environment: each becomes a script that starts 'genv python', and stays next
 * to it under a second name. */
#ifndef CLI_VENV_H
#define CLI_VENV_H

#include <genv/types.h>

/* Wraps the interpreters in FOLDER/bin so that they start 'GENV python OPTIONS'; @options are quoted for sh. Done
 * again, it changes the options. On failure everything is as before. -ENOTDIR: @folder is not a virtual environment;
 * -EPERM: it belongs to another user. */
int venv_wrap(const char *folder, const char *genv, const char *options, struct genv_error *err);
/* Undoes it, and removes what wrappers that were overwritten have left. -ENOENT: nothing in @folder is wrapped. */
int venv_unwrap(const char *folder, struct genv_error *err);

/* Whether @file can stand for the wrapper that names it. -ENOENT: it is gone; -ELOOP: it is a wrapper as well. */
int venv_check_kept(const char *file, struct genv_error *err);

#endif
