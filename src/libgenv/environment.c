/* Environments come, change and go: activate, deactivate, configure, look. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/user.h"
#include "libgenv/handle.h"
#include "libgenv/quota.h"
#include "model/record.h"
#include "policy/select.h"

#define DEFAULT_EID_TRIES 1000

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
    cleanup_free char *directory = NULL;
    struct genv_kernel kernel = {0};
    int r = kernel_id_validate(id, err);

    if (r < 0)
        return r;
    if (jupyter_runtime_directory(g, env->uid, &directory) < 0)
        return error_no_memory(err);
    if (*directory != '/') /* others look for the kernel from other directories */
        return error_set(err, EINVAL, "Jupyter's runtime directory is not an absolute path: %s", directory);
    copy_string(kernel.id, sizeof(kernel.id), id);
    if ((size_t)snprintf(kernel.connection_file, sizeof(kernel.connection_file), "%s/kernel-%s.json", directory, id) >=
            sizeof(kernel.connection_file) ||
        !utf8_is_printable(kernel.connection_file))
        return error_set(err, ENAMETOOLONG, "the path of kernel %s is too long, or has control characters", id);
    if (access(kernel.connection_file, F_OK) < 0 && errno != EACCES)
        return error_set_errno(err, errno, "there is no kernel %s: %s", id, kernel.connection_file);
    return env_add_kernel(env, &kernel) < 0 ? error_no_memory(err) : 0;
}

static int register_process(struct genv *g, struct genv_env *env, pid_t pid, struct genv_error *err)
{
    struct genv_process process = {.pid = pid, .pid_namespace = proc_pid_namespace()};
    char owner[GENV_USERNAME_SIZE];
    struct proc_stat stat;
    uid_t uid = proc_uid(pid);

    if (proc_stat_read(pid, &stat) < 0 || stat.state == 'Z')
        return error_set(err, ESRCH, "there is no process %d", pid);
    if (!handle_may_change(g, uid)) {
        user_name(uid, owner, sizeof(owner));
        return error_set(err, EPERM, "process %d belongs to %s", pid, owner);
    }
    process.start_time = stat.start_time;
    return env_add_process(env, &process) < 0 ? error_no_memory(err) : 0;
}

static int register_member(struct genv *g, struct genv_env *env, const struct genv_member *member,
                           struct genv_error *err)
{
    if (member->kernel_id)
        return register_kernel(g, env, member->kernel_id, err);
    if (member->pid <= 0)
        return error_set(err, EINVAL, "a PID is a whole number above 0");
    return register_process(g, env, member->pid, err);
}

/* The first free one of PID, PID-2, PID-3, …: another user's shell may have had that PID, or planted the name. */
static int choose_eid(struct genv *g, const struct genv_member *member, char *ret_eid, struct genv_error *err)
{
    char base[GENV_KERNEL_ID_MAX + 1];
    int r = member->kernel_id ? kernel_id_validate(member->kernel_id, err) : 0;

    if (r < 0)
        return r;
    if (member->kernel_id)
        copy_string(base, sizeof(base), member->kernel_id);
    else
        snprintf(base, sizeof(base), "%d", member->pid);
    copy_string(ret_eid, GENV_EID_MAX + 1, base);
    for (int i = 2; store_is_taken(g->store, ret_eid); i++) {
        if (i > DEFAULT_EID_TRIES)
            return error_set(err, EEXIST, "all identifiers like %s are taken: choose one with --id", base);
        snprintf(ret_eid, GENV_EID_MAX + 1, "%s-%d", base, i);
    }
    return 0;
}

static int refuse_taken(const struct genv *g, const char *eid, struct genv_error *err)
{
    return error_set(
        err, EEXIST,
        "identifier %s is taken by %s/envs/%s.json, which is not a live environment of yours: choose another", eid,
        store_path(g->store), eid);
}

static int create(struct genv *g, const struct genv_activation *activation, char *ret_eid, struct genv_error *err)
{
    uid_t uid = activation->uid == (uid_t)-1 ? g->uid : activation->uid;
    struct genv_env env = {.uid = uid, .created = clock_now(), .config = activation->config};
    int r;

    if (!handle_may_change(g, uid))
        return error_set(err, EPERM, "only root can create environments of others");
    if (activation->eid)
        copy_string(env.eid, sizeof(env.eid), activation->eid);
    else if ((r = choose_eid(g, &activation->member, env.eid, err)) < 0)
        return r;
    if (store_is_taken(g->store, env.eid))
        return refuse_taken(g, env.eid, err);
    r = register_member(g, &env, &activation->member, err);
    if (r == 0)
        r = handle_commit(g, NULL, &env, GENV_REASON_ASKED, err);
    if (r == 0)
        copy_string(ret_eid, GENV_EID_MAX + 1, env.eid);
    env_release(&env);
    return r;
}

static int enter(struct genv *g, struct genv_env *env, const struct genv_activation *activation, char *ret_eid,
                 struct genv_error *err)
{
    cleanup_env_content struct genv_env before = {0};
    char owner[GENV_USERNAME_SIZE];
    int r;

    if (activation->uid != (uid_t)-1 && activation->uid != env->uid) {
        user_name(env->uid, owner, sizeof(owner));
        return error_set(err, EPERM, "environment %s belongs to %s", env->eid, owner);
    }
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    r = register_member(g, env, &activation->member, err);
    if (r == 0)
        r = handle_commit(g, &before, env, GENV_REASON_ASKED, err);
    if (r == 0)
        copy_string(ret_eid, GENV_EID_MAX + 1, env->eid);
    return r;
}

GENV_PUBLIC int genv_activate(struct genv *g, const struct genv_activation *activation, char *ret_eid,
                              bool *ret_created, struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    struct genv_env *env = NULL;
    bool exists;
    int r = activation->eid ? eid_validate(activation->eid, err) : 0;

    if (r == 0)
        r = config_validate(&activation->config, GENV_CONFIG_ALL, err);
    if (r == 0)
        r = handle_begin(g, STORE_WRITE, &list, err);
    if (r < 0)
        return r;
    exists = activation->eid && env_list_find(&list, activation->eid);
    if (exists)
        r = handle_find_own(g, &list, activation->eid, &env, err);
    if (r == 0)
        r = exists ? enter(g, env, activation, ret_eid, err) : create(g, activation, ret_eid, err);
    handle_end(g);
    if (r == 0 && ret_created)
        *ret_created = !exists;
    return r;
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
    int r = handle_begin(g, STORE_WRITE, &list, err);

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
        return error_set(err, ENOENT, "kernel %s is in no environment of yours", member->kernel_id);
    return error_set(err, ENOENT, "process %d is in no environment of yours", member->pid);
}

static void set_fields(struct genv_config *config, const struct genv_config *from, unsigned fields)
{
    if (fields & GENV_CONFIG_NAME)
        copy_string(config->name, sizeof(config->name), from->name);
    if (fields & GENV_CONFIG_GPUS)
        config->gpus = from->gpus;
    if (fields & GENV_CONFIG_GPU_MEMORY)
        config->gpu_memory = from->gpu_memory;
}

/* What is attached follows the capacity, so that a reservation and its configuration always agree. */
static int apply_capacity(const struct genv *g, const struct env_list *list, struct genv_env *env,
                          const struct genv_device *devices, size_t device_count, uint64_t capacity,
                          struct genv_error *err)
{
    struct select_view view = {.devices = devices, .device_count = device_count, .envs = list, .self = env};
    struct selection selection;
    int r = store_check_known(g->store, err);

    if (r < 0)
        return r;
    r = select_capacity(&view, capacity, &selection, err);
    if (r < 0)
        return r;
    r = quota_check(g, list, env, selection.attachments, selection.count, devices, device_count, err);
    if (r < 0) {
        free(selection.attachments);
        return r;
    }
    free(env->attachments);
    env->attachments = selection.attachments;
    env->attachment_count = selection.count;
    return 0;
}

GENV_PUBLIC int genv_configure(struct genv *g, const char *eid, const struct genv_config *config, unsigned fields,
                               struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    cleanup_env_content struct genv_env before = {0};
    cleanup_free struct genv_device *devices = NULL;
    struct genv_error no_devices = {0};
    size_t device_count = 0;
    struct genv_env *env;
    int r = config_validate(config, fields, err), known = 0;

    if (r == 0 && fields & GENV_CONFIG_GPU_MEMORY)
        known = handle_devices(g, &devices, &device_count, &no_devices); /* before the lock: it may take its time */
    if (r == 0)
        r = handle_begin(g, STORE_WRITE, &list, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &list, eid, &env, err);
    if (r == 0 && env_copy(env, &before) < 0)
        r = error_no_memory(err);
    if (r == 0 && fields & GENV_CONFIG_GPU_MEMORY && config->gpu_memory != env->config.gpu_memory &&
        env->attachment_count)
        r = known < 0 ? error_set(err, -known, "%s", no_devices.message)
                      : apply_capacity(g, &list, env, devices, device_count, config->gpu_memory, err);
    if (r == 0) {
        set_fields(&env->config, config, fields);
        r = handle_commit(g, &before, env, GENV_REASON_ASKED, err);
    }
    handle_end(g);
    return r;
}

GENV_PUBLIC int genv_env_get(struct genv *g, const char *eid, struct genv_env **ret_env, struct genv_error *err)
{
    cleanup_free struct genv_device *devices = NULL;
    struct genv_env *env = calloc(1, sizeof(*env));
    size_t device_count;
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
    if (env->attachment_count && handle_devices(g, &devices, &device_count, NULL) == 0)
        env_resolve_indices(env, devices, device_count);
    *ret_env = env;
    return 0;
}

GENV_PUBLIC void genv_env_free(struct genv_env *env)
{
    if (env)
        env_release(env);
    free(env);
}

GENV_PUBLIC const struct genv_attachment *genv_env_attachment(const struct genv_env *env, const char *uuid)
{
    return env_attachment(env, uuid);
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
    int r = handle_begin(g, STORE_READ, &list, err);

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
