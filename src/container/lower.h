/* The machine's own OCI runtime, which genv's wraps. */
#ifndef CONTAINER_LOWER_H
#define CONTAINER_LOWER_H

#include "base/error.h"
#include "container/line.h"

#define LOWER_CONFIGURATION "/etc/genv/runtime.conf"

/* Finds it: $GENV_RUNTIME, else what LOWER_CONFIGURATION says, else the first of nvidia-container-runtime, runc and
 * crun, in PATH; never this program itself. free() the path. -ENOENT: there is none. */
int lower_find(char **ret_path, struct genv_error *err);

/* Whether it is one of NVIDIA's, which has its own ways to give a container NVIDIA_VISIBLE_DEVICES. */
bool lower_is_nvidias(const char *path);

/* Becomes it. Returns only on failure: a negative errno. */
int lower_become(const char *path, char **words, struct genv_error *err);

/* Runs it with the same words, and waits. Returns its exit status, 128 and the signal's number if one ended it, or a
 * negative errno. It ends with this process. */
int lower_run(const char *path, char **words, struct genv_error *err);

/* Runs another of its commands, @command, NULL-terminated, with the options that @words, read as @line, have in front
 * of theirs. *@ret_output, which may be NULL, is what it prints; free() it. -EIO: it failed, and nobody has seen why.
 */
int lower_ask(const char *path, char **words, const struct runtime_line *line, const char *const *command,
              char **ret_output);

#endif
