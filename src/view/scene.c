/* What one call may show: the environment that the program is in, as it stands at this moment.
 *
 * The thread is another program's, and may have as little stack as there can be, 16 KiB: no path has its room there. */
#include "view/scene.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "base/text.h"
#include "store/directory.h"
#include "store/liveness.h"
#include "store/membership.h"
#include "store/store.h"

#define VERDICTS_MAX 256

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

bool scene_is_wanted(void)
{
    return variable("GENV_ENVIRONMENT_ID") != NULL;
}

uint64_t scene_pid_namespace(void)
{
    static _Atomic uint64_t known;
    static _Atomic pid_t owner; /* a child may be in another, but no process changes its own */
    pid_t pid = getpid();

    if (atomic_load(&owner) != pid) {
        atomic_store(&known, proc_pid_namespace());
        atomic_store(&owner, pid);
    }
    return atomic_load(&known);
}

/* The record that was read last, for the next call; a thread that does not get the lock at once reads it anew. */
static struct {
    pthread_mutex_t lock;
    char *path;
    struct stat stamp;
    struct env_list list; /* empty: nothing is kept */
    /* A program asks many questions in a moment, about the same processes. Looking for one in /proc takes longer than
     * all the rest, so that it is done once in each tick of the kernel's coarse clock (4 ms). */
    struct timespec judged;
    struct verdict {
        unsigned pid;
        bool belongs;
    } verdicts[VERDICTS_MAX];
    size_t verdict_count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Leaves @list empty where anything is in the way: a stranger's device must not show through a fault. */
static void load(const char *directory, const char *eid, struct env_list *list)
{
    struct genv_env env = {0};
    struct store *store;

    if (store_new(directory, NULL, NULL, &store, NULL) < 0)
        return;
    if (store_begin(store, STORE_GLANCE, NULL) == 0 && store_load_one(store, eid, &env, NULL) == 0 &&
        env_list_add(list, &env) < 0)
        env_release(&env);
    store_free(store);
}

static bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

/* Whether the environment lives. */
static bool is_alive(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (now.tv_sec == kept.judged.tv_sec && now.tv_nsec == kept.judged.tv_nsec)
        return true;
    kept.judged = now;
    kept.verdict_count = 0;
    return liveness_prune(&kept.list.envs[0], scene_pid_namespace());
}

/* Makes @kept the record as it stands now.
 *
 * The stamp is taken before the record is read. If it is replaced in between, what is kept is newer than its stamp, and
 * the next call reads it once more; the other way round an old record would be shown until the next change. */
static void refresh(const char *directory, const char *eid)
{
    cleanup_free char *path = NULL;
    struct stat now;
    bool is_kept;

    if (asprintf(&path, "%s/envs/%s.json", directory, eid) < 0)
        path = NULL;
    /* Whether it is another file than last time is all that this path is for: store_load_one() opens with more care. */
    if (!path || lstat(path, &now) < 0) {
        env_list_release(&kept.list);
        return;
    }
    is_kept = kept.list.count && strcmp(path, kept.path) == 0 && is_same_file(&now, &kept.stamp);
    if (is_kept && is_alive())
        return;
    env_list_release(&kept.list);
    if (is_kept)
        return; /* it has ended */
    free(kept.path);
    kept.path = STEAL_POINTER(path);
    kept.stamp = now;
    kept.judged = (struct timespec){.tv_sec = 0};
    kept.verdict_count = 0;
    load(directory, eid, &kept.list);
}

struct scene scene_begin(void)
{
    struct scene scene = {.saved_errno = errno};
    const char *eid = variable("GENV_ENVIRONMENT_ID"), *directory = variable("GENV_TMPDIR");
    uid_t uid = geteuid();

    scene.shows_everything = !eid;
    if (!eid)
        return scene;
    if (!directory)
        directory = STATE_DIRECTORY_DEFAULT;
    /* Never waits: the caller may be a signal handler of the thread that holds the lock, or a child of fork(2) in which
     * nobody will ever let go of it. Reading the record again is slower, and always right. */
    scene.borrows_kept = pthread_mutex_trylock(&kept.lock) == 0;
    if (scene.borrows_kept) {
        refresh(directory, eid);
        scene.env = kept.list.envs;
    } else {
        load(directory, eid, &scene.own);
        scene.env = scene.own.envs;
    }
    /* Anybody can put another user's ID into the variable; that must not show them that user's processes. */
    if (scene.env && uid != 0 && scene.env->uid != uid)
        scene.env = NULL;
    return scene;
}

void scene_end(struct scene *scene)
{
    if (scene->borrows_kept)
        pthread_mutex_unlock(&kept.lock);
    env_list_release(&scene->own);
    errno = scene->saved_errno;
}

const struct genv_attachment *scene_attachment(const struct scene *scene, const char *uuid)
{
    return scene->env ? genv_env_attachment(scene->env, uuid) : NULL;
}

static bool judge(const struct scene *scene, unsigned pid)
{
    const struct env_list list = {.envs = scene->env, .count = 1};

    return membership_find(&list, (pid_t)pid) != NULL;
}

bool scene_has_process(const struct scene *scene, unsigned pid)
{
    bool belongs;

    if (!scene->env || !pid || pid > INT_MAX)
        return false;
    if (!scene->borrows_kept)
        return judge(scene, pid);
    for (size_t i = 0; i < kept.verdict_count; i++) {
        if (kept.verdicts[i].pid == pid)
            return kept.verdicts[i].belongs;
    }
    belongs = judge(scene, pid);
    if (kept.verdict_count < VERDICTS_MAX)
        kept.verdicts[kept.verdict_count++] = (struct verdict){.pid = pid, .belongs = belongs};
    return belongs;
}
