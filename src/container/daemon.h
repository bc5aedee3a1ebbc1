/* docker's daemon.json, with genv's runtime in it or not. Decides, and does no input or output. */
#ifndef CONTAINER_DAEMON_H
#define CONTAINER_DAEMON_H

#include "container/config.h"

#define DAEMON_FILE    "/etc/docker/daemon.json"
#define DAEMON_RUNTIME "genv"

/* The file's @text with the runtime DAEMON_RUNTIME at @path, as the default one too if @make_default; without it where
 * @path is NULL. All else stays. An empty text is an empty object. *@ret_text NULL: there is nothing to change; free()
 * it. -EINVAL: it is not JSON (docker reads no comments either), with the line, or something else stands for runtimes.
 * -EEXIST: @make_default, and another runtime is the default, which nobody would bring back. */
int daemon_change(const char *text, size_t length, const char *path, bool make_default, char **ret_text,
                  struct genv_error *err);

/* The path of the runtime DAEMON_RUNTIME in it, "" without one; -EINVAL as above. *@ret_default: it is the default. */
int daemon_find(const char *text, size_t length, char *path, size_t size, bool *ret_default, struct genv_error *err);

#endif
