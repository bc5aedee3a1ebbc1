/* What one call may show: the environment that the program is in, as it stands at this moment. */
#include "view/scene.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "base/text.h"
#include "store/directory.h"
#include "store/liveness.h"
#include "store/membership.h"
#include "store/store.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

bool scene_is_wanted(void)
{
    return variable("GENV_ENVIRONMENT_ID") != NULL;
}

/* The record that was read last, for the next call: whoever does not get the lock at once reads for himself, also in a
 * child of fork(2) in which nobody is left to unlock it. */
static struct {
    pthread_mutex_t lock;
    char path[PATH_MAX];
    struct stat stamp;
    struct env_list list; /* empty: nothing is kept */
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

/* Makes @kept the record as it stands now. */
static void refresh(const char *directory, const char *eid)
{
    char path[PATH_MAX];
    struct stat now;
    bool is_kept;

    /* Whether it is another file than last time is all that this path is for: store_load_one() opens with more care. */
    if (snprintf(path, sizeof(path), "%s/envs/%s.json", directory, eid) >= (int)sizeof(path) || lstat(path, &now) < 0) {
        env_list_release(&kept.list);
        return;
    }
    is_kept = kept.list.count && strcmp(path, kept.path) == 0 && is_same_file(&now, &kept.stamp);
    if (is_kept && liveness_prune(&kept.list.envs[0], proc_pid_namespace()))
        return;
    env_list_release(&kept.list);
    if (is_kept)
        return; /* it has ended */
    copy_string(kept.path, sizeof(kept.path), path);
    kept.stamp = now;
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
    scene.borrows_kept = pthread_mutex_trylock(&kept.lock) == 0;
    if (scene.borrows_kept) {
        refresh(directory, eid);
        scene.env = kept.list.envs;
    } else {
        load(directory, eid, &scene.own);
        scene.env = scene.own.envs;
    }
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
    return scene->env ? env_attachment(scene->env, uuid) : NULL;
}

bool scene_has_process(const struct scene *scene, unsigned pid)
{
    const struct env_list list = {.envs = scene->env, .count = 1};

    return scene->env && pid && pid <= INT_MAX && membership_find(&list, (pid_t)pid) != NULL;
}
