/* Directories that other programs are told of by their path, so that what was looked at must still be what is found
 * there: nobody but root and the caller can have put anything else in its place, now or later. */
#ifndef BASE_TRUST_H
#define BASE_TRUST_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Whether it is the caller's own directory, which others cannot write. */
bool trust_is_own(const struct stat *st);

/* Whether anybody can put something into the directory @path, as into /tmp: what is found there by its name is nobody's
 * in particular. */
bool trust_is_everybodys(const char *path);

/* The path of the directory @path, without links, if each directory on the way belongs to root or the caller, and
 * others cannot write it, or only with the sticky bit, as /tmp. -EPERM otherwise. free() @ret_path. */
int trust_resolve(const char *path, char **ret_path);

/* Opens the private directory @name in @parent, a path as of trust_resolve(), and makes it, mode 0700, if it is absent.
 * Anybody may have been first there: -EPERM if it is not the caller's own, -ENOTDIR for a link. */
int trust_open_private(const char *parent, const char *name, int *ret_fd);

/* Opens the directory @path, or what a link of that name leads to, if both belong to root or the caller. It is looked
 * at by descriptor: in somebody else's folder another may come in its place at any time. -EPERM: @ret_stranger owns it.
 */
int trust_open(const char *path, int *ret_fd, uid_t *ret_stranger);

#endif
