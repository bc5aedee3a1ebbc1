/* What one call may show: the environment that the program is in, as it stands at this moment. */
#include "view/scene.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "store/directory.h"
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

/* Leaves @list empty where anything is in the way: a stranger's device must not show through a fault. */
static void load(const char *eid, struct env_list *list)
{
    const char *path = variable("GENV_TMPDIR");
    struct genv_env env = {0};
    struct store *store;
    uid_t uid = geteuid();

    if (store_new(path ? path : STATE_DIRECTORY_DEFAULT, NULL, NULL, &store, NULL) < 0)
        return;
    if (store_begin(store, STORE_GLANCE, NULL) == 0 && store_load_one(store, eid, &env, NULL) == 0) {
        if ((uid != 0 && env.uid != uid) || env_list_add(list, &env) < 0)
            env_release(&env);
    }
    store_free(store);
}

struct scene scene_begin(void)
{
    struct scene scene = {.saved_errno = errno};
    const char *eid = variable("GENV_ENVIRONMENT_ID");

    if (eid)
        load(eid, &scene.shown);
    else
        scene.shows_everything = true;
    return scene;
}

void scene_end(struct scene *scene)
{
    env_list_release(&scene->shown);
    errno = scene->saved_errno;
}

const struct genv_attachment *scene_attachment(const struct scene *scene, const char *uuid)
{
    return scene->shown.count ? env_attachment(&scene->shown.envs[0], uuid) : NULL;
}

bool scene_has_process(const struct scene *scene, unsigned pid)
{
    return scene->shown.count && pid && pid <= INT_MAX && membership_find(&scene->shown, (pid_t)pid) != NULL;
}
