/* The search for a program in PATH, as execvp(3) does it. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "base/macros.h"

#include <stdbool.h>

/* Where the search is. Zero-initialise it; path_release() frees it. */
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

#endif
