/* The records of the environments: one file each, owned by its user. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "model/device.h"
#include "model/record.h"
#include "store/claim.h"
#include "store/directory.h"
#include "store/inventory.h"
#include "store/lock.h"
#include "store/private.h"
#include "store/vouch.h"

#define LOCK_NAME        "genv.lock"
#define WRITE_TIMEOUT_S  10
#define READ_TIMEOUT_MS  200
#define DEVICE_LOCK_SIZE (GENV_UUID_SIZE + sizeof(".lock"))
#define MODE_INVENTORY   0645 /* tells root's from other files of root's, which have it by no chance */

/* "/tmp/x/" would be followed if it is a link, and could not be made if it is missing; "/tmp//x" looks like a fault in
 * sentences. */
static void strip_slashes(char *path)
{
    char *end = path;

    for (const char *rest = path; *rest; rest++) {
        if (*rest != '/' || end == path || end[-1] != '/')
            *end++ = *rest;
    }
    if (end > path + 1 && end[-1] == '/')
        end--;
    *end = '\0';
}

int store_new(const char *path, store_warn warn, void *warn_data, struct store **ret_store, struct genv_error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int r;

    if (!store)
        return error_no_memory(err);
    *store = (struct store){
        .warn = warn,
        .warn_data = warn_data,
        .uid = geteuid(),
        .write_timeout_s = WRITE_TIMEOUT_S,
        .root_fd = -1,
        .lock_fd = -1,
    };
    store->path = strdup(path);
    if (store->path)
        strip_slashes(store->path);
    if (!store->path || asprintf(&store->envs_path, "%s/envs", store->path) < 0) {
        store_free(store);
        return error_no_memory(err);
    }
    r = proc_boot_id(store->boot_id);
    if (r < 0) {
        store_free(store);
        return error_set_errno(err, -r, "cannot read the boot ID (is /proc mounted?)");
    }
    proc_machine(store->machine);
    store->pid_namespace = proc_pid_namespace();
    *ret_store = store;
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store_end(store);
    free(store->path);
    free(store->envs_path);
    free(store->limits_file);
    budget_release(&store->budget);
    free(store);
}

const char *store_path(const struct store *store)
{
    return store->path;
}

void store_set_timeout(struct store *store, unsigned seconds)
{
    store->write_timeout_s = seconds;
}

void store_set_interrupt(struct store *store, const struct interrupt *interrupt)
{
    store->interrupt = *interrupt;
}

int store_set_limits_file(struct store *store, const char *path)
{
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    free(store->limits_file);
    store->limits_file = copy;
    return 0;
}

void store_spare(struct store *store, pid_t pid)
{
    store->spared = pid;
}

void store_note_ends(struct store *store, struct event_list *ends)
{
    store->ends = ends;
}

/* Whether @fd still is the file that @name leads to: a lock on a removed file excludes nobody. */
static bool is_current(int fd, int directory, const char *name)
{
    struct stat held, named;

    return fstat(fd, &held) == 0 && fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* Everybody may write it, so that FUSE lets anybody mount over it. (The locks of devices are mounted into containers.)
 */
static int open_lock(struct store *store, bool create, struct genv_error *err)
{
    struct stat st;
    unsigned forks;

    if (file_stat_here(store->root_fd, LOCK_NAME, &st) == -EXDEV)
        return error_set(err, EXDEV, "a file system is mounted on %s/" LOCK_NAME ": ask an administrator to unmount it",
                         store->path);
    do {
        int r;

        forks = fork_count();
        r = directory_open_lock(store->root_fd, LOCK_NAME, create, store->path, &store->lock_fd, err);
        if (r < 0)
            return r;
    } while (!fork_guard(&store->lock_guard, &store->lock_fd, forks));
    return 0;
}

static int refuse_locked(const struct store *store, enum store_access access, struct genv_error *err)
{
    char holder[LOCK_HOLDER_SIZE];
    const char *remedy = lock_describe_holder(store->lock_fd, holder) ? "try again, or end that process" : "try again";

    if (access == STORE_TRY)
        return error_set(err, ETIMEDOUT, "%s is locked by %s: %s", store->path, holder, remedy);
    return error_set(err, ETIMEDOUT, "%s has been locked for %u second%s by %s: %s", store->path,
                     store->write_timeout_s, store->write_timeout_s == 1 ? "" : "s", holder, remedy);
}

static int lock_exclusively(struct store *store, enum store_access access, struct genv_error *err)
{
    const int64_t limit_ms = access == STORE_TRY ? READ_TIMEOUT_MS : INT64_C(1000) * store->write_timeout_s;

    for (;;) {
        int r = open_lock(store, true, err);

        if (r < 0)
            return r;
        r = lock_wait_interruptibly(store->lock_fd, LOCK_EX, limit_ms, &store->interrupt);
        if (r == -EAGAIN)
            return refuse_locked(store, access, err);
        if (r == -ECANCELED)
            return error_set(err, ECANCELED, "interrupted while waiting for the lock of %s", store->path);
        if (r < 0)
            return error_set_errno(err, -r, "cannot lock %s/" LOCK_NAME, store->path);
        if (is_current(store->lock_fd, store->root_fd, LOCK_NAME))
            return 0;
        fork_close(&store->lock_guard);
    }
}

/* A consistent look at all records together is nice to have; being able to look is not negotiable. */
static void lock_shared(struct store *store)
{
    if (open_lock(store, false, NULL) == 0)
        lock_wait(store->lock_fd, LOCK_SH, READ_TIMEOUT_MS);
}

static int open_envs(struct store *store, bool create, struct genv_error *err)
{
    cleanup_close int fd = -1;
    int r = directory_open(store->root_fd, "envs", create, store->envs_path, &fd, err);

    if (r < 0)
        return r;
    store->envs = fdopendir(fd);
    if (!store->envs)
        return error_no_memory(err);
    steal_fd(&fd);
    return 0;
}

static int open_all(struct store *store, enum store_access access, struct genv_error *err)
{
    bool create = access >= STORE_WRITE;
    int r = directory_open(AT_FDCWD, store->path, create, store->path, &store->root_fd, err);

    if (r == 0)
        r = open_envs(store, create, err);
    if (r == 0 && create)
        r = lock_exclusively(store, access, err);
    if (r == 0 && access == STORE_READ)
        lock_shared(store);
    return r;
}

int store_begin(struct store *store, enum store_access access, struct genv_error *err)
{
    int r = open_all(store, access, err);

    if (r == -ENOENT && access < STORE_WRITE) { /* nobody has used it yet: no error */
        if (err)
            *err = (struct genv_error){0};
        store_end(store);
        return 0;
    }
    if (r < 0) {
        store_end(store);
        return r;
    }
    store->writing = access >= STORE_WRITE;
    return 0;
}

void store_end(struct store *store)
{
    if (store->envs)
        closedir(store->envs);
    fork_close(&store->lock_guard);
    if (store->root_fd >= 0)
        close(store->root_fd);
    store->envs = NULL;
    store->root_fd = -1;
    store->writing = false;
    store->unknown = (struct genv_error){0};
}

bool store_is_taken(struct store *store, const char *eid)
{
    char name[NAME_MAX + 1];
    struct stat st;

    record_name(eid, name);
    return store->envs && file_stat_here(dirfd(store->envs), name, &st) != -ENOENT;
}

/* Where all files can be written by others, nobody would believe the record. */
static int check_saved(struct store *store, const struct genv_env *env, const char *name, struct genv_error *err)
{
    struct stat st;

    if (file_stat_here(dirfd(store->envs), name, &st) < 0 || !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    unlinkat(dirfd(store->envs), name, 0);
    return error_set(err, ENOTSUP,
                     "cannot save environment %s: the file system of %s lets others write to every file; set "
                     "GENV_TMPDIR to a directory on another one",
                     env->eid, store->envs_path);
}

int store_vouch(struct store *store, const struct genv_process *process, uid_t uid, struct genv_error *err)
{
    return vouch_for(store->root_fd, store->path, process, uid, err);
}

int store_vouch_container(struct store *store, const struct genv_process *process, uid_t uid, struct genv_error *err)
{
    return vouch_for_container(store->root_fd, store->path, process, uid, err);
}

int store_claim_make(struct store *store, char *claim, struct genv_error *err)
{
    cleanup_close int root = -1;
    int r = directory_open(AT_FDCWD, store->path, true, store->path, &root, err);

    return r < 0 ? r : claim_make(root, store->path, claim, err);
}

int store_claim_redeem(struct store *store, const char *claim, const char *container, uid_t *ret_uid,
                       struct genv_error *err)
{
    cleanup_close int root = -1;
    int r = directory_open(AT_FDCWD, store->path, true, store->path, &root, err);

    return r < 0 ? r : claim_redeem(root, store->path, claim, container, ret_uid, err);
}

int store_save(struct store *store, const struct genv_env *env, struct genv_error *err)
{
    struct record record = {.env = *env};
    cleanup_free char *text = NULL;
    char name[NAME_MAX + 1];
    size_t length;
    int r = record_check_changeable(env, err);

    if (r < 0)
        return r;
    copy_string(record.machine, sizeof(record.machine), store->machine);
    copy_string(record.boot_id, sizeof(record.boot_id), store->boot_id);
    text = record_encode(&record, &length);
    if (!text)
        return error_no_memory(err);
    if (length > RECORD_SIZE_MAX || env->process_count > ENV_PROCESSES_MAX || env->kernel_count > ENV_KERNELS_MAX ||
        env->attachment_count > ENV_ATTACHMENTS_MAX) /* nobody would read it */
        return error_set(err, EFBIG, "cannot save environment %s: it has too many processes, kernels or devices",
                         env->eid);
    record_name(env->eid, name);
    r = file_replace(dirfd(store->envs), name, text, length, env->attachment_count ? MODE_HOLDER : MODE_IDLE,
                     env->uid == store->uid ? (uid_t)-1 : env->uid, false);
    if (r < 0)
        return error_set_errno(err, -r, "cannot save environment %s in %s", env->eid, store->envs_path);
    return check_saved(store, env, name, err);
}

int store_remove(struct store *store, const char *eid, struct genv_error *err)
{
    char name[NAME_MAX + 1];

    record_name(eid, name);
    if (unlinkat(dirfd(store->envs), name, 0) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove environment %s from %s", eid, store->envs_path);
    return 0;
}

static void device_lock_name(const char *uuid, char name[static DEVICE_LOCK_SIZE])
{
    snprintf(name, DEVICE_LOCK_SIZE, "%s.lock", uuid);
}

/* The directory of the device locks. */
static int open_devices(struct store *store, const char *shown, int *ret_fd, struct genv_error *err)
{
    cleanup_close int root = -1;
    int r = directory_open(AT_FDCWD, store->path, true, store->path, &root, err);

    return r < 0 ? r : directory_open(root, "devices", true, shown, ret_fd, err);
}

int store_open_device_lock(struct store *store, const char *uuid, int *ret_fd, struct genv_error *err)
{
    cleanup_close int devices = -1;
    char name[DEVICE_LOCK_SIZE], shown[PATH_MAX];
    int r;

    if (!uuid_is_plain(uuid))
        return error_set(err, EINVAL, "'%s' is not a valid device UUID", uuid);
    device_lock_name(uuid, name);
    snprintf(shown, sizeof(shown), "%s/devices", store->path);
    r = open_devices(store, shown, &devices, err);
    if (r == 0)
        r = directory_open_lock(devices, name, true, shown, ret_fd, err);
    if (r < 0)
        return r;
    fcntl(*ret_fd, F_SETFD, 0); /* whoever runs under the lock holds it, for as long as he runs */
    return 0;
}

bool store_is_device_lock(struct store *store, const char *uuid, int fd)
{
    cleanup_close int devices = -1;
    char name[DEVICE_LOCK_SIZE];

    device_lock_name(uuid, name);
    return open_devices(store, "", &devices, NULL) == 0 && is_current(fd, devices, name);
}

int store_find_device_lock(struct store *store, const char *uuid, char **ret_path, bool *ret_guarded,
                           struct genv_error *err)
{
    cleanup_free char *folder = NULL, *real = NULL;
    cleanup_close int fd = -1;
    struct stat st;
    int r = store_open_device_lock(store, uuid, &fd, err);

    if (r < 0)
        return r;
    if (asprintf(&folder, "%s/devices", store->path) < 0)
        return error_no_memory(err);
    real = realpath(folder, NULL);
    if (!real || fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "cannot open %s", folder);
    if (asprintf(ret_path, "%s/%s.lock", real, uuid) < 0)
        return error_no_memory(err);
    *ret_guarded =
        st.st_uid == 0 && st.st_nlink == 1 && directory_is_roots(real) && store_is_device_lock(store, uuid, fd);
    return 0;
}

static void inventory_name(uid_t uid, char name[static NAME_MAX + 1])
{
    snprintf(name, NAME_MAX + 1, "inventory-%u.json", (unsigned)uid);
}

static int load_inventory_of(int root, uid_t uid, const char *key, struct genv_device **ret_devices, size_t *ret_count)
{
    cleanup_free char *text = NULL;
    cleanup_close int fd = -1;
    char name[NAME_MAX + 1];
    struct stat st;
    size_t length = 0;
    int r;

    inventory_name(uid, name);
    r = file_open_here(root, name, O_RDONLY, &fd, &st);
    if (r == 0 && (st.st_uid != uid || !is_written_by_owner_alone(&st)))
        return -ENOENT;
    if (r == 0 && uid == 0 &&
        (st.st_mode & ALLPERMS) != MODE_INVENTORY) /* somebody's who moved a file of root's here */
        return -ENOENT;
    if (r == 0)
        r = file_read(fd, RECORD_SIZE_MAX, &text, &length);
    return r < 0 ? -ENOENT : inventory_decode(text, length, key, ret_devices, ret_count, NULL);
}

int store_load_inventory(struct store *store, const char *key, struct genv_device **ret_devices, size_t *ret_count)
{
    cleanup_close int root = -1;

    if (directory_open(AT_FDCWD, store->path, false, store->path, &root, NULL) < 0)
        return -ENOENT;
    if (load_inventory_of(root, 0, key, ret_devices, ret_count) == 0)
        return 0;
    return load_inventory_of(root, store->uid, key, ret_devices, ret_count) == 0 ? 0 : -ENOENT;
}

int store_save_inventory(struct store *store, const char *key, const struct genv_device *devices, size_t count)
{
    cleanup_close int root = -1;
    cleanup_free char *text = NULL;
    char name[NAME_MAX + 1];
    struct stat st;

    if (directory_open(AT_FDCWD, store->path, false, store->path, &root, NULL) < 0)
        return -ENOENT;
    text = inventory_encode(key, devices, count);
    if (!text)
        return -ENOMEM;
    inventory_name(store->uid, name);
    if (store->uid == 0 && fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        directory_take_away(root, name); /* no file replaces a directory */
    return file_replace(root, name, text, strlen(text), MODE_INVENTORY, (uid_t)-1, false);
}
