/* docker's daemon.json, with genv's runtime in it or not. */
#include "container/daemon.h"

#include <errno.h>
#include <string.h>

#define RUNTIMES "runtimes"
#define DEFAULT  "default-runtime"

#define DOCKERS_OWN "runc" /* the default where none is named */

static json_t *parse(const char *text, size_t length, struct genv_error *err)
{
    json_t *daemon;

    if (strspn(text, " \t\r\n") == length) {
        text = "{}";
        length = 2;
    }
    daemon = config_parse(text, length, err);
    if (!daemon || json_is_object(daemon))
        return daemon;
    json_decref(daemon);
    error_set(err, EINVAL, "it is not a JSON object");
    return NULL;
}

static bool is_default(const json_t *daemon)
{
    const char *name = json_string_value(json_object_get(daemon, DEFAULT));

    return name && strcmp(name, DAEMON_RUNTIME) == 0;
}

static int add(json_t *daemon, const char *path, bool make_default, struct genv_error *err)
{
    json_t *runtimes = config_object(daemon, RUNTIMES, err);
    json_t *runtime = runtimes ? config_object(runtimes, DAEMON_RUNTIME, err) : NULL;
    const char *found = json_string_value(json_object_get(daemon, DEFAULT)), *other = found ? found : "";

    if (!runtime)
        return -EINVAL;
    if (make_default && *other && strcmp(other, DAEMON_RUNTIME) != 0 && strcmp(other, DOCKERS_OWN) != 0)
        return error_set(err, EEXIST,
                         "the default runtime is '%s' already: take '" DEFAULT
                         "' out and try again; to have it wrapped, "
                         "name its program in /etc/genv/runtime.conf",
                         other);
    if (json_object_set_new(runtime, "path", json_string(path)) < 0 ||
        (make_default && json_object_set_new(daemon, DEFAULT, json_string(DAEMON_RUNTIME)) < 0))
        return error_no_memory(err);
    return 0;
}

static void take_out(json_t *daemon)
{
    json_t *runtimes = json_object_get(daemon, RUNTIMES);

    if (json_object_get(runtimes, DAEMON_RUNTIME)) {
        json_object_del(runtimes, DAEMON_RUNTIME);
        if (json_object_size(runtimes) == 0)
            json_object_del(daemon, RUNTIMES);
    }
    if (is_default(daemon))
        json_object_del(daemon, DEFAULT);
}

int daemon_change(const char *text, size_t length, const char *path, bool make_default, char **ret_text,
                  struct genv_error *err)
{
    cleanup_json json_t *daemon = parse(text, length, err), *before = NULL;
    cleanup_free char *changed = NULL;
    int r = daemon ? 0 : -EINVAL;

    if (r == 0 && !(before = json_deep_copy(daemon)))
        r = error_no_memory(err);
    if (r == 0 && path)
        r = add(daemon, path, make_default, err);
    else if (r == 0)
        take_out(daemon);
    if (r < 0)
        return r;
    if (!json_equal(daemon, before)) {
        changed = config_format_indented(daemon, &length);
        if (!changed)
            return error_no_memory(err);
    }
    *ret_text = STEAL_POINTER(changed);
    return 0;
}

int daemon_find(const char *text, size_t length, char *path, size_t size, bool *ret_default, struct genv_error *err)
{
    cleanup_json json_t *daemon = parse(text, length, err);
    const json_t *runtime = json_object_get(json_object_get(daemon, RUNTIMES), DAEMON_RUNTIME);
    const char *found = json_string_value(json_object_get(runtime, "path"));

    if (!daemon)
        return -EINVAL;
    copy_string(path, size, found ? found : "");
    *ret_default = is_default(daemon);
    return 0;
}
