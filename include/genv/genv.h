/* libgenv: GPU environments on this machine. This is all that the genv command itself uses.
 *
 * Every function that can fail returns 0 or a negative errno and says why in @err, which may be NULL; its outputs are
 * untouched then. The library prints nothing and ends no process. A handle belongs to one thread at a time; different
 * handles are independent, and processes are kept apart by the lock in the state directory. A child that is forked
 * during an operation keeps neither the locks that it has taken or waits for, nor its pipes: the library closes them
 * there (pthread_atfork(3)). The child goes on with a handle of its own. Codes with a meaning of their own: -ENOENT
 * no such environment, -EBUSY not enough devices available, -EPERM somebody else's, -ETIMEDOUT the state directory's
 * lock is held, or the driver does not answer, -ENODEV no such device, -EDQUOT more than the user may hold, -EINVAL a
 * value out of range, -ENOTSUP an environment that a later version or another machine alone may change, or a request
 * that a later version alone understands, -EIO a record of root's that can't be read, so that nobody knows what is
 * available, -ECANCELED interrupted. */
#ifndef GENV_GENV_H
#define GENV_GENV_H

#include <genv/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct genv;

struct genv_options {
    const char *state_dir;                         /* NULL: $GENV_TMPDIR, or /var/tmp/genv */
    const char *limits_file;                       /* NULL: /etc/genv/limits.conf */
    void (*warn)(const char *message, void *data); /* NULL: warnings are dropped; a message is one line */
    void *warn_data;
    uint64_t reserved[4];
};

/* Opens nothing but the handle: the state directory is made by the first operation that writes. @options may be NULL.
 */
int genv_open(const struct genv_options *options, struct genv **ret_g, struct genv_error *err);
void genv_close(struct genv *g); /* NULL is fine */

/* While @fd (-1: none) is readable, what waits for a driver gives up with -ECANCELED: for programs that take signals
 * through a descriptor. It stays the caller's. */
void genv_set_cancel(struct genv *g, int fd);
/* Calls @interrupted (NULL: nobody) in the thread that waits in an operation on @g, for the state's lock, a device's
 * lock or a driver: about ten times a second, and when a signal handler has run. If it returns true, the operation
 * gives up with -ECANCELED and changes nothing; a change that is made by then is told of without waiting any longer.
 * For interpreters, whose signal handlers run later than the signal. */
void genv_set_interrupt(struct genv *g, bool (*interrupted)(void *data), void *data);

/* The state directory that it works on, which need not exist; lives as long as the handle. */
const char *genv_state_directory(const struct genv *g);

/* Calls @event for whatever changes by an operation on @g from now on (NULL: for nothing), ends of environments that it
 * finds and removes included: once for each event, in the order in which they were made, after they were written and
 * the state's lock was given back. A change that was not written is no event. A process that is killed in between has
 * changed something and told nobody. Changes by others are not told. @event may use @g, but not close it. */
void genv_listen(struct genv *g, void (*event)(const struct genv_event *event, void *data), void *data);

/* The library's version, "0.1.0". */
const char *genv_version(void);

/* What keeps an environment alive: a process, or a Jupyter kernel if @kernel_id is set. */
struct genv_member {
    pid_t pid;
    const char *kernel_id;
    bool container; /* the first process of a container: what enters that later belongs to the environment too */
    const char *connection_file; /* of the kernel; NULL: kernel-ID.json where the owner's Jupyter keeps such files */
    pid_t manager; /* of the kernel, a process of the owner's: what starts it again; 0: see struct genv_kernel */
    uint64_t reserved[2];
};

struct genv_activation {
    const char *eid; /* NULL: the member's PID, or PID-2, PID-3, … where that one is taken */
    uid_t uid;       /* owner; (uid_t)-1: the caller. Others than the caller: for root only */
    struct genv_member member;
    struct genv_config config; /* of an environment that is created; an existing one keeps its own */
    uint64_t reserved[8];
};

/* Creates the environment, or enters the live one named @activation->eid, and registers the member in it.
 * -EPERM: it belongs to another user. @ret_env, which may be NULL, is the environment as it is then; genv_env_free()
 * it. */
int genv_activate(struct genv *g, const struct genv_activation *activation, struct genv_env **ret_env,
                  bool *ret_created, struct genv_error *err);

struct genv_reservation {
    const char *eid; /* as in struct genv_activation, of the first member */
    uid_t uid;       /* likewise */
    const struct genv_member *members;
    size_t member_count;        /* at least one */
    struct genv_config config;  /* of an environment that is created */
    unsigned fields;            /* which of it an existing one is given, a mask of enum genv_config_field */
    bool attach;                /* attach as many devices as this configures, if it does */
    bool over_subscribe;        /* also devices that are not available */
    bool even_detached;         /* enter also where they cannot be had */
    bool isolate;               /* genv_isolate() follows: the environment can have no other devices than now */
    const char *const *devices; /* attach these, named as in struct genv_attach_request: each, or nothing changes */
    size_t device_count;
    uint64_t reserved[8];
};

#define GENV_RESERVATION_INIT                                                                                          \
    {                                                                                                                  \
        .uid = (uid_t)-1, .config = GENV_CONFIG_INIT, .attach = true                                                   \
    }

/* Creates the environment, or enters the live one named @reservation->eid, registers the members, configures and
 * attaches it, all under one lock and in one commit: it is done, or nothing has changed (-EPERM, and what
 * genv_configure() and genv_attach() return). With @even_detached, devices that cannot be had are no failure: the rest
 * is done, the environment is as genv_attach() would leave it, and 1 is returned, with the reason in @err. @ret_env and
 * @ret_created may be NULL. */
int genv_reserve(struct genv *g, const struct genv_reservation *reservation, struct genv_env **ret_env,
                 bool *ret_created, struct genv_error *err);

/* Puts the calling process, which has one thread, behind a wall, together with whatever it starts: it can open the
 * devices that @env, reserved with @isolate, had then, and no others. This cannot be undone, needs no root, and does
 * not reach what the process has others start (by ssh to this machine, cron, an engine's daemon) nor what is open
 * already. Behind the wall nobody becomes another user (sudo), unless the caller is root, nothing is mounted and no
 * device node is made. GENV_ISOLATED in its environment says what can be opened, for genv_reserve(), which gives
 * environments of what it starts nothing else. -ENOTSUP: the kernel cannot (Linux 5.19 can, with Landlock enabled), or
 * a device has no node of its own; -ENODEV: a device is not on this machine. */
int genv_isolate(struct genv *g, const struct genv_env *env, struct genv_error *err);
/* Whether what the caller starts is to be isolated where nothing else says so: 1 or 0, after the file "isolate" of the
 * .genv directory in force (if @saved), or the limits file. */
int genv_isolates(struct genv *g, bool saved, struct genv_error *err);

/* Takes the member out of the environment @eid (NULL: out of all environments of the caller); without members an
 * environment ends. -ENOENT: it is in none. */
int genv_deactivate(struct genv *g, const char *eid, const struct genv_member *member, struct genv_error *err);

/* A shell leaves @eid: takes its process @pid out, and registers in its place the children that it leaves behind there,
 * so that work which goes on keeps its devices. These are children that were started in the environment: not those that
 * the caller is or descends from, nor those that end with the shell (which has a pipe or a pseudo-terminal to them),
 * nor another user's, nor those that have entered another environment since. The environment ends where neither they
 * nor other members are left. @ret_children, which may be NULL, are their PIDs, the last one 0; free() it. -ENOENT:
 * there is no such environment, or @pid is not in it and has no such children. */
int genv_hand_over(struct genv *g, const char *eid, pid_t pid, pid_t **ret_children, struct genv_error *err);

/* The same in all environments of @shell, a child of the caller that has ended and was not waited for yet, where it did
 * not do so itself: a signal may have ended it first. Its children are nobody's by then, so @left, ended by 0, are the
 * processes of its session: heirs are those that no other one of these has started. 0: also where there is nothing to
 * hand over. */
int genv_hand_over_for(struct genv *g, pid_t shell, const pid_t *left, struct genv_error *err);

/* Sets the fields of @fields (a mask of enum genv_config_field) to their values in @config. A new capacity is applied
 * to the devices that are attached already; -EBUSY, and nothing changes, where one of them has no room for it; -ENXIO,
 * where one cannot be seen from here. @ret_env as of genv_activate(). */
int genv_configure(struct genv *g, const char *eid, const struct genv_config *config, unsigned fields,
                   struct genv_env **ret_env, struct genv_error *err);
/* The same, and genv_home_save() of the same fields to the directory @home: on failure neither is done. */
int genv_configure_and_save(struct genv *g, const char *eid, const struct genv_config *config, unsigned fields,
                            const char *home, struct genv_env **ret_env, struct genv_error *err);

struct genv_attach_request {
    const char *device;  /* this one too, by its UUID, or as people count, "2"; NULL: none in particular */
    int count;           /* exactly so many devices; -1: the configured count, unless @device is set */
    bool over_subscribe; /* also devices that are not available */
    bool at_least;       /* the count or more: no device is released */
    uint64_t reserved[4];
};

#define GENV_ATTACH_INIT                                                                                               \
    {                                                                                                                  \
        .count = -1                                                                                                    \
    }

/* Attaches devices to @eid. If a count can't be met (-EBUSY, -ENODEV, -EDQUOT) the environment is left detached from
 * all; a device that can't be had, a driver that does not answer, and (-ENXIO) a count where
 * a device is attached that cannot be seen from here, change nothing. @ret_env, which may be NULL, is
 * the environment as it is then; genv_env_free() it. */
int genv_attach(struct genv *g, const char *eid, const struct genv_attach_request *request, struct genv_env **ret_env,
                struct genv_error *err);

/* Detaches @device, which is named as in struct genv_attach_request and need not be to be seen here, or all (NULL).
 * -ENODEV: it is not attached; nothing changes. -ENOTSUP: this version cannot change the environment here. Where its
 * record is not valid and a user's, root detaches it from all, by removing the record. @ret_env as of genv_attach(). */
int genv_detach(struct genv *g, const char *eid, const char *device, struct genv_env **ret_env, struct genv_error *err);

/* One of many attachments that are to go at once: that of @eid to the device with @uuid, made at @attached. */
struct genv_detachment {
    char eid[GENV_EID_MAX + 1];
    char uuid[GENV_UUID_SIZE];
    struct timespec attached;
    int result;            /* 0: it is detached; -ENODEV: it had gone, or is another one; else as of genv_detach() */
    struct genv_error err; /* why, for other codes than 0 and -ENODEV */
    uint64_t reserved[4];
};

/* Detaches all of @detachments under one lock and in one commit per environment; those of one stand together. What
 * became of each is in its @result. The lock is waited for only for a moment, so that a program that acts on others
 * can do something else meanwhile: -ETIMEDOUT, with who holds it, and nothing was tried. */
int genv_detach_many(struct genv *g, struct genv_detachment *detachments, size_t count, struct genv_error *err);

/* Reads one live environment; genv_env_free() it. -ENOENT: there is none; -ENOTSUP: it is another machine's. Where the
 * driver does not tell, a warning says that its devices have the indices that were last known. */
int genv_env_get(struct genv *g, const char *eid, struct genv_env **ret_env, struct genv_error *err);
void genv_env_free(struct genv_env *env); /* NULL is fine */

/* The identifiers of the environments in which the member is registered, ascending, NULL-terminated; free() the array
 * alone. */
int genv_find(struct genv *g, const struct genv_member *member, char ***ret_eids, struct genv_error *err);

/* How much a snapshot holds, each including the one before. */
enum genv_depth {
    GENV_DEPTH_ENVS,     /* environments: asks no driver, unless one of them is attached and the inventory is stale, and
                          * waits a second at most */
    GENV_DEPTH_DEVICES,  /* and devices, from the inventory of this boot where it holds */
    GENV_DEPTH_LIVE,     /* and live figures and processes: asks the driver; a warning says where it does not answer */
    GENV_DEPTH_COMPLETE, /* the same, for what acts on it: fails where the driver does not answer */
};

int genv_snapshot_take(struct genv *g, enum genv_depth depth, struct genv_snapshot **ret_snapshot,
                       struct genv_error *err);
/* How many devices an environment that is not attached yet could have with that capacity (0: whole devices). */
size_t genv_snapshot_available(const struct genv_snapshot *snapshot, uint64_t gpu_memory);

/* The variables that a process in @env is to have, @env NULL: outside of any (none of them is set then). The last one's
 * name is NULL; free() the array alone. CUDA_VISIBLE_DEVICES has indices, or UUIDs if @by_uuid (for a container, where
 * an index means another device), if the caller's GENV_VISIBLE_DEVICES says "uuid", if CUDA counts otherwise here, or
 * if @env is isolated; devices that cannot be seen from here are not in it. */
int genv_variables(const struct genv_env *env, bool by_uuid, struct genv_variable **ret_variables,
                   struct genv_error *err);

/* Whose a container is that an engine starts for somebody: a claim, which its user makes, and what acts as root for the
 * engine redeems. */

/* Makes a claim of the caller's; who shows @claim to root acts for that user, in one container, for up to 30 days until
 * it is redeemed. @claim has room for GENV_CLAIM_SIZE bytes; nobody else can find it out. */
int genv_claim_make(struct genv *g, char *claim, struct genv_error *err);
/* For root: tells whose @claim is. It then is that of @container, an identifier, alone, which may redeem it again when
 * it is started again. -EPERM: nobody made it, or it is another container's; -EINVAL: it is no claim. */
int genv_claim_redeem(struct genv *g, const char *claim, const char *container, uid_t *ret_uid, struct genv_error *err);

struct genv_lock;

/* Takes the access locks of all devices attached to @eid, also of those that cannot be seen from here. @timeout_seconds
 * < 0 waits without end, 0 not at all (-EAGAIN), otherwise so long (-ETIMEDOUT). Nothing attached: a lock of nothing.
 * The locks live in descriptors that programs started from here inherit, so a command holds what was locked for it, and
 * so does a forked child until it calls genv_unlock(), which lets nothing go that others have as well. */
int genv_lock(struct genv *g, const char *eid, double timeout_seconds, struct genv_lock **ret_lock,
              struct genv_error *err);
void genv_unlock(struct genv_lock *lock); /* NULL is fine */
/* What to put into GENV_LOCK of a command that runs under the lock, so that a lock inside it does not wait for itself.
 */
const char *genv_lock_token(const struct genv_lock *lock);
/* Makes the files that genv_lock() of @env locks, without locking them, for a container to have them: their paths are
 * in the order of its attachments, the last one NULL. "": root must not mount it, since another user can put another
 * file there meanwhile. free() the array alone. */
int genv_lock_files(struct genv *g, const struct genv_env *env, char ***ret_paths, struct genv_error *err);

/* The saved configuration of a project: a directory .genv, one file a field. */

/* The directory in force: of the current directory, its parents, or $HOME. free() it. -ENOENT: there is none. */
int genv_home_find(struct genv *g, char **ret_path, struct genv_error *err);
/* Reads it; @ret_fields says which fields it has. -EPERM: it, or a link to it, is neither the caller's nor root's. */
int genv_home_load(const char *path, struct genv_config *ret_config, unsigned *ret_fields, struct genv_error *err);
/* Writes the fields of @fields; one that is not configured is removed. On failure nothing has changed. */
int genv_home_save(const char *path, const struct genv_config *config, unsigned fields, struct genv_error *err);

/* The name of a user, or his number where he has none; @name has room for GENV_USERNAME_SIZE bytes. */
void genv_user_name(uid_t uid, char *name);

/* What `genv doctor` looks at. */
enum genv_finding_level { GENV_FINDING_OK, GENV_FINDING_WARNING, GENV_FINDING_ERROR };

struct genv_finding {
    enum genv_finding_level level;
    const char *subject; /* "driver", "state directory", … */
    char text[512];      /* what was found */
    char remedy[512];    /* what to do, or "" */
};

/* Checks the driver and the state directory; calls @report for each finding, in order. */
void genv_diagnose(struct genv *g, void (*report)(const struct genv_finding *finding, void *data), void *data);

#ifdef __cplusplus
}
#endif
#endif
