/* To be preloaded: a file system that gives each file the same mode, FIXED_MODE, and says that chmod(2) has worked. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fchmod(int fd, mode_t mode)
{
    const char *fixed = getenv("FIXED_MODE");
    struct stat st;

    if (fixed && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        mode = (mode_t)strtoul(fixed, NULL, 8);
    return (int)syscall(SYS_fchmod, fd, mode);
}
