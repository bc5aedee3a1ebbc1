/* A log of events: one JSON object a line, in a file that is rotated by size. */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "base/error.h"

#include <jansson.h>

#define LOG_SIZE_MAX  (1 << 20) /* bytes; then the file becomes FILE.1, and FILE.1 is replaced */
#define LOG_LINE_SIZE (1 << 16) /* room for a line with a NUL; a longer one is neither written nor read */

struct log;

/* The file belongs to the caller or root and is no link, or -EPERM: the folder may be everybody's to write in. It is
 * made, mode 0644, by the first line. */
int log_open(const char *path, struct log **ret_log, struct genv_error *err);
/* The same of a path that is genv's own, where anybody may put something first, as in the state directory: for root a
 * file of somebody else's, a link or whatever else is removed, at once or when it is found later, and a new file made
 * in its place; a directory is renamed. */
int log_open_own(const char *path, struct log **ret_log, struct genv_error *err);
void log_close(struct log *log); /* NULL is fine */

/* Appends @entry as a line, whole or not at all. Takes no reference. */
int log_write(struct log *log, const json_t *entry, struct genv_error *err);

/* Calls @each with every line, which may say anything, NUL-terminated and without its newline; oldest first, the
 * rotated file's included, unless somebody else put that there. -ENOENT: no log; -EPERM as of log_open(). */
int log_read(const char *path, void (*each)(const char *line, size_t length, void *data), void *data,
             struct genv_error *err);

#endif
