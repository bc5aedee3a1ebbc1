/* Reading records: all of them, those that hold devices, or one. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/user.h"
#include "model/record.h"
#include "store/liveness.h"
#include "store/private.h"

#define OPEN_TRIES  100         /* enough for a busy owner; a hostile one must not keep us */
#define ENDS_MAX    65536       /* events at once: dead records of a hostile user must not fill our memory */
#define PEEK_FROM   4096        /* bytes: what is larger is not read before it looks like a record */
#define TOUCH_AGE_S (24 * 3600) /* cleaners of /var/tmp look at a file's age in days */

static bool may_remove(const struct store *store, uid_t owner)
{
    return store->writing && (owner == store->uid || store->uid == 0);
}

void record_name(const char *eid, char name[static NAME_MAX + 1])
{
    snprintf(name, NAME_MAX + 1, "%s" RECORD_SUFFIX, eid);
}

/* The identifier that a file's name stands for; false: the file is no record. */
static bool name_to_eid(const char *name, char eid[static GENV_EID_MAX + 1])
{
    size_t length = strlen(name), suffix = strlen(RECORD_SUFFIX);

    if (length <= suffix || length - suffix > GENV_EID_MAX || strcmp(name + length - suffix, RECORD_SUFFIX) != 0)
        return false;
    copy_string(eid, length - suffix + 1, name);
    return genv_eid_validate(eid, NULL) == 0;
}

/* file_open_here(); without the lock the file may be replaced just then, and then the one that replaced it is meant. */
static int open_record(struct store *store, const char *name, int *ret_fd, struct stat *ret_stat)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int r = file_open_here(dirfd(store->envs), name, O_RDONLY, ret_fd, ret_stat);

        if (r < 0 || ret_stat->st_nlink)
            return r;
        close(steal_fd(ret_fd));
    }
    return -ENOENT;
}

/* A power loss may leave records without their content, since nobody waits for the disk: nothing is lost with them. */
static bool is_of_earlier_boot(const struct stat *st)
{
    struct timespec up;

    clock_gettime(CLOCK_BOOTTIME, &up);
    return st->st_mtim.tv_sec < clock_now().tv_sec - up.tv_sec - 1;
}

/* free() the text. */
static int read_record(struct store *store, const char *name, char **ret_text, size_t *ret_length,
                       struct stat *ret_stat, struct genv_error *err)
{
    cleanup_close int fd = -1;
    char first = '{';
    int r = open_record(store, name, &fd, ret_stat);

    if (r == 0 && ret_stat->st_size > RECORD_SIZE_MAX)
        r = -EFBIG;
    if (r == 0 && ret_stat->st_size > PEEK_FROM && pread(fd, &first, 1, 0) == 1 &&
        (!first || !strchr("{ \t\r\n", first))) {
        *ret_text = strdup(""); /* zeros without end, perhaps: no more JSON than this */
        return *ret_text ? 0 : error_no_memory(err);
    }
    if (r == 0)
        r = file_read(fd, RECORD_SIZE_MAX, ret_text, ret_length);
    if (r == -ELOOP || r == -ENOTSUP)
        return error_set(err, -r, "not a regular file");
    if (r == -EXDEV)
        return error_set(err, -r, "a file system is mounted on it");
    if (r < 0)
        return error_set_errno(err, -r, "cannot read it");
    return 0;
}

/* Owning a file is not having written it, and a file can be moved here by whoever may write its folder. NULL: nobody
 * but its owner can have written this one. */
static const char *find_doubt(const struct stat *st)
{
    if (st->st_nlink != 1)
        return "it has more than one hard link";
    return is_written_by_owner_alone(st) ? NULL : "others can write it, so it cannot be trusted";
}

/* It may be genuine all the same, as where a file system gives all files one mode: its devices are not given away, and
 * count for nobody, whose limits they would use up. -EINVAL, with the reason. */
static int reduce_to_nobodys_devices(struct genv_env *env, const char *doubt, struct genv_error *err)
{
    env_clear_members(env);
    env->uid = (uid_t)-1;
    if (record_set_origin(env, RECORD_DOUBTFUL) < 0)
        return error_no_memory(err);
    return error_set(err, EINVAL, "%s", doubt);
}

/* Containers have machine IDs of their own, and the boot of the machine that they are on. */
static bool is_elsewhere(const struct store *store, const struct record *record)
{
    return *record->machine && strcmp(record->machine, store->machine) != 0 &&
           strcmp(record->boot_id, store->boot_id) != 0;
}

/* Nothing here tells whether it lives, and its PIDs and indices mean others here. -EREMOTE: nothing is left of it. */
static int reduce_to_devices(struct genv_env *env)
{
    env_clear_members(env);
    for (size_t i = 0; i < env->attachment_count; i++)
        env->attachments[i].index = -1;
    if (record_set_origin(env, RECORD_ELSEWHERE) < 0)
        return -ENOMEM;
    return env->attachment_count ? 0 : -EREMOTE;
}

/* Where nothing but devices was read, the file says since when. */
static void set_times(struct genv_env *env, time_t written)
{
    if (env->created.tv_sec)
        return;
    env->created.tv_sec = written;
    for (size_t i = 0; i < env->attachment_count; i++)
        env->attachments[i].time.tv_sec = written;
}

/* -ESTALE: it is of another boot, or its members are gone. -EREMOTE: it is another machine's, and holds nothing.
 * -EINVAL: it is not valid, and what record_decode() made of it counts. @ret_record is for the caller to release either
 * way. */
static int check_record(struct store *store, struct liveness_look *look, const char *eid, const char *text,
                        size_t length, const struct stat *st, struct record *ret_record, struct genv_error *err)
{
    int r = record_decode(text, length, ret_record, err);
    const char *doubt = find_doubt(st);
    struct genv_env *env = &ret_record->env;

    copy_string(env->eid, sizeof(env->eid), eid);
    env->uid = st->st_uid;
    if (r < 0 && r != -EINVAL)
        return r;
    if (record_origin(env) != RECORD_OWN)
        set_times(env, st->st_mtim.tv_sec);
    if (is_elsewhere(store, ret_record)) {
        env->uid = doubt ? (uid_t)-1 : env->uid;
        return reduce_to_devices(env);
    }
    if (*ret_record->boot_id ? strcmp(ret_record->boot_id, store->boot_id) != 0 : is_of_earlier_boot(st))
        return -ESTALE;
    if (doubt && r == 0 && !liveness_prune_next(look, env))
        return -ESTALE;
    if (doubt)
        return reduce_to_nobodys_devices(env, doubt, err);
    if (r < 0)
        return r;
    if (!liveness_prune_next(look, env))
        return -ESTALE;
    if (!*ret_record->machine || strcmp(ret_record->machine, store->machine) == 0)
        return 0;
    return record_set_machine(env, ret_record->machine); /* a container and its host: the first one's word stays */
}

/* What could not be read, to be told in one line however much it is. */
struct complaint {
    size_t count, counting;     /* those whose devices count nevertheless */
    char example[NAME_MAX + 1]; /* one of these, if there is one */
    uid_t owner;                /* of the example */
    struct genv_error reason;
};

static void complain(struct complaint *complaint, const char *name, uid_t owner, bool counts,
                     const struct genv_error *reason)
{
    bool first = complaint->count++ == 0, first_counting = counts && complaint->counting++ == 0;

    if (!first && !first_counting)
        return;
    copy_string(complaint->example, sizeof(complaint->example), name);
    complaint->owner = owner;
    complaint->reason = *reason;
}

static void tell_complaint(const struct store *store, const struct complaint *complaint)
{
    char line[sizeof(complaint->reason.message) + 2 * NAME_MAX], owner[GENV_USERNAME_SIZE];
    const char *path = store->envs_path, *example = complaint->example, *reason = complaint->reason.message;

    if (!complaint->count || !store->warn)
        return;
    user_name(complaint->owner, owner, sizeof(owner));
    if (complaint->count == 1 && complaint->counting)
        snprintf(line, sizeof(line),
                 "invalid record %s/%s, owned by %s: %s; its devices stay reserved until it is removed", path, example,
                 owner, reason);
    else if (complaint->count == 1)
        snprintf(line, sizeof(line), "ignoring invalid record %s/%s, owned by %s: %s", path, example, owner, reason);
    else if (complaint->counting)
        snprintf(
            line, sizeof(line),
            "%zu invalid records in %s, such as %s, owned by %s: %s; the devices of %zu of them stay reserved until "
            "they are removed",
            complaint->count, path, example, owner, reason, complaint->counting);
    else
        snprintf(line, sizeof(line), "ignoring %zu invalid records in %s, such as %s, owned by %s: %s",
                 complaint->count, path, example, owner, reason);
    utf8_make_printable(line);
    store->warn(line, store->warn_data);
}

static void touch_if_old(const struct store *store, const char *name, const struct stat *st)
{
    if (st->st_uid == store->uid && clock_now().tv_sec - st->st_mtim.tv_sec > TOUCH_AGE_S)
        utimensat(dirfd(store->envs), name, NULL, AT_SYMLINK_NOFOLLOW);
}

/* What this process lacks is no fault of the record, and passing it over could give its devices away. */
static bool is_shortage(int r)
{
    return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

/* What is to be loaded, and what came of it. */
struct loading {
    const char *holders_and; /* NULL: all environments */
    struct env_list *list;
    struct liveness_look look;
    struct complaint complaint;
};

static bool is_wanted(const struct loading *loading, const char *eid, const struct stat *st)
{
    if (!loading->holders_and || strcmp(eid, loading->holders_and) == 0)
        return true;
    return (st->st_mode & ALLPERMS) != MODE_IDLE;
}

/* Tells of a record that could not be read. One that root wrote here was put there by nobody who wants to harm others:
 * what it holds must not be given away. (Anybody may move, or link, a file of root's here, which has not the mode of a
 * record.) */
static void refuse(struct store *store, const char *name, const struct stat *st, bool counts, struct loading *loading,
                   const struct genv_error *reason)
{
    struct stat now = *st;

    if (!now.st_nlink) /* it could not be opened */
        file_stat_here(dirfd(store->envs), name, &now);
    complain(&loading->complaint, name, now.st_uid, counts, reason);
    if (now.st_uid == 0 && S_ISREG(now.st_mode) && has_mode_of_record(&now) && now.st_nlink == 1 && !counts &&
        !store->unknown.code)
        error_set(&store->unknown, EIO, "cannot read root's record %s/%s: %s; fix or remove it", store->envs_path, name,
                  reason->message);
}

/* Removes the record of an environment that has ended: who does so tells of the end. -ESTALE, or -ENOMEM: it stays. */
static int remove_dead(struct store *store, const char *name, struct record *record, bool doubtful)
{
    const bool same_boot = strcmp(record->boot_id, store->boot_id) == 0;
    const struct event_cause cause = {
        .reason = same_boot ? GENV_REASON_GONE : GENV_REASON_REBOOTED, .by = store->uid, .time = clock_now()};
    size_t count = store->ends ? store->ends->count : 0;

    if (count > ENDS_MAX) /* the next one removes more */
        return -ESTALE;
    env_clear_members(&record->env);                              /* gone, which is not leaving */
    if (store->ends && record->env.created.tv_sec && !doubtful && /* else it never was an environment */
        event_list_add_changes(store->ends, &record->env, NULL, &cause) < 0)
        return -ENOMEM;
    if (unlinkat(dirfd(store->envs), name, 0) < 0 && store->ends)
        store->ends->count = count;
    return -ESTALE;
}

static int load_record(struct store *store, const char *name, const char *eid, struct loading *loading,
                       struct genv_error *err)
{
    cleanup_free char *text = NULL;
    struct genv_error reason = {0};
    struct record record = {0};
    struct stat st = {0};
    size_t length = 0;
    int r = read_record(store, name, &text, &length, &st, &reason);

    if (r == 0)
        r = check_record(store, &loading->look, eid, text, length, &st, &record, &reason);
    if (r == 0)
        touch_if_old(store, name, &st);
    else if (r == -ESTALE && may_remove(store, st.st_uid))
        r = remove_dead(store, name, &record, find_doubt(&st));
    else if (r != -ESTALE && r != -EREMOTE && !is_shortage(r) && reason.code != ENOENT)
        refuse(store, name, &st, record.env.attachment_count > 0, loading, &reason);
    if (r == 0 || (r == -EINVAL && record.env.attachment_count))
        r = env_list_add(loading->list, &record.env);
    env_release(&record.env);
    return is_shortage(r) ? error_set_errno(err, -r, "cannot read %s/%s", store->envs_path, name) : 0;
}

/* Looks at the file before it is opened: what is not wanted, or too much, costs no more than that. */
static int consider(struct store *store, const char *name, const char *eid, struct loading *loading,
                    struct genv_error *err)
{
    struct genv_error reason = {0};
    struct stat st = {0};
    int r = file_stat_here(dirfd(store->envs), name, &st);

    if (r == 0 && budget_see(&store->budget, &st) < 0)
        return error_no_memory(err);
    if (r == 0 && !is_wanted(loading, eid, &st))
        return 0;
    if (r == 0 && S_ISREG(st.st_mode))
        r = budget_admit(&store->budget, &st, &reason);
    if (r == -ENOMEM)
        return error_no_memory(err);
    if (reason.code) {
        refuse(store, name, &st, false, loading, &reason);
        return 0;
    }
    return load_record(store, name, eid, loading, err);
}

static void sweep_aside(struct store *store, const char *name)
{
    struct stat st;

    /* Every writer holds the lock that we hold: nobody is at work on this file. */
    if (file_stat_here(dirfd(store->envs), name, &st) == 0 && may_remove(store, st.st_uid))
        unlinkat(dirfd(store->envs), name, 0);
}

static int load(struct store *store, struct loading *loading, struct genv_error *err)
{
    char eid[GENV_EID_MAX + 1];
    struct dirent *entry;
    int r = 0;

    if (!store->envs)
        return 0;
    loading->look.directory = &store->root_fd;
    budget_release(&store->budget);
    store->budget = (struct budget){.reader = store->uid, .limits_file = store->limits_file};
    rewinddir(store->envs);
    while (r == 0 && (errno = 0, entry = readdir(store->envs))) {
        if (strncmp(entry->d_name, FILE_ASIDE_PREFIX, strlen(FILE_ASIDE_PREFIX)) == 0)
            sweep_aside(store, entry->d_name);
        else if (name_to_eid(entry->d_name, eid))
            r = consider(store, entry->d_name, eid, loading, err);
    }
    if (r == 0 && errno)
        r = error_set_errno(err, errno, "cannot read %s", store->envs_path);
    liveness_look_release(&loading->look);
    env_list_sort(loading->list);
    tell_complaint(store, &loading->complaint);
    return r;
}

int store_load(struct store *store, struct env_list *list, struct genv_error *err)
{
    const struct liveness_look look = {.pid_namespace = store->pid_namespace, .spared = store->spared};

    return load(store, &(struct loading){.list = list, .look = look}, err);
}

int store_load_holders(struct store *store, const char *eid, struct env_list *list, struct genv_error *err)
{
    return load(store, &(struct loading){.holders_and = eid, .list = list, .look.pid_namespace = store->pid_namespace},
                err);
}

int store_load_named(struct store *store, const char *eid, struct env_list *list, struct genv_error *err)
{
    struct loading loading = {.list = list,
                              .look = {.pid_namespace = store->pid_namespace,
                                       .directory = &store->root_fd,
                                       .files.deadline_ms = KERNEL_FILE_CACHED_ONLY}};
    char name[NAME_MAX + 1];
    int r = genv_eid_validate(eid, err);

    if (r < 0 || !store_is_taken(store, eid))
        return r;
    record_name(eid, name);
    r = load_record(store, name, eid, &loading, err);
    liveness_look_release(&loading.look);
    return r;
}

size_t store_count_records(const struct store *store, uid_t uid)
{
    return budget_seen(&store->budget, uid);
}

int store_check_known(const struct store *store, struct genv_error *err)
{
    return store->unknown.code ? error_set(err, store->unknown.code, "%s", store->unknown.message) : 0;
}

int store_load_one(struct store *store, const char *eid, struct genv_env *ret_env, struct genv_error *err)
{
    cleanup_liveness_look struct liveness_look look = {.pid_namespace = store->pid_namespace,
                                                       .directory = &store->root_fd,
                                                       .files.deadline_ms =
                                                           store->lock_fd < 0 ? KERNEL_FILE_CACHED_ONLY : 0};
    cleanup_free char *text = NULL;
    struct record record = {0};
    char name[NAME_MAX + 1];
    struct stat st;
    size_t length = 0;
    int r = genv_eid_validate(eid, err);

    if (r < 0)
        return r;
    record_name(eid, name);
    if (!store->envs || !store_is_taken(store, eid))
        return error_set(err, ENOENT, "there is no environment %s", eid);
    r = read_record(store, name, &text, &length, &st, err);
    if (r == 0)
        r = check_record(store, &look, eid, text, length, &st, &record, err);
    if (r == 0 && record_origin(&record.env) == RECORD_ELSEWHERE)
        r = -EREMOTE;
    if (r < 0)
        env_release(&record.env);
    if (r == -EREMOTE)
        return error_set(err, ENOTSUP, "environment %s is on another machine", eid);
    if (r == -ESTALE)
        return error_set(err, ENOENT, "environment %s has ended", eid);
    if (r < 0)
        return error_prefix(err, r, "%s/%s", store->envs_path, name);
    touch_if_old(store, name, &st);
    *ret_env = record.env;
    return 0;
}
