/* A child that writes into two pipes, cut off from everything else of the caller's. */
#ifndef REMOTE_CHILD_H
#define REMOTE_CHILD_H

#include <sys/types.h>

struct child {
    pid_t pid;
    int out, err; /* ends to read from, which do not block */
    int pidfd;    /* -1 where the kernel has none */
};

#define CHILD_NONE ((struct child){.out = -1, .err = -1, .pidfd = -1})

/* Starts @argv, found in the PATH, with standard input from /dev/null, no other descriptors, signals as they are by
 * default, in a session of its own: the terminal's signals do not reach it. It gets SIGTERM when the caller's thread
 * ends. Status 127, with a line on standard error: there is no such program. -EAGAIN, -EMFILE and the like: not now. */
int child_start(char **argv, struct child *ret_child);
/* Closes the descriptors; the caller has waited for the child. */
void child_close(struct child *child);

#endif
