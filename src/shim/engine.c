/* What the shims docker and podman share: which command it is, and what becomes of it. */
#include "shim/engine.h"

#include <errno.h>
#include <string.h>

#include "shim/docker_daemon.h"
#include "shim/docker_gpus.h"

#define VISIBLE "NVIDIA_VISIBLE_DEVICES"

bool engine_word_is(const struct docker_word *word, const char *name)
{
    return word->kind == DOCKER_OPTION && word->option && word->value && strcmp(word->option->name, name) == 0;
}

void engine_add_option(struct argv *target, char **words, const struct docker_word *word, const char *value,
                       size_t length)
{
    if (word->joined) {
        argv_addf(target, "%.*s%.*s", (int)(word->value - words[0]), words[0], (int)length, value);
    } else {
        argv_add(target, words[0]);
        argv_addf(target, "%.*s", (int)length, value);
    }
}

const char *engine_visible_devices(const char *value)
{
    static const char name[] = VISIBLE;
    const char *rest = value + sizeof(name) - 1;

    if (strncmp(value, name, sizeof(name) - 1) != 0 || (*rest && *rest != '='))
        return NULL;
    return *rest ? rest + 1 : getenv(name);
}

int engine_add_visible(struct argv *target, char **words, const struct docker_word *word, struct grant *grant,
                       struct genv_error *err)
{
    cleanup_text struct text changed = TEXT_INIT;
    int r = grant_read_env(grant, err);

    text_add(&changed, VISIBLE "=");
    if (r == 0)
        r = docker_translate_visible(engine_visible_devices(word->value), grant->env, &changed, err);
    if (r == 0)
        engine_add_option(target, words, word, changed.data, changed.length);
    return r;
}

bool engine_runtime_is_nvidia(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strncmp(slash ? slash + 1 : name, "nvidia", 6) == 0;
}

/* The words behind the engine's own options; NULL: one of them is unknown, and the engine does not know it either. */
static char **pass_global(char **words)
{
    struct docker_word word;

    while ((word = docker_read(docker_global_options, words)).kind == DOCKER_OPTION)
        words += word.word_count;
    return word.kind == DOCKER_UNKNOWN ? NULL : words + word.word_count;
}

/* The words behind `run` or `create`, or NULL where it is another command. */
static char **find_run(char **words)
{
    if (*words && strcmp(*words, "container") == 0)
        words++;
    if (*words && (strcmp(*words, "run") == 0 || strcmp(*words, "create") == 0))
        return words + 1;
    return NULL;
}

/* What this environment has are devices of this machine. */
static void say_if_elsewhere(const struct engine *engine, char **global, const struct genv_env *env)
{
    cleanup_text struct text where = TEXT_INIT, line = TEXT_INIT;

    if (!docker_is_elsewhere(global, &where))
        return;
    text_addf(&line,
              "warning: %s starts containers on another machine%s%s%s, where GPU numbers mean other devices than "
              "those of environment %s",
              engine->name, where.length ? " (" : "", where.length ? where.data : "", where.length ? ")" : "",
              env->eid);
    if (!line.failed)
        shim_complain(line.data);
}

int engine_main(const struct engine *engine, int argc, char **argv)
{
    cleanup_argv struct argv words = {.count = 0};
    cleanup_grant struct grant grant = {.env = NULL};
    char program[4096], **command, **run;
    struct genv_error err = {0};
    struct shim shim;
    int r = 0;

    shim_init(&shim, engine->name);
    command = argc < 1 || shim_stands_aside() ? NULL : pass_global(argv + 1);
    if (!command || !*command)
        return shim_become_real(&shim, argv);
    run = find_run(command);
    for (char **word = argv; word < (run ? run : command); word++)
        argv_add(&words, *word);
    if (run)
        r = engine_rewrite_run(engine, &words, argv + 1, run, &grant, &err);
    else if (!engine->is_podman && strcmp(*command, "compose") == 0 &&
             shim_find_real(&shim, program, sizeof(program)) == 0)
        r = engine_rewrite_compose(program, &words, command, &grant, &err);
    else
        argv_add_all(&words, command);
    if (r == 0 && words.failed)
        r = error_no_memory(&err);
    if (r < 0) {
        shim_complain(err.message);
        return ENGINE_FAILED;
    }
    if (grant.env)
        say_if_elsewhere(engine, argv + 1, grant.env);
    return shim_become_real(&shim, words.items);
}
