/* What the shims docker and podman share: looks at what the command line asks for, and becomes the engine. */
#include "shim/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "shim/docker_daemon.h"
#include "shim/shim.h"

#define ENGINE_FAILED     125 /* what docker run itself exits with where it starts no container */
#define ENV_FILE_SIZE_MAX (16 * 1024 * 1024)

/* Finds what the file at @path says of NVIDIA_VISIBLE_DEVICES; the last line counts, and the last file. */
static void read_env_file(struct docker_scene *scene, const char *path, char **value)
{
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    char *rest, *line;
    struct stat st;
    size_t length;

    /* What can be read only once is docker's to read, and so is the complaint about what cannot be read. */
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || file_read(fd, ENV_FILE_SIZE_MAX, &text, &length) < 0)
        return;
    for (rest = text; (line = strsep(&rest, "\n"));) {
        const char *said = docker_line_visible(line + strspn(line, " \t"), scene);

        if (!said)
            continue;
        free(*value);
        *value = strndup(said, strcspn(said, "\r"));
        scene->env_file = path;
        scene->env_file_value = *value ? *value : "";
    }
}

static int rewrite_run(const struct shim *shim, struct argv *target, char **words, char **options,
                       struct docker_scene *scene, struct grant *grant, struct genv_error *err)
{
    cleanup_free char *value = NULL;
    struct engine_runtime runtime;
    struct docker_word word;
    bool joins;
    int r = 0;

    engine_find_runtime(shim, words, scene, &runtime);

    for (char **at = options; (word = docker_read(docker_run_options, at)).kind == DOCKER_OPTION;
         at += word.word_count) {
        if (docker_word_is(&word, "env-file"))
            read_env_file(scene, word.value, &value);
    }
    joins = engine_may_join(&runtime, words, options, grant);
    if (docker_needs_machine(options, scene))
        r = grant_read_machine(grant, err);
    else if (docker_needs_devices(words, options, scene))
        r = grant_read_env(grant, err);
    scene->env = grant->env;
    scene->machine = grant->machine;
    if (r < 0)
        return r;
    return joins ? engine_join(&runtime, target, words, options, scene, err)
                 : docker_translate(target, words, options, scene, err);
}

/* What stands at the engine's command: `compose`, or NULL. */
static char **find_compose(char **words)
{
    struct docker_word word;

    for (words++; (word = docker_read(docker_global_options, words)).kind == DOCKER_OPTION; words += word.word_count)
        continue;
    words += word.word_count;
    return word.kind == DOCKER_END && *words && strcmp(*words, "compose") == 0 ? words : NULL;
}

/* What this environment has are devices of this machine. */
static void say_if_elsewhere(const char *name, bool is_podman, char **words, const struct genv_env *env)
{
    cleanup_text struct text where = TEXT_INIT, line = TEXT_INIT;

    if (!docker_is_elsewhere(is_podman, words, &where))
        return;
    text_addf(&line,
              "warning: %s starts containers on another machine%s%s%s, where device numbers do not refer to the "
              "devices of environment %s",
              name, where.length ? " (" : "", where.length ? where.data : "", where.length ? ")" : "", env->eid);
    if (!line.failed)
        shim_complain(line.data);
}

int engine_main(const char *name, bool is_podman, int argc, char **argv)
{
    struct docker_scene scene = {.is_podman = is_podman,
                                 .eid = getenv("GENV_ENVIRONMENT_ID"),
                                 .visible_devices = getenv("NVIDIA_VISIBLE_DEVICES"),
                                 .node_of_path = grant_node_of_path};
    cleanup_argv struct argv words = {.count = 0};
    cleanup_grant struct grant grant = {.env = NULL};
    char program[4096], **options, **compose;
    struct genv_error err = {0};
    struct shim shim;
    int r;

    shim_init(&shim, name);
    if (argc < 1 || shim_stands_aside())
        return shim_become_real(&shim, argv);
    options = docker_find_options(argv);
    compose = is_podman ? NULL : find_compose(argv);
    if (options)
        r = rewrite_run(&shim, &words, argv, options, &scene, &grant, &err);
    else if (compose && shim_find_real(&shim, program, sizeof(program)) == 0)
        r = engine_rewrite_compose(program, &words, argv, compose, &scene, &grant, &err);
    else
        return shim_become_real(&shim, argv);
    if (r == 0 && words.failed)
        r = error_no_memory(&err);
    if (r < 0) {
        shim_complain(err.message);
        return ENGINE_FAILED;
    }
    if (grant.env)
        say_if_elsewhere(name, is_podman, argv + 1, grant.env);
    return shim_become_real(&shim, words.items);
}
