/* File locks with a time limit, and who holds them. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "base/error.h"
#include "base/interrupt.h"

#include <stdint.h>

/* Takes flock(2) @operation (LOCK_EX or LOCK_SH) on @fd. @timeout_ms < 0 waits without end. -EAGAIN: held by another,
 * still after the time. */
int lock_wait(int fd, int operation, int64_t timeout_ms);
/* The same, for as long as @interrupt (NULL: none) allows: -ECANCELED. */
int lock_wait_interruptibly(int fd, int operation, int64_t timeout_ms, const struct interrupt *interrupt);

/* "process 4242 (python3) of paul", for sentences; false: "another process", where that cannot be told. */
#define LOCK_HOLDER_SIZE 384
bool lock_describe_holder(int fd, char text[static LOCK_HOLDER_SIZE]);

#endif
