/* The view: the NVML library that shows one environment only, found first by the programs that this process becomes. */
#include "shim/view.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/path.h"

#define VARIABLE   "LD_LIBRARY_PATH"
#define SEPARATORS ":;"

int view_use(const char *folder, struct genv_error *err)
{
    const char *path = getenv(VARIABLE);
    cleanup_text struct text changed = TEXT_INIT;
    cleanup_text struct text library = TEXT_INIT;

    text_addf(&library, "%s/libnvidia-ml.so.1", folder);
    if (library.failed)
        return error_no_memory(err);
    if (access(library.data, R_OK) < 0)
        return error_set_errno(err, errno, "%s", library.data);
    if (strpbrk(folder, SEPARATORS "$"))
        return error_set(err, EINVAL, "the path %s cannot be used in " VARIABLE, folder);
    /* Set to nothing it counts as not set; an empty entry is the current directory. */
    path_put_first(&changed, folder, path && *path ? path : NULL, SEPARATORS);
    if (changed.failed || setenv(VARIABLE, changed.data, 1) < 0)
        return error_no_memory(err);
    return 0;
}

bool view_is_ignored_by(const char *program)
{
    struct stat st;

    if (stat(program, &st) < 0)
        return false;
    if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) || (st.st_mode & S_ISGID && st.st_gid != getegid()))
        return true;
    return geteuid() != 0 && getxattr(program, "security.capability", NULL, 0) > 0;
}
