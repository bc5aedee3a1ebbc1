/* Environments change and go: configure, deactivate, look. */
#include "libgenv/environment.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/proc.h"
#include "base/text.h"
#include "base/user.h"
#include "libgenv/home.h"
#include "model/config.h"
#include "model/record.h"

/* ~/.local/share/jupyter/runtime, or where Jupyter's own variables put it; they are the caller's, not another user's.
 */
static int jupyter_runtime_directory(const struct genv *g, uid_t uid, char **ret_path)
{
    const char *runtime = getenv("JUPYTER_RUNTIME_DIR"), *data = getenv("JUPYTER_DATA_DIR");
    const char *share = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    cleanup_user struct user_entry user = {.buffer = NULL};
    int n;

    if (uid != g->uid) {
        runtime = data = share = home = NULL;
        if (user_find(uid, &user) == 0)
            home = user.passwd.pw_dir;
    }
    if (runtime && *runtime)
        n = asprintf(ret_path, "%s", runtime);
    else if (data && *data)
        n = asprintf(ret_path, "%s/runtime", data);
    else if (share && *share)
        n = asprintf(ret_path, "%s/jupyter/runtime", share);
    else
        n = asprintf(ret_path, "%s/.local/share/jupyter/runtime", home ? home : "");
    return n < 0 ? -ENOMEM : 0;
}

static int register_kernel(struct genv *g, struct genv_env *env, const char *id, struct genv_error *err)
{
    cleanup_free char *directory = NULL, *resolved = NULL;
    char path[GENV_CONNECTION_FILE_SIZE];
    struct genv_kernel kernel = {.connection_file = path};
    int r = kernel_id_validate(id, err);

    if (r < 0)
        return r;
    if (jupyter_runtime_directory(g, env->uid, &directory) < 0)
        return error_no_memory(err);
    resolved = realpath(directory, NULL); /* others follow no links, which may lead anywhere */
    if (resolved) {
        free(directory);
        directory = STEAL_POINTER(resolved);
    }
    if (*directory != '/') /* others look for the kernel from other directories */
        return error_set(err, EINVAL, "Jupyter's runtime directory is not an absolute path: %s", directory);
    copy_string(kernel.id, sizeof(kernel.id), id);
    if ((size_t)snprintf(path, sizeof(path), "%s/kernel-%s.json", directory, id) >= sizeof(path) ||
        !utf8_is_printable(path))
        return error_set(err, ENAMETOOLONG, "the path of kernel %s is too long or has control characters", id);
    if (access(path, F_OK) < 0 && errno != EACCES)
        return error_set_errno(err, errno, "there is no kernel %s: %s", id, path);
    return env_add_kernel(env, &kernel) < 0 ? error_no_memory(err) : 0;
}

static int register_process(struct genv *g, struct genv_env *env, pid_t pid, bool container, struct genv_error *err)
{
    struct genv_process process = {.pid = pid, .pid_namespace = proc_pid_namespace(), .container = container};
    char owner[GENV_USERNAME_SIZE];
    struct proc_stat stat;
    uid_t uid = proc_uid(pid);
    int r = 0;

    if (proc_stat_read(pid, &stat) < 0 || stat.state == 'Z')
        return error_set(err, ESRCH, "there is no process %d", pid);
    if (!handle_may_change(g, uid)) {
        user_name(uid, owner, sizeof(owner));
        return error_set(err, EPERM, "process %d belongs to %s", pid, owner);
    }
    process.start_time = stat.start_time;
    if (env->uid == 0)
        process.uid = uid <= INT_MAX ? uid : 0;
    else if (uid != env->uid && uid != (uid_t)-1) /* this is root: the record is its owner's word, who can't say that */
        r = store_vouch(g->store, &process, env->uid, err);
    if (r == 0 && container && g->uid == 0) /* "root" of a user namespace can't, and has none of others to speak of */
        store_vouch_container(g->store, &process, env->uid, NULL);
    if (r == 0 && env_add_process(env, &process) < 0)
        r = error_no_memory(err);
    return r;
}

int environment_register(struct genv *g, struct genv_env *env, const struct genv_member *member, struct genv_error *err)
{
    int r = RESERVED_CHECK(member, err);

    if (r < 0)
        return r;
    if (member->kernel_id)
        return register_kernel(g, env, member->kernel_id, err);
    if (member->pid <= 0)
        return error_set(err, EINVAL, "the PID must be above 0");
    return register_process(g, env, member->pid, member->container, err);
}

static bool has_member(const struct genv_env *env, const struct genv_member *member)
{
    return member->kernel_id ? env_has_kernel(env, member->kernel_id)
                             : env_has_process(env, member->pid, proc_pid_namespace());
}

static void remove_member(struct genv_env *env, const struct genv_member *member)
{
    if (member->kernel_id)
        env_remove_kernel(env, member->kernel_id);
    else
        env_remove_process(env, member->pid, proc_pid_namespace());
}

static int leave(struct genv *g, struct genv_env *env, const struct genv_member *member, bool *ret_found,
                 struct genv_error *err)
{
    cleanup_env_content struct genv_env before = {0};
    int r;

    if (!has_member(env, member))
        return 0;
    *ret_found = true;
    r = record_check_changeable(env, err);
    if (r < 0)
        return r;
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    remove_member(env, member);
    if (env->process_count || env->kernel_count)
        return handle_commit(g, &before, env, GENV_REASON_ASKED, err);
    return handle_commit(g, &before, NULL, GENV_REASON_LEFT, err);
}

static int leave_all(struct genv *g, struct env_list *list, const struct genv_member *member, bool *ret_found,
                     struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list->count; i++) {
        if (handle_may_change(g, list->envs[i].uid))
            r = leave(g, &list->envs[i], member, ret_found, err);
    }
    return r;
}

GENV_PUBLIC int genv_deactivate(struct genv *g, const char *eid, const struct genv_member *member,
                                struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    struct genv_env *env;
    bool found = false;
    int r = RESERVED_CHECK(member, err);

    if (r == 0)
        r = handle_begin(g, STORE_WRITE, &list, err);
    if (r < 0)
        return r;
    if (!eid)
        r = leave_all(g, &list, member, &found, err);
    else if ((r = handle_find_own(g, &list, eid, &env, err)) == 0)
        r = leave(g, env, member, &found, err);
    handle_end(g);
    if (r < 0 || found)
        return r;
    if (member->kernel_id)
        return error_set(err, ENOENT, "kernel %s is not in any of your environments", member->kernel_id);
    return error_set(err, ENOENT, "process %d is not in any of your environments", member->pid);
}

int environment_configure(struct genv *g, const struct env_list *envs, struct genv_env *env,
                          const struct genv_config *config, unsigned fields, const struct supply *supply,
                          struct genv_error *err)
{
    int r = 0;

    if (fields & GENV_CONFIG_GPU_MEMORY && config->gpu_memory != env->config.gpu_memory && env->attachment_count)
        r = attach_resize(g, envs, env, supply, config->gpu_memory, err);
    if (r == 0)
        genv_config_copy(&env->config, config, fields);
    return r;
}

/* Both or neither: what is saved in @change (NULL: nothing) becomes visible just before the commit, which can fail for
 * lack of room, and never before all else is decided. */
static int commit_configured(struct genv *g, const struct genv_env *before, const struct genv_env *env,
                             struct home_change *change, struct genv_error *err)
{
    int r = change ? home_change_publish(change, err) : 0;

    if (r < 0)
        return r;
    r = handle_commit(g, before, env, GENV_REASON_ASKED, err);
    if (r < 0 && change)
        home_change_undo(change);
    return r;
}

static int configure(struct genv *g, const char *eid, const struct genv_config *config, unsigned fields,
                     struct home_change *change, struct genv_env **ret_env, struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result));
    cleanup_env_list struct env_list envs = {0};
    cleanup_env_content struct genv_env before = {0};
    cleanup_supply struct supply supply = {0};
    struct genv_env *env;
    int r = config_validate(config, fields, err);

    if (!result)
        return error_no_memory(err);
    if (r == 0 && fields & GENV_CONFIG_GPU_MEMORY)
        r = supply_take(g, false, &supply, err);
    if (r == 0)
        r = handle_begin(g, STORE_WRITE, &envs, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &envs, eid, &env, err);
    if (r == 0 && env_copy(env, &before) < 0)
        r = error_no_memory(err);
    if (r == 0)
        r = environment_configure(g, &envs, env, config, fields, &supply, err);
    if (r == 0)
        r = commit_configured(g, &before, env, change, err);
    handle_end(g);
    if (r == 0)
        supply_return_env(g, &supply, env, &result, ret_env);
    return r;
}

GENV_PUBLIC int genv_configure(struct genv *g, const char *eid, const struct genv_config *config, unsigned fields,
                               struct genv_env **ret_env, struct genv_error *err)
{
    return configure(g, eid, config, fields, NULL, ret_env, err);
}

/* What takes long, a home directory's server, is asked before the lock as far as that can be. */
GENV_PUBLIC int genv_configure_and_save(struct genv *g, const char *eid, const struct genv_config *config,
                                        unsigned fields, const char *home, struct genv_env **ret_env,
                                        struct genv_error *err)
{
    cleanup_home_change struct home_change change = HOME_CHANGE_INIT;
    int r = home_change_prepare(&change, home, config, fields, err);

    return r < 0 ? r : configure(g, eid, config, fields, &change, ret_env, err);
}

GENV_PUBLIC int genv_env_get(struct genv *g, const char *eid, struct genv_env **ret_env, struct genv_error *err)
{
    struct genv_env *env = calloc(1, sizeof(*env));
    int r;

    if (!env)
        return error_no_memory(err);
    r = store_begin(g->store, STORE_GLANCE, err);
    if (r == 0) {
        r = store_load_one(g->store, eid, env, err);
        store_end(g->store);
    }
    if (r < 0) {
        free(env);
        return r;
    }
    supply_resolve_indices(g, &(struct supply){0}, env);
    *ret_env = env;
    return 0;
}

GENV_PUBLIC void genv_env_free(struct genv_env *env)
{
    if (env)
        env_release(env);
    free(env);
}

static int compare_eids(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

GENV_PUBLIC int genv_find(struct genv *g, const struct genv_member *member, char ***ret_eids, struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    size_t count = 0;
    char **eids, *texts;
    int r = RESERVED_CHECK(member, err);

    if (r == 0)
        r = handle_begin(g, STORE_READ, &list, err);
    if (r < 0)
        return r;
    handle_end(g);
    /* One block: the array, then the texts that it points to. */
    eids = calloc(1, (list.count + 1) * sizeof(*eids) + list.count * (GENV_EID_MAX + 1));
    if (!eids)
        return error_no_memory(err);
    texts = (char *)(eids + list.count + 1);
    for (size_t i = 0; i < list.count; i++) {
        if (!has_member(&list.envs[i], member))
            continue;
        eids[count] = texts + count * (GENV_EID_MAX + 1);
        copy_string(eids[count++], GENV_EID_MAX + 1, list.envs[i].eid);
    }
    if (count)
        qsort(eids, count, sizeof(*eids), compare_eids);
    *ret_eids = eids;
    return 0;
}
