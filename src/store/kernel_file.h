/* The connection file of a Jupyter kernel, looked for without waiting for a file system that does not answer.
 *
 * Its path is its owner's word: it may lead to a server that is down, or to a file system in user space that its owner
 * stops. So what the kernel does not have in its cache is asked for by a child, for a short while in all. */
#ifndef STORE_KERNEL_FILE_H
#define STORE_KERNEL_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KERNEL_FILE_CACHED_ONLY (-1)

/* One for all the files of a listing; zero-initialise it. */
struct kernel_file_look {
    int64_t deadline_ms; /* 0: nothing was asked for yet; KERNEL_FILE_CACHED_ONLY: nothing is to be */
    char *mounts;        /* /proc/self/mountinfo, once it was needed */
};

/* Whether the file is there and @owner's, as far as can be told: what can't counts as there. Root (0) may name
 * anybody's. */
bool kernel_file_exists(struct kernel_file_look *look, const char *path, uid_t owner);
void kernel_file_look_release(struct kernel_file_look *look);

#endif
