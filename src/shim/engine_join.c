/* Whether the containers of an environment can join it through genv's runtime, and the words by which they do. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "shim/docker_daemon.h"
#include "shim/docker_join.h"
#include "shim/engine.h"
#include "shim/runtime.h"

#define SYSTEM_FILE     "/etc/docker/daemon.json"
#define DAEMON_SIZE_MAX (1024 * 1024)
#define SCRIPT_SIZE     4096

/* The configuration of the daemon; NULL: it cannot be read. */
static json_t *read_daemon(enum docker_daemon daemon)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    cleanup_text struct text path = TEXT_INIT;
    cleanup_free char *text = NULL;
    size_t length;

    if (daemon != DOCKER_DAEMON_OWN)
        text_add(&path, SYSTEM_FILE);
    else if (config && *config)
        text_addf(&path, "%s/docker/daemon.json", config);
    else
        text_addf(&path, "%s/.config/docker/daemon.json", home ? home : "");
    if (path.failed || file_read_at(AT_FDCWD, path.data, DAEMON_SIZE_MAX, &text, &length) < 0)
        return NULL;
    return json_parse(text, length, NULL);
}

/* Whether the program that docker's shim becomes is podman, or a script that calls it: podman-docker. */
static bool is_podman_docker(const struct shim *shim)
{
    char program[4096], resolved[PATH_MAX], start[SCRIPT_SIZE];
    cleanup_close int fd = -1;
    ssize_t length;

    if (shim_find_real(shim, program, sizeof(program)) < 0)
        return false;
    if (realpath(program, resolved) && runtime_is_called(resolved, "podman"))
        return true;
    fd = open(program, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    length = fd < 0 ? 0 : read(fd, start, sizeof(start));
    return length > 2 && memcmp(start, "#!", 2) == 0 && memmem(start, (size_t)length, "podman", strlen("podman"));
}

/* podman takes the path of genv's runtime, which is beside the shims. */
static bool find_program(const struct shim *shim, char *ret_path)
{
    cleanup_text struct text path = TEXT_INIT;

    text_addf(&path, "%s/../bin/genv-container-runtime", shim->folder);
    return !path.failed && access(path.data, X_OK) == 0 && realpath(path.data, ret_path);
}

/* An engine's runtime looks for environments where they are unless somebody says otherwise, and sees real devices: what
 * the shell says does not reach it. */
static bool sees_environments(void)
{
    const char *state = getenv("GENV_TMPDIR"), *simulated = getenv("GENV_DEVICES");

    return (!state || !*state || strcmp(state, "/var/tmp/genv") == 0) && (!simulated || !*simulated);
}

void engine_find_runtime(const struct shim *shim, char **words, struct docker_scene *scene,
                         struct engine_runtime *ret_runtime)
{
    bool is_podman = scene->is_podman || is_podman_docker(shim);
    enum docker_daemon daemon = docker_find_daemon(is_podman, words + 1);
    struct engine_runtime *runtime = ret_runtime;
    cleanup_json json_t *config = is_podman ? NULL : read_daemon(daemon);
    const char *by_default = json_string_value(json_object_get(config, "default-runtime"));

    scene->genv_is_default = by_default && strcmp(by_default, "genv") == 0;
    scene->nvidia_is_default = by_default && docker_runtime_is_nvidia(by_default);
    *runtime = (struct engine_runtime){.in_front = is_podman, .is_roots = daemon == DOCKER_DAEMON_SYSTEM};
    if (daemon == DOCKER_DAEMON_OTHER || !sees_environments())
        return;
    if (is_podman)
        runtime->name = find_program(shim, runtime->path) ? runtime->path : NULL;
    else if (json_object_get(json_object_get(config, "runtimes"), "genv"))
        runtime->name = "genv";
}

bool engine_may_join(const struct engine_runtime *runtime, char **words, char **options, struct grant *grant)
{
    struct genv_error reason = {0};

    if (!runtime->name || !docker_may_join(words, options))
        return false;
    /* One that has ended would come to life again, and nobody enters another's. */
    return grant_read_env(grant, &reason) == 0 && grant->env->uid == geteuid();
}

int engine_join(const struct engine_runtime *runtime, struct argv *target, char **words, char **options,
                const struct docker_scene *scene, struct genv_error *err)
{
    cleanup_docker_genv struct docker_genv genv = {.run = NULL};
    char claim[GENV_CLAIM_SIZE];
    int r = docker_join_read(words, options, scene, &genv, err);

    if (r == 0)
        r = runtime_claim(runtime->is_roots, claim, err);
    if (r == 0)
        docker_genv_write(target, words, &genv, runtime->name, runtime->in_front, *claim ? claim : NULL);
    return r;
}
