/* docker: containers of this environment get its GPUs, and belong to it. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "shim/argv.h"
#include "shim/docker_gpus.h"
#include "shim/docker_options.h"
#include "shim/shim.h"

#define DOCKER_FAILED 125 /* what docker run itself exits with where it starts no container */

/* The words behind `docker [OPTION...] run`, or NULL where it is another command. */
static char **find_run(char **words)
{
    struct docker_word word;

    while ((word = docker_read(docker_global_options, words)).kind == DOCKER_OPTION)
        words += word.word_count;
    if (word.kind == DOCKER_UNKNOWN)
        return NULL; /* and docker does not know it either */
    words += word.word_count;
    if (*words && strcmp(*words, "container") == 0)
        words++;
    if (*words && (strcmp(*words, "run") == 0 || strcmp(*words, "create") == 0))
        return words + 1;
    return NULL;
}

static bool is(const struct docker_word *word, const char *name)
{
    return word->kind == DOCKER_OPTION && word->option && word->value && strcmp(word->option->name, name) == 0;
}

static bool asks_for_gpus(const struct docker_word *word)
{
    return is(word, "gpus") || (is(word, "device") && docker_names_gpus(word->value));
}

/* Whether the container is the runtime's business: genv's own makes an environment of it. */
static bool has_own_runtime(char **words)
{
    struct docker_word word;
    bool own = false;

    for (; (word = docker_read(docker_run_options, words)).kind == DOCKER_OPTION; words += word.word_count) {
        if (is(&word, "runtime"))
            own = strcmp(word.value, "genv") == 0;
    }
    return own;
}

/* The words from an option on that genv does not know. Its value may be the next word, or that is the image: where
 * GPUs are asked for behind it, there is no telling who is meant. */
static int pass_unknown(struct argv *target, char **words, struct genv_error *err)
{
    for (char **word = words + 1; *word; word++) {
        struct docker_word read = docker_read(docker_run_options, word);

        if (asks_for_gpus(&read))
            return error_set(err, EINVAL,
                             "genv does not know docker's option %s, and so not whose option %s is: write it as "
                             "OPTION=VALUE, or behind the GPUs",
                             *words, *word);
    }
    argv_add_all(target, words);
    return 0;
}

/* The option of @word, at @words, with the devices of @env. */
static int add_translated(struct argv *target, char **words, const struct docker_word *word, const struct genv_env *env,
                          struct genv_error *err)
{
    cleanup_text struct text changed = TEXT_INIT;
    bool gpus = is(word, "gpus");
    int r = gpus ? docker_translate_gpus(word->value, env, &changed, err)
                 : docker_translate_device(word->value, env, &changed, err);
    const char *rest = changed.data;

    while (r == 0 && rest) {
        size_t length = gpus ? strlen(rest) : strcspn(rest, ","); /* a --device for each */

        if (word->joined) {
            argv_addf(target, "--%s=%.*s", word->option->name, (int)length, rest);
        } else {
            argv_add(target, words[0]);
            argv_addf(target, "%.*s", (int)length, rest);
        }
        rest = rest[length] ? rest + length + 1 : NULL;
    }
    return r;
}

/* Adds the options at @words and what follows them. */
static int translate(struct argv *target, char **words, struct genv_error *err)
{
    cleanup_shim_env struct genv_env *env = NULL;

    for (;;) {
        struct docker_word word = docker_read(docker_run_options, words);
        int r = 0;

        if (word.kind == DOCKER_UNKNOWN)
            return pass_unknown(target, words, err);
        if (word.kind == DOCKER_END)
            break;
        if (!asks_for_gpus(&word)) {
            for (size_t i = 0; i < word.word_count; i++)
                argv_add(target, words[i]);
        } else {
            r = env ? 0 : shim_environment(&env, err); /* read only where it matters */
            if (r == 0)
                r = add_translated(target, words, &word, env, err);
        }
        if (r < 0)
            return r;
        words += word.word_count;
    }
    argv_add_all(target, words);
    return 0;
}

int main(int argc, char **argv)
{
    cleanup_argv struct argv words = {.count = 0};
    struct genv_error err = {0};
    struct shim shim;
    char **options;
    int r;

    shim_init(&shim, "docker");
    if (argc < 1 || shim_stands_aside())
        return shim_become_real(&shim, argv);
    options = find_run(argv + 1);
    if (!options || has_own_runtime(options))
        return shim_become_real(&shim, argv);

    for (char **word = argv; word < options; word++)
        argv_add(&words, *word);
    argv_add(&words, "--env"); /* first, so that one of the user's own, which comes later, wins */
    argv_addf(&words, "GENV_ENVIRONMENT_ID=%s", getenv("GENV_ENVIRONMENT_ID"));
    r = translate(&words, options, &err);
    if (r == 0 && words.failed)
        r = error_no_memory(&err);
    if (r == 0)
        return shim_become_real(&shim, words.items);
    shim_complain(err.message);
    return DOCKER_FAILED;
}
