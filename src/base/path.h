/* PATH and its like: lists of folders. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "base/text.h"

#include <stdbool.h>

/* The search for a program in PATH, as execvp(3) does it. Zero-initialise it; path_release() frees it. */
struct path {
    const char *rest; /* of PATH, which must not change meanwhile */
    bool begun;
    char *file;
};

/* Makes path->file the place where the next folder would have @name. False: that was the last one, or memory ran out.
 */
bool path_next(struct path *path, const char *name);
void path_release(struct path *path);
#define cleanup_path cleanup_with(path_release)

/* Adds @list to @text with @folder in front, and nowhere else in it. Folders are separated by one of @separators in
 * @list, by ':' in @text; empty ones stay. @list may be NULL. */
void path_put_first(struct text *text, const char *folder, const char *list, const char *separators);

#endif
