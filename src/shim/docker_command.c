/* A whole command line of docker, in terms of an environment's devices. Decides, and does no input or output. */
#include "shim/docker_command.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "shim/docker_gpus.h"
#include "shim/docker_options.h"

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
static int translate(struct argv *target, char **words, const struct genv_env *env, struct genv_error *err)
{
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
            r = add_translated(target, words, &word, env, err);
        }
        if (r < 0)
            return r;
        words += word.word_count;
    }
    argv_add_all(target, words);
    return 0;
}

char **docker_find_options(char **words)
{
    char **options = find_run(words + 1);

    return options && !has_own_runtime(options) ? options : NULL;
}

bool docker_needs_devices(char **options)
{
    struct docker_word word;

    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (asks_for_gpus(&word))
            return true;
    }
    return false;
}

int docker_translate(struct argv *target, char **words, char **options, const char *eid, const struct genv_env *env,
                     struct genv_error *err)
{
    int r;

    for (; words < options; words++)
        argv_add(target, *words);
    argv_add(target, "--env"); /* first, so that one of the user's own, which comes later, wins */
    argv_addf(target, "GENV_ENVIRONMENT_ID=%s", eid);
    r = translate(target, options, env, err);
    return r == 0 && target->failed ? error_no_memory(err) : r;
}
