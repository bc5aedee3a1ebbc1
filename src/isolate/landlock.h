/* The wall of Landlock: a process, and whatever it starts, that cannot open the nodes of GPUs which are not its own. It
 * needs no root, cannot be taken down again, and ends with the processes behind it. What they have others start (by ssh
 * to this machine, cron, an engine's daemon) is not behind it, and what they have open stays open. */
#ifndef ISOLATE_LANDLOCK_H
#define ISOLATE_LANDLOCK_H

#include "base/error.h"

#include <stddef.h>

/* -ENOTSUP: the kernel cannot build the wall, and @err says what it lacks. */
int landlock_check(struct genv_error *err);

/* Which GPUs, as N of /dev/nvidiaN, it is about. */
struct landlock_plan {
    const int *open; /* may be opened; all others may not */
    size_t open_count;
    const int *closed; /* these others are also looked for where devices are mounted a second time */
    size_t closed_count;
};

/* Puts the calling process, which has one thread, behind the wall. -ENOTSUP as of landlock_check(), and where a sandbox
 * forbids it; -E2BIG: it is behind as many walls as the kernel allows. Nothing has changed on failure, except that
 * programs that it starts may have lost the right to become another user (no_new_privs). */
int landlock_confine(const struct landlock_plan *plan, struct genv_error *err);

#endif
