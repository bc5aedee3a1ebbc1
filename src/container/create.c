/* `create` and `run`: decides which devices the container gets. */
#include "container/create.h"

#include <errno.h>
#include <string.h>

#include <genv/genv.h>

#include "base/user.h"
#include "container/bundle.h"
#include "container/cdi.h"
#include "container/edit.h"
#include "container/lower.h"
#include "container/nodes.h"
#include "container/plan.h"
#include "container/request.h"

#define OWN_TRIES 100 /* at identifiers, where that of the container is taken */

struct creation {
    const struct runtime_line *line;
    bool is_nvidias; /* the lower runtime */
    struct bundle bundle;
    json_t *config;
    struct container_request request;
    struct genv *g;
    struct genv_env *env;  /* reserved */
    bool joined;           /* it was there before */
    struct genv_env share; /* the same with those devices that the container gets */
};

static void creation_release(struct creation *creation)
{
    bundle_release(&creation->bundle);
    json_decref(creation->config);
    genv_env_free(creation->env);
    genv_close(creation->g);
}

/* A rootless engine's containers have no device cgroup. */
static bool is_of_root(void)
{
    return geteuid() == 0 && user_outside(0) == 0;
}

/* Whose the container is: where an engine starts it for somebody, root's unless a claim says otherwise. A rootless
 * engine's runtime is its user's. */
static int find_owner(struct creation *creation, uid_t *ret_uid, struct genv_error *err)
{
    *ret_uid = (uid_t)-1;
    if (!is_of_root())
        return 0;
    *ret_uid = 0;
    if (!creation->request.claim)
        return 0;
    return genv_claim_redeem(creation->g, creation->request.claim, creation->line->id, ret_uid, err);
}

static int check_join(const struct container_request *request, const struct genv_env *env, struct genv_error *err)
{
    if (request->config.gpus > 0 && (size_t)request->config.gpus > env->attachment_count)
        return error_set(
            err, EBUSY,
            "environment %s has %zu attached devices, but the container asks for %d: ask for fewer, or attach "
            "more first",
            env->eid, env->attachment_count, request->config.gpus);
    if (request->config.gpu_memory && request->config.gpu_memory != env->config.gpu_memory)
        return error_set(
            err, EINVAL,
            "the container joins environment %s and cannot change its memory capacity: leave out GENV_GPU_MEMORY",
            env->eid);
    return 0;
}

/* Enters the environment that the container names, and takes what is attached to it. */
static int join(struct creation *creation, struct genv_reservation *reservation, struct genv_error *err)
{
    struct genv_env *env;
    bool created = false;
    int r = genv_env_get(creation->g, creation->request.eid, &env, err);

    if (r < 0)
        return r;
    r = check_join(&creation->request, env, err);
    genv_env_free(env);
    if (r < 0)
        return r;
    reservation->eid = creation->request.eid;
    reservation->attach = false;
    r = genv_reserve(creation->g, reservation, &creation->env, &created, err);
    if (r == 0 && created)
        return error_set(err, ENOENT, "environment %s ended while the container was being created",
                         creation->request.eid);
    if (r == -EPERM && reservation->uid == 0)
        return error_set(err, EPERM,
                         "environment %s belongs to another user: start the container as that user, with genv-docker",
                         creation->request.eid);
    creation->joined = true;
    return r < 0 ? r : check_join(&creation->request, creation->env, err);
}

/* An environment of the container's own, named as the container. One of that name may live on, by what was registered
 * in it besides; the container that comes again is a new one. */
static int make_own(struct creation *creation, const struct genv_reservation *asked, struct genv_error *err)
{
    const char *id = creation->line->id;
    char eid[GENV_EID_MAX + 1];
    int r = -EEXIST;

    for (int i = 1; r == -EEXIST && i <= OWN_TRIES; i++) {
        struct genv_reservation reservation = *asked;
        struct genv_env *living = NULL;

        snprintf(eid, sizeof(eid), i == 1 ? "%s" : "%s-%d", id, i);
        reservation.eid = genv_eid_validate(eid, NULL) == 0 ? eid : NULL;
        if (reservation.eid && genv_env_get(creation->g, eid, &living, NULL) == 0) {
            genv_env_free(living);
            continue;
        }
        r = genv_reserve(creation->g, &reservation, &creation->env, NULL, err);
    }
    return r;
}

static int reserve(struct creation *creation, struct genv_error *err)
{
    const struct genv_member self = {.pid = getpid()};
    struct genv_reservation reservation = {
        .members = &self,
        .member_count = 1,
        .config = creation->request.config,
        .attach = creation->request.attach,
        .over_subscribe = creation->request.over_subscribe,
    };
    struct genv_env *living = NULL;
    bool created = true;
    int r = find_owner(creation, &reservation.uid, err);

    if (r < 0)
        return r;
    if (!creation->request.eid)
        return make_own(creation, &reservation, err);
    if (genv_env_get(creation->g, creation->request.eid, &living, NULL) == 0) {
        genv_env_free(living);
        return join(creation, &reservation, err);
    }
    if (creation->request.devices && creation->request.config.gpus < 0)
        return error_set(
            err, ENOENT,
            "there is no environment %s, whose devices GENV_DEVICE_UUIDS names: leave it out, and set GENV_GPUS",
            creation->request.eid);
    reservation.eid = creation->request.eid;
    r = genv_reserve(creation->g, &reservation, &creation->env, &created, err);
    creation->joined = r == 0 && !created; /* it has come meanwhile */
    return creation->joined ? check_join(&creation->request, creation->env, err) : r;
}

/* Moves the devices that @list names to the front of those of @env. */
static int choose(struct genv_env *env, const char *list, size_t *ret_count, struct genv_error *err)
{
    size_t count = 0;

    for (const char *name = list; *name; name += *name == ',') {
        char uuid[GENV_UUID_SIZE];
        const struct genv_attachment *found;
        struct genv_attachment chosen;
        size_t place;

        snprintf(uuid, sizeof(uuid), "%.*s", (int)strcspn(name, ","), name);
        name += strcspn(name, ",");
        found = genv_env_attachment(env, uuid);
        if (!found)
            return error_set(err, EPERM,
                             "device %s is not attached to environment %s, which the container joins: name devices of "
                             "the environment in GENV_DEVICE_UUIDS",
                             uuid, env->eid);
        place = (size_t)(found - env->attachments);
        if (place < count)
            continue; /* it was named before */
        chosen = *found;
        memmove(&env->attachments[count + 1], &env->attachments[count], (place - count) * sizeof(chosen));
        env->attachments[count++] = chosen;
    }
    *ret_count = count;
    return 0;
}

/* What the container gets: as many as it asks for, or those that it names, of what is attached. */
static int take_share(struct creation *creation, struct genv_error *err)
{
    const struct container_request *request = &creation->request;
    size_t asked = request->config.gpus < 0 ? SIZE_MAX : (size_t)request->config.gpus;
    struct genv_env *share = &creation->share;
    size_t count = SIZE_MAX;
    int r = 0;

    if (request->devices && creation->joined)
        r = choose(creation->env, request->devices, &count, err);
    if (r == 0 && count != SIZE_MAX && asked != SIZE_MAX && count != asked)
        r = error_set(err, EINVAL, "GENV_GPUS is %zu, but GENV_DEVICE_UUIDS names %zu: set only one of them", asked,
                      count);
    *share = *creation->env;
    count = count < asked ? count : asked;
    if (!request->attach)
        share->attachment_count = 0;
    else if (count < share->attachment_count)
        share->attachment_count = count;
    return r;
}

static int write_config(struct creation *creation, const struct edit_plan *plan, struct genv_error *err)
{
    cleanup_free char *text = NULL;
    size_t length;
    int r = edit_config(creation->config, plan, err);

    if (r < 0)
        return r == -EINVAL ? error_prefix(err, r, "%s", creation->bundle.config_name) : r;
    text = config_format(creation->config, &length);
    return text ? bundle_write(&creation->bundle, text, length, err) : error_no_memory(err);
}

/* Below NVIDIA's runtime, which reads NVIDIA_VISIBLE_DEVICES, that does the same. */
static int apply_cdi(struct creation *creation, const struct edit_plan *plan, struct genv_error *err)
{
    cleanup_json json_t *specifications = NULL;
    int r = plan->node_count ? cdi_read(&specifications, err) : 0;

    return r < 0 ? r : cdi_apply(creation->config, specifications, plan, err);
}

/* In the foreground, `run` stays a member as long as the container lives, and signals are for it. */
static bool returns_early(const struct runtime_line *line)
{
    return line->detach || strcmp(*line->command, "create") == 0;
}

static int change_config(struct creation *creation, struct genv_error *err)
{
    cleanup_plan struct plan plan = {.edit.eid = creation->env->eid};
    int r = take_share(creation, err);

    if (r == 0)
        r = nodes_find(creation->g, &creation->share, &plan.nodes, &plan.edit.node_count, err);
    if (r == 0)
        r = nodes_find_capabilities(&plan.edit.capabilities, err);
    plan.edit.nodes = plan.nodes;
    if (r == 0)
        r = nodes_check_mounts(creation->config, &plan.edit, is_of_root(), err);
    if (r == 0)
        r = cdi_check_annotations(creation->config, &plan.edit, err);
    if (r == 0 && !creation->is_nvidias)
        r = apply_cdi(creation, &plan.edit, err);
    if (r == 0)
        r = plan_variables(&plan, &creation->share, err);
    if (r == 0 && edit_has_own_dev(creation->config))
        r = plan_mounts(&plan, creation->g, &creation->bundle, creation->config, &creation->share, &creation->request,
                        err);
    if (r == 0)
        r = plan_hook(&plan, err);
    plan.edit.creator = returns_early(creation->line) ? getpid() : 0;
    return r < 0 ? r : write_config(creation, &plan.edit, err);
}

/* 1: the container does not ask for genv, or the lower runtime has to say what is wrong. */
static int read_request(struct creation *creation, struct genv_error *err)
{
    struct genv_error reason = {0};
    const json_t *env;
    int r = bundle_read(creation->line->bundle, creation->line->config, &creation->bundle, &reason);

    if (r == -EFBIG)
        return error_set(err, EFBIG, "%s", reason.message);
    if (r < 0 || !creation->line->id || !memmem(creation->bundle.text, creation->bundle.length, "GENV_", 5))
        return 1;
    creation->config = config_parse(creation->bundle.text, creation->bundle.length, err);
    if (!creation->config && !request_may_be_made(creation->bundle.text, creation->bundle.length))
        return 1;
    if (!creation->config)
        return error_prefix(err, -EINVAL, "%s", creation->bundle.config_name);
    env = json_object_get(json_object_get(creation->config, "process"), "env");
    return request_is_made(env) ? request_read(env, &creation->request, err) : 1;
}

/* A runtime that ignores hooks would leave a container whose environment ends with this process. */
static int run_lower(struct creation *creation, char **words, const char *lower, int *ret_status,
                     struct genv_error *err)
{
    const char *const delete[] = {"delete", "--force", creation->line->id, NULL};
    int r = lower_run(lower, words, err);
    bool deleted;

    if (r < 0)
        return r;
    *ret_status = r;
    if (r != 0 || bundle_has_begun(&creation->bundle))
        return 1;
    deleted = lower_ask(lower, words, creation->line, delete, NULL) == 0;
    bundle_restore(creation->bundle.fd);
    return error_set(err, ENOTSUP,
                     "the OCI runtime %s did not run the createRuntime hook by which container %s keeps its devices, "
                     "and the container %s deleted: use runc or crun",
                     lower, creation->line->id, deleted ? "was" : "could not be");
}

int create_container(char **words, const struct runtime_line *line, const char *lower, int *ret_status,
                     struct genv_error *err)
{
    cleanup_with(creation_release) struct creation creation = {
        .line = line, .is_nvidias = lower_is_nvidias(lower), .bundle = BUNDLE_INIT};
    int r = read_request(&creation, err);

    if (r != 0)
        return r > 0 ? 0 : r;
    r = genv_open(NULL, &creation.g, err);
    if (r == 0)
        r = reserve(&creation, err);
    if (r == 0)
        r = change_config(&creation, err);
    if (r == 0 && returns_early(line))
        r = run_lower(&creation, words, lower, ret_status, err);
    if (creation.env && (r < 0 || (r > 0 && *ret_status != 0))) /* this process lives on for a moment, to say so */
        genv_deactivate(creation.g, creation.env->eid, &(struct genv_member){.pid = getpid()}, NULL);
    return r;
}
