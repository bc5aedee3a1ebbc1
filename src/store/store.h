/* The records of the environments: one file each, owned by its user.
 *
 * A change: store_begin(STORE_WRITE) takes the lock, store_load() reads what lives, a pure function decides,
 * store_save() writes one record aside and renames it into place, store_end(). A kill at any instruction leaves the old
 * record or the new one. A look: store_begin(STORE_READ) waits for the lock only for a moment and goes on without it.
 * A handle belongs to one thread. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/interrupt.h"
#include "model/env.h"
#include "model/event.h"

struct store;

enum store_access {
    STORE_GLANCE, /* takes no lock: for one record, which is always whole */
    STORE_READ,
    STORE_WRITE,
    STORE_TRY, /* STORE_WRITE, but waits for the lock no longer than a look does */
};

/* Receives a line about what is ignored. */
typedef void (*store_warn)(const char *message, void *data);

/* Touches no file. @warn may be NULL. */
int store_new(const char *path, store_warn warn, void *warn_data, struct store **ret_store, struct genv_error *err);
void store_free(struct store *store); /* NULL is fine */
const char *store_path(const struct store *store);
/* How long STORE_WRITE waits for the lock: 10 s, unless told otherwise here. */
void store_set_timeout(struct store *store, unsigned seconds);
/* What ends that wait early, with -ECANCELED. */
void store_set_interrupt(struct store *store, const struct interrupt *interrupt);
/* The administrator's limits, which may allow a user more environments than others otherwise read. -ENOMEM. */
int store_set_limits_file(struct store *store, const char *path);
/* Where the ends of environments that loading finds are added, which lives as long as the store. NULL: nowhere. */
void store_note_ends(struct store *store, struct event_list *ends);

/* STORE_GLANCE, STORE_READ: a missing directory reads as empty. STORE_WRITE, STORE_TRY: makes it; -ETIMEDOUT, and who
 * holds the lock. */
int store_begin(struct store *store, enum store_access access, struct genv_error *err);
void store_end(struct store *store); /* harmless twice */

/* Adds all live environments to @list, with their live members only, by creation. Under STORE_WRITE it also removes
 * the dead records, and the rubbish of killed writers, that the caller owns (root: all); whoever removes a dead record
 * has seen its environment end, and nobody else. A record of another machine,
 * or one that is not valid, is that of an environment without members if it names devices: nobody else is to get them;
 * otherwise it is ignored. Nothing changes such a record here. */
int store_load(struct store *store, struct env_list *list, struct genv_error *err);
/* The same for @eid and those alone that may hold devices: all that an allocation depends on. A record that holds none
 * is marked by its mode, so that it need not be read. Dead ones among those are left for store_load(). */
int store_load_holders(struct store *store, const char *eid, struct env_list *list, struct genv_error *err);
/* The same for @eid alone, whoever else there is. Of a record that is not valid nothing is said, and a
 * kernel whose file would have to be asked for counts as alive. */
int store_load_named(struct store *store, const char *eid, struct env_list *list, struct genv_error *err);
/* -EIO: what was loaded can't be all that holds devices, since a record of root's could not be read. (Others may put
 * there what they like, and harm nobody but themselves.) */
int store_check_known(const struct store *store, struct genv_error *err);
/* Reads one live environment of this machine. -ENOENT: there is none; -ENOTSUP: it is another machine's. */
int store_load_one(struct store *store, const char *eid, struct genv_env *ret_env, struct genv_error *err);
/* Whether a file stands where a record of that identifier would, of whomever and in whatever condition. */
bool store_is_taken(struct store *store, const char *eid);

/* How many files of @uid's stood where records would when it was last loaded, dead ones and junk included. */
size_t store_count_records(const struct store *store, uid_t uid);

/* What store_load() loads is alive while the child @pid of the caller has not been waited for, though it may have
 * ended; 0: as usual again. */
void store_spare(struct store *store, pid_t pid);

/* These need STORE_WRITE. Saving: -ENOTSUP for an environment that record_check_changeable() (record.h) refuses. */
int store_save(struct store *store, const struct genv_env *env, struct genv_error *err);
int store_remove(struct store *store, const char *eid, struct genv_error *err);

/* For root, under STORE_WRITE: @process of another user may keep an environment of @uid's alive. */
int store_vouch(struct store *store, const struct genv_process *process, uid_t uid, struct genv_error *err);
/* The same for all processes of the container of which @process is the first one. */
int store_vouch_container(struct store *store, const struct genv_process *process, uid_t uid, struct genv_error *err);

/* genv_claim_make() and genv_claim_redeem(). Need no store_begin(). */
int store_claim_make(struct store *store, char *claim, struct genv_error *err);
int store_claim_redeem(struct store *store, const char *claim, const char *container, uid_t *ret_uid,
                       struct genv_error *err);

/* Opens the access lock of the device with that UUID; the descriptor is inherited by programs. Needs no store_begin().
 * -EINVAL: such a UUID can't be a file's name. */
int store_open_device_lock(struct store *store, const char *uuid, int *ret_fd, struct genv_error *err);
/* Whether the file that @fd has open still is that lock: a lock on one that was removed excludes nobody. */
bool store_is_device_lock(struct store *store, const char *uuid, int fd);
/* The path of that lock, without links. *@ret_guarded: root alone can put another file there. free() it. */
int store_find_device_lock(struct store *store, const char *uuid, char **ret_path, bool *ret_guarded,
                           struct genv_error *err);

/* The devices that were saved under @key (inventory.h), by root or by the caller. -ENOENT: there are none. */
int store_load_inventory(struct store *store, const char *key, struct genv_device **ret_devices, size_t *ret_count);
int store_save_inventory(struct store *store, const char *key, const struct genv_device *devices, size_t count);

#endif
