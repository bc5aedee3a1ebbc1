/* The state directory: opened without trusting what is there, made where it is missing.
 *
 *     PATH/            1777
 *       genv.lock      0666  flock: whoever allocates holds it
 *       envs/          1777  EID.json, each owned by its environment's user
 *       devices/       1777  UUID.lock: the access locks of devices
 *       vouched/       0755  of root's: processes of others that may keep a user's environment (vouch.h)
 *       inventory-UID.json   the devices as UID saw them */
#ifndef STORE_DIRECTORY_H
#define STORE_DIRECTORY_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define STATE_DIRECTORY_DEFAULT "/var/tmp/genv"

/* Opens the directory @name in @parent (AT_FDCWD for a path). With @create a missing one is made, mode 1777, complete
 * before anyone sees it. Links and files: -ENOTDIR. @shown is how the user knows it. */
int directory_open(int parent, const char *name, bool create, const char *shown, int *ret_fd, struct genv_error *err);

/* Whether root alone can put something else in the place of the directory @path or of root's files in it: all that
 * leads there is root's, and sticky where others write. @path is absolute, without links. */
bool directory_is_roots(const char *path);

/* mkdir(2) with a mode that the umask takes nothing from, not even for a moment that others could see. Where somebody
 * else may write @parent, and puts something in its place, that keeps its mode: -ELOOP, or what openat(2) says. */
int directory_make(int parent, const char *name, mode_t mode);

/* Opens the lock file @name (mode 0666) for flock(2) alone. With @create a missing one is made, by root also in the
 * place of what a user put there that is no file. -ENOENT otherwise. */
int directory_open_lock(int directory, const char *name, bool create, const char *shown, int *ret_fd,
                        struct genv_error *err);

/* Takes away what bears @name, whatever it is and whoever put it there first, as root can in a sticky directory.
 * Another directory, which may hold what root has no business to remove, gets a name that nobody looks for. 0 also if
 * nothing is there. */
int directory_take_away(int directory, const char *name);

#endif
