/* PATH and its like: lists of folders. */
#include "base/path.h"

#include <string.h>

#define DEFAULT_PATH "/bin:/usr/bin" /* where it is not set */

bool path_next(struct path *path, const char *name)
{
    size_t length;

    if (!path->begun) {
        path->rest = getenv("PATH");
        if (!path->rest)
            path->rest = DEFAULT_PATH;
        path->begun = true;
    }
    free(STEAL_POINTER(path->file));
    if (!path->rest)
        return false;
    length = strcspn(path->rest, ":");
    /* An empty entry is the current directory. */
    if (asprintf(&path->file, "%.*s%s/%s", (int)length, path->rest, length ? "" : ".", name) < 0) {
        path->file = NULL;
        return false;
    }
    path->rest = path->rest[length] ? path->rest + length + 1 : NULL;
    return true;
}

void path_release(struct path *path)
{
    free(path->file);
    *path = (struct path){.file = NULL};
}

void path_put_first(struct text *text, const char *folder, const char *list, const char *separators)
{
    const char *rest = list;

    text_add(text, folder);
    while (rest) {
        size_t length = strcspn(rest, separators);

        if (length != strlen(folder) || memcmp(rest, folder, length) != 0) {
            text_add(text, ":");
            text_add_bytes(text, rest, length);
        }
        rest = rest[length] ? rest + length + 1 : NULL;
    }
}
