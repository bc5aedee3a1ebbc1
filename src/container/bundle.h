/* A container's bundle: its config.json, and beside it the folder "genv", which the engine removes together with it.
 *
 *     config.json
 *     genv/original.json     what config.json was before genv changed it
 *     genv/edited            hashes of what genv made of it, and of what it had made of it before
 *     genv/begun             the createRuntime hook has run
 *     genv/inside/           what the container has as /dev/genv
 *       root/                this installation of genv is mounted there
 *       state/envs/EID.json  the environment's record, a copy
 *       state/devices/       the locks of its devices are mounted there */
#ifndef CONTAINER_BUNDLE_H
#define CONTAINER_BUNDLE_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define BUNDLE_INSIDE "/dev/genv"

struct bundle {
    int fd, config_fd;       /* the folders of the bundle and of config.json */
    const char *config_name; /* in that */
    char *path;              /* absolute, without links */
    char *text;              /* of config.json, as it was before genv changed it */
    char edited[32];         /* hash of what genv has made of it before; "": nothing */
    size_t length;
    mode_t mode;
    uid_t uid;
};

#define BUNDLE_INIT                                                                                                    \
    {                                                                                                                  \
        .fd = -1, .config_fd = -1                                                                                      \
    }

void bundle_release(struct bundle *bundle);
#define cleanup_bundle cleanup_with(bundle_release)

/* Reads the config.json of the bundle at @path, or @config in its place where that is not NULL. -EFBIG: it is larger
 * than CONFIG_SIZE_MAX. Other errors are for the lower runtime to tell. */
int bundle_read(const char *path, const char *config, struct bundle *ret_bundle, struct genv_error *err);

/* Makes genv/inside, with nothing of an earlier container in it, and what is to be mounted on: the folder root, and a
 * file for each of @uuids, which is NULL-terminated. free() @ret_path. */
int bundle_make_inside(struct bundle *bundle, const char *const *uuids, char **ret_path, struct genv_error *err);

/* Copies the record of @eid in the state directory @state to where the container sees it, without the member @leaving,
 * whom it would go on to name; 0: with all of them. */
int bundle_copy_record(int bundle, const char *state, const char *eid, pid_t leaving, struct genv_error *err);

/* Replaces config.json, and keeps what it was. */
int bundle_write(struct bundle *bundle, const char *text, size_t length, struct genv_error *err);
/* Says that the container of the bundle @fd has begun; bundle_write() takes that back. */
int bundle_set_begun(int fd);
bool bundle_has_begun(const struct bundle *bundle);

/* Makes the config.json of the bundle @fd what it was, unless somebody has changed it since. */
void bundle_restore(int fd);

/* Whether the container's image can run programs of this machine: it has their dynamic linker. @root is "root.path" of
 * its config.json. */
bool bundle_has_linker(const struct bundle *bundle, const char *root);

#endif
