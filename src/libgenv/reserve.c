/* Environments come: created or entered, configured and attached in one commit. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/user.h"
#include "isolate/landlock.h"
#include "libgenv/environment.h"
#include "libgenv/quota.h"
#include "model/config.h"

#define DEFAULT_EID_TRIES 100

/* The first free one of PID, PID-2, PID-3, …: another user's shell may have had that PID, or planted the name. Where
 * somebody planted them all, one that nobody can foresee. */
static int choose_eid(struct genv *g, const struct genv_member *member, char *ret_eid, struct genv_error *err)
{
    char base[GENV_KERNEL_ID_MAX + 1];
    unsigned number = 1;
    int r = member->kernel_id ? kernel_id_validate(member->kernel_id, err) : 0;

    if (r < 0)
        return r;
    if (member->kernel_id)
        copy_string(base, sizeof(base), member->kernel_id);
    else
        snprintf(base, sizeof(base), "%d", member->pid);
    copy_string(ret_eid, GENV_EID_MAX + 1, base);
    while (store_is_taken(g->store, ret_eid)) {
        number++;
        if (number > DEFAULT_EID_TRIES && getrandom(&number, sizeof(number), 0) != sizeof(number))
            return error_set(err, EEXIST, "all IDs like %s are in use: choose another with --id", base);
        snprintf(ret_eid, GENV_EID_MAX + 1, "%s-%u", base, number);
    }
    return 0;
}

static int refuse_taken(const struct genv *g, const char *eid, struct genv_error *err)
{
    return error_set(err, EEXIST,
                     "the ID %s is in use: %s/envs/%s.json is not a live environment of yours; choose another ID", eid,
                     store_path(g->store), eid);
}

/* Adds it to @envs. */
static int create(struct genv *g, const struct genv_reservation *reservation, struct env_list *envs,
                  struct genv_env **ret_env, struct genv_error *err)
{
    uid_t uid = reservation->uid == (uid_t)-1 ? g->uid : reservation->uid;
    struct genv_env env = {.uid = uid, .created = clock_now(), .config = GENV_CONFIG_INIT};
    int r;

    if (!handle_may_change(g, uid))
        return error_set(err, EPERM, "only root can create environments for other users");
    if (reservation->eid)
        copy_string(env.eid, sizeof(env.eid), reservation->eid);
    else if ((r = choose_eid(g, &reservation->members[0], env.eid, err)) < 0)
        return r;
    if (store_is_taken(g->store, env.eid))
        return refuse_taken(g, env.eid, err);
    r = quota_check_environments(g, uid, err);
    if (r < 0)
        return r;
    if (env_list_add(envs, &env) < 0)
        return error_no_memory(err);
    *ret_env = &envs->envs[envs->count - 1];
    return 0;
}

static int enter(struct genv *g, const struct genv_reservation *reservation, const struct env_list *envs,
                 struct genv_env **ret_env, struct genv_error *err)
{
    char owner[GENV_USERNAME_SIZE];
    int r = handle_find_own(g, envs, reservation->eid, ret_env, err);

    if (r < 0)
        return r;
    if (reservation->uid == (uid_t)-1 || reservation->uid == (*ret_env)->uid)
        return 0;
    user_name((*ret_env)->uid, owner, sizeof(owner));
    return error_set(err, EPERM, "environment %s belongs to %s", (*ret_env)->eid, owner);
}

/* Those that were named, one after the other: what one takes, the next one counts. */
static int attach_named(struct genv *g, const struct genv_reservation *reservation, const struct supply *supply,
                        const struct env_list *envs, struct genv_env *env, struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < reservation->device_count; i++) {
        const struct genv_attach_request request = {
            .device = reservation->devices[i], .count = -1, .over_subscribe = reservation->over_subscribe};

        r = attach_decide(g, envs, env, supply, &request, err);
    }
    return r;
}

/* Under the lock. Returns as genv_reserve() does. */
static int reserve(struct genv *g, const struct genv_reservation *reservation, const struct supply *supply,
                   struct env_list *envs, struct genv_env **ret_env, bool *ret_created, struct genv_error *err)
{
    struct genv_attach_request request = {.count = -1, .over_subscribe = reservation->over_subscribe};
    cleanup_env_content struct genv_env before = {0};
    bool exists = reservation->eid && env_list_find(envs, reservation->eid);
    unsigned fields = exists ? reservation->fields : GENV_CONFIG_ALL;
    int r = exists ? enter(g, reservation, envs, ret_env, err) : create(g, reservation, envs, ret_env, err);
    int attached = 0;

    if (r == 0 && exists && supply->taken)
        supply_resolve_indices(g, supply, *ret_env);
    if (r == 0 && exists && env_copy(*ret_env, &before) < 0)
        r = error_no_memory(err);
    for (size_t i = 0; r == 0 && i < reservation->member_count; i++)
        r = environment_register(g, *ret_env, &reservation->members[i], err);
    if (r == 0)
        r = environment_configure(g, envs, *ret_env, &reservation->config, fields, supply, err);
    if (r == 0)
        r = environment_inherit_wall(*ret_env, err);
    if (r == 0 && reservation->attach && fields & genv_config_given(&reservation->config) & GENV_CONFIG_GPUS)
        attached = attach_decide(g, envs, *ret_env, supply, &request, err);
    if (r == 0 && attached < 0 && !reservation->even_detached)
        r = attached;
    if (r == 0 && reservation->isolate)
        r = environment_isolate(*ret_env, err);
    if (r == 0)
        r = attach_named(g, reservation, supply, envs, *ret_env, err);
    if (r == 0)
        r = handle_commit(g, exists ? &before : NULL, *ret_env, attached < 0 ? GENV_REASON_UNMET : GENV_REASON_ASKED,
                          err);
    *ret_created = !exists;
    return r < 0 ? r : attached < 0;
}

static int validate(const struct genv_reservation *reservation, struct genv_error *err)
{
    int r = RESERVED_CHECK(reservation, err);

    if (r == 0)
        r = RESERVED_CHECK(&reservation->config, err);
    if (r == 0 && reservation->eid)
        r = genv_eid_validate(reservation->eid, err);
    if (r == 0)
        r = config_validate(&reservation->config, GENV_CONFIG_ALL, err);
    if (r == 0 && reservation->member_count == 0) /* it would have ended at once */
        return error_set(err, EINVAL, "an environment needs a process or a Jupyter kernel to keep it alive");
    return r == 0 && reservation->isolate ? landlock_check(err) : r;
}

GENV_PUBLIC int genv_reserve(struct genv *g, const struct genv_reservation *reservation, struct genv_env **ret_env,
                             bool *ret_created, struct genv_error *err)
{
    cleanup_free struct genv_env *result = calloc(1, sizeof(*result));
    cleanup_env_list struct env_list envs = {0};
    cleanup_supply struct supply supply = {0};
    struct genv_env *env = NULL;
    bool created;
    int r = validate(reservation, err);

    if (!result)
        return error_no_memory(err);
    if (r == 0 && (reservation->device_count || (reservation->attach && reservation->config.gpus >= 0)))
        r = supply_take(g, true, &supply, err);
    else if (r == 0 && reservation->eid && reservation->fields & GENV_CONFIG_GPU_MEMORY)
        r = supply_take(g, false, &supply, err);
    if (r == 0)
        r = handle_begin(g, STORE_WRITE, &envs, err);
    if (r < 0)
        return r;
    r = reserve(g, reservation, &supply, &envs, &env, &created, err);
    handle_end(g);
    if (r < 0)
        return r;
    supply_return_env(g, &supply, env, &result, ret_env);
    if (ret_created)
        *ret_created = created;
    return r;
}

GENV_PUBLIC int genv_activate(struct genv *g, const struct genv_activation *activation, struct genv_env **ret_env,
                              bool *ret_created, struct genv_error *err)
{
    const struct genv_reservation reservation = {.eid = activation->eid,
                                                 .uid = activation->uid,
                                                 .members = &activation->member,
                                                 .member_count = 1,
                                                 .config = activation->config};
    int r = RESERVED_CHECK(activation, err);

    return r < 0 ? r : genv_reserve(g, &reservation, ret_env, ret_created, err);
}
