/* What the unit tests share: a temporary directory for each, other processes and users, the end of a test program. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h> /* needs the first four */

#include "base/macros.h"

#define USER_A 60601 /* have no names and no files */
#define USER_B 60602

/* Set-up and teardown of a test: *state is the path of a directory of its own, open to other users. */
int unit_make_directory(void **state);
int unit_remove_directory(void **state);

#define test_in_directory(test) cmocka_unit_test_setup_teardown(test, unit_make_directory, unit_remove_directory)

/* Writes @text to @directory/@name, a path whose folders exist; fails the test if it can't. */
void unit_write(const char *directory, const char *name, const char *text);
/* The entries of @directory, without . and .. */
int unit_count_entries(const char *directory);
/* "directory/name", free() it. */
char *unit_path(const char *directory, const char *name);

/* Runs @body in a child, as user @uid ((uid_t)-1: as oneself); returns its exit status, or -signal. In @body, check
 * with require(): a failing assert_… would go on with the other tests in the child. */
int unit_fork(uid_t uid, int (*body)(void *data), void *data);
/* The same without waiting for its end: returns the PID, once it is that user's. The child dies with its parent. */
pid_t unit_start(uid_t uid, int (*body)(void *data), void *data);
int unit_wait(pid_t pid);
/* A process of user @uid that lives until this one ends: an environment's members are its owner's. */
pid_t unit_member(uid_t uid);

/* Ends the child with status 1, saying where, unless @condition. */
#define require(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            dprintf(STDERR_FILENO, "# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                           \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Skips the test, for a reason. */
void unit_skip(const char *reason);
#define skip_unless(condition, reason)                                                                                 \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            unit_skip(reason);                                                                                         \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* Whether this process can become other users: root, but not that of a user namespace that has no others. */
bool unit_can_be_others(void);
#define skip_unless_root() skip_unless(unit_can_be_others(), "only root can act as several users")

/* Mounts on @path, in a mount namespace of its own for the calling process, a file system of user @uid's that never
 * answers. Returns a descriptor that keeps it, or -1: not possible here. */
int unit_mount_silent(const char *path, uid_t uid);

/* Numbers that look random and are the same in every run. */
uint64_t unit_random(uint64_t *seed);

#define UNIT_MAIN(tests)                                                                                               \
    static int run_group(void)                                                                                         \
    {                                                                                                                  \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                              \
    }                                                                                                                  \
                                                                                                                       \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        return unit_main(run_group);                                                                                   \
    }

/* Runs the tests without any variable that genv reads, and prints TAP. */
int unit_main(int (*run_group)(void));

#endif
