/* Descriptors that a child of fork(2) does not keep.
 *
 * A lock of flock(2) is held, and a pipe not at its end, until the last copy of the descriptor is closed, and a fork in
 * another thread copies every descriptor: its child, which knows nothing of them, would hold a lock for as long as it
 * lives. So the child closes what is guarded, before fork(2) returns in it (pthread_atfork(3)). LOCK_UN before the
 * close would be a system call more for each operation, and leave the lock with the child where the parent is killed
 * first. Children of vfork(2) and posix_spawn(3) run no handlers; they close such descriptors by O_CLOEXEC a moment
 * later.
 *
 *     do {
 *         forks = fork_count();
 *         fd = open(…);
 *     } while (!fork_guard(&guard, &fd, forks));
 */
#ifndef BASE_FORK_H
#define BASE_FORK_H

#include <stdbool.h>

struct fork_guard {
    int *fd;
    struct fork_guard *next, **link; /* @link NULL: guards nothing */
};

/* How often this process was forked until now. */
unsigned fork_count(void);

/* From now on a child finds *@fd closed and -1; both stay where they are until fork_release() or fork_close(). false:
 * there was a fork after the @forks first ones, whose child may have a copy. Then *@fd, which nothing may have been
 * done with yet, is closed and -1. */
bool fork_guard(struct fork_guard *guard, int *fd, unsigned forks);
/* Children keep it again. */
void fork_release(struct fork_guard *guard);
/* Closes what is guarded; harmless twice. */
void fork_close(struct fork_guard *guard);
#define cleanup_fork_close cleanup_with(fork_close)

#endif
