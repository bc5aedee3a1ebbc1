/* What the lower runtime calls when a container begins and ends. */
#include "container/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <genv/genv.h>

#include "base/file.h"
#include "base/json.h"
#include "container/bundle.h"

#define STATE_MAX (1024 * 1024)

static int read_state(int input, json_t **ret_state, struct genv_error *err)
{
    cleanup_free char *text = NULL;
    size_t length;
    int r = file_read(input, STATE_MAX, &text, &length);

    if (r < 0)
        return error_set_errno(err, -r, "cannot read the container's state");
    *ret_state = json_parse(text, length, err);
    return *ret_state ? 0 : error_prefix(err, -EINVAL, "the container's state");
}

static int open_bundle(const json_t *state)
{
    const char *path = json_string_value(json_object_get(state, "bundle"));

    return path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* The container's first process holds the environment from here on: the runtime that did ends soon. */
static int begin(struct genv *g, const char *eid, const char *creator, const json_t *state, struct genv_error *err)
{
    const struct genv_member first = {.pid = (pid_t)json_integer_value(json_object_get(state, "pid")),
                                      .container = true};
    const struct genv_reservation reservation = {
        .eid = eid, .uid = (uid_t)-1, .members = &first, .member_count = 1, .config = GENV_CONFIG_INIT};
    cleanup_close int bundle = open_bundle(state);
    bool created = false;
    int r = genv_reserve(g, &reservation, NULL, &created, err);

    if (r == 0 && created) {
        genv_deactivate(g, eid, &first, NULL);
        r = error_set(err, ENOENT, "environment %s ended while the container was being created", eid);
    }
    if (r == 0 && bundle >= 0)
        r = bundle_copy_record(bundle, genv_state_directory(g), eid, creator ? atoi(creator) : 0, err);
    if (r == 0 && bundle >= 0)
        bundle_set_begun(bundle); /* `create` complains if that fails */
    return r;
}

/* The first process is gone, and so is the environment, unless others are in it. Whoever changes something removes what
 * has ended: that suffices, where the runtime that calls is not the one that is a member still, as of `run`. */
static int end(struct genv *g, const char *eid, const json_t *state)
{
    cleanup_close int bundle = open_bundle(state);

    genv_deactivate(g, eid, &(struct genv_member){.pid = getppid()}, NULL);
    if (bundle >= 0)
        bundle_restore(bundle);
    return 0;
}

/* A container that got devices of @eid by CDI starts only while they are attached to it. It is in the environment where
 * its engine runs as the environment's user; root's starts containers for anybody. */
static int check(struct genv *g, const char *eid, char **uuids, const json_t *state, struct genv_error *err)
{
    const struct genv_member first = {.pid = (pid_t)json_integer_value(json_object_get(state, "pid")),
                                      .container = true};
    const struct genv_reservation reservation = {
        .eid = eid, .uid = (uid_t)-1, .members = &first, .member_count = 1, .config = GENV_CONFIG_INIT};
    struct genv_env *env;
    int r = genv_env_get(g, eid, &env, err);

    if (r < 0)
        return r;
    for (; r == 0 && *uuids; uuids++) {
        if (!genv_env_attachment(env, *uuids))
            r = error_set(err, EPERM, "device %s is no longer attached to environment %s: run 'genv cdi' again", *uuids,
                          eid);
    }
    if (r == 0 && env->uid == geteuid())
        r = genv_reserve(g, &reservation, NULL, NULL, err);
    genv_env_free(env);
    return r;
}

int hook_run(const char *name, const char *eid, char **words, int input, struct genv_error *err)
{
    cleanup_json json_t *state = NULL;
    struct genv *g = NULL;
    int r = read_state(input, &state, err);

    if (r == 0)
        r = genv_open(NULL, &g, err);
    if (r < 0)
        return r;
    if (strcmp(name, "createRuntime") == 0)
        r = begin(g, eid, *words, state, err);
    else if (strcmp(name, "poststop") == 0)
        r = end(g, eid, state);
    else if (strcmp(name, "cdi") == 0)
        r = check(g, eid, words, state, err);
    else
        r = error_set(err, EINVAL, "there is no hook '%s'", name);
    genv_close(g);
    return r;
}
