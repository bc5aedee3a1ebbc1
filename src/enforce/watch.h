/* Notices at once when environments change. */
#ifndef ENFORCE_WATCH_H
#define ENFORCE_WATCH_H

#include "base/error.h"

/* A descriptor that becomes readable when a record in the state directory @path is made, changed or removed; also when
 * the directory comes to be later. close() it. */
int watch_open(const char *path, int *ret_fd, struct genv_error *err);
/* Takes what there is; afterwards only new changes make it readable. Look at the state after it, not before. It watches
 * a directory that has come to be, or took another's place, since: call it now and then also when nothing was readable.
 */
void watch_drain(int fd, const char *path);

#endif
