/* `docker run` and `create`, and podman's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "shim/docker_gpus.h"
#include "shim/engine.h"

#define ENV_FILE_SIZE_MAX (16 * 1024 * 1024)

/* What the options say together. */
struct wishes {
    bool genv_runtime, nvidia_runtime; /* the last one counts */
    bool names_visible;                /* by --env, which wins over files */
    const char *file;                  /* --env-file that says it, or NULL */
    char *file_value;
};

static void wishes_release(struct wishes *wishes)
{
    free(wishes->file_value);
}

/* The path of `--device PATH[:PATH[:rwm]]`. */
static void node_path(const char *value, char path[static 4096])
{
    snprintf(path, 4096, "%.*s", (int)strcspn(value, ":"), value);
}

static bool is_node(const struct docker_word *word)
{
    char path[4096];

    if (!engine_word_is(word, "device") || *word->value != '/')
        return false;
    node_path(word->value, path);
    return grant_is_node(path);
}

static bool is_visible(const struct docker_word *word)
{
    return engine_word_is(word, "env") && engine_visible_devices(word->value);
}

static bool asks_for_gpus(const struct docker_word *word)
{
    return engine_word_is(word, "gpus") || (engine_word_is(word, "device") && docker_names_gpus(word->value)) ||
           is_node(word) || is_visible(word);
}

/* Lines NAME=VALUE, or NAME for what the caller's has; the last one counts. */
static void read_env_file(struct wishes *wishes, const char *path)
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
        const char *value = engine_visible_devices(line + strspn(line, " \t"));

        if (!value)
            continue;
        free(wishes->file_value);
        wishes->file_value = strndup(value, strcspn(value, "\r"));
        wishes->file = path;
    }
}

static void set_runtime(struct wishes *wishes, const char *name)
{
    const char *slash = strrchr(name, '/');

    wishes->genv_runtime = strcmp(name, "genv") == 0 || (slash && strcmp(slash + 1, "genv-container-runtime") == 0);
    wishes->nvidia_runtime = engine_runtime_is_nvidia(name);
}

static void read_wishes(const struct docker_option *table, char **words, struct wishes *wishes)
{
    struct docker_word word;

    for (; (word = docker_read(table, words)).kind == DOCKER_OPTION; words += word.word_count) {
        if (engine_word_is(&word, "runtime"))
            set_runtime(wishes, word.value);
        if (engine_word_is(&word, "env-file"))
            read_env_file(wishes, word.value);
        wishes->names_visible = wishes->names_visible || is_visible(&word);
    }
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

/* --gpus and --device with CDI's names, at @words, with the devices of the environment. */
static int add_translated(const struct engine *engine, struct argv *target, char **words,
                          const struct docker_word *word, const struct genv_env *env, struct genv_error *err)
{
    cleanup_text struct text changed = TEXT_INIT;
    bool gpus = engine_word_is(word, "gpus");
    const char *rest;
    int r;

    if (!gpus) {
        r = docker_translate_device(word->value, env, &changed, err);
    } else if (!engine->is_podman) {
        r = docker_translate_gpus(word->value, env, &changed, err);
    } else {
        r = docker_translate_list(word->value, env, &changed, err);
        if (r < 0)
            error_prefix(err, r, "--gpus %s", word->value);
    }
    for (rest = changed.data; r == 0 && rest;) {
        size_t length = gpus ? strlen(rest) : strcspn(rest, ","); /* a --device for each */

        engine_add_option(target, words, word, rest, length);
        rest = rest[length] ? rest + length + 1 : NULL;
    }
    return r;
}

static int add_node(struct argv *target, char **words, const struct docker_word *word, struct grant *grant,
                    struct genv_error *err)
{
    char path[4096];
    int r;

    node_path(word->value, path);
    r = grant_check_node(grant, path, err);
    if (r < 0)
        return error_prefix(err, r, "--device %s", word->value);
    engine_add_option(target, words, word, word->value, strlen(word->value));
    return 0;
}

static int add_option(const struct engine *engine, struct argv *target, char **words, const struct docker_word *word,
                      struct grant *grant, struct genv_error *err)
{
    int r;

    if (!asks_for_gpus(word)) {
        for (size_t i = 0; i < word->word_count; i++)
            argv_add(target, words[i]);
        return 0;
    }
    if (is_visible(word))
        return engine_add_visible(target, words, word, grant, err);
    if (is_node(word))
        return add_node(target, words, word, grant, err);
    r = grant_read_env(grant, err);
    return r < 0 ? r : add_translated(engine, target, words, word, grant->env, err);
}

/* What an image says of NVIDIA_VISIBLE_DEVICES, mostly "all", would count with NVIDIA's runtime: the environment's
 * devices in its place. The same where a file says it. */
static int add_visible(struct argv *target, const struct wishes *wishes, struct grant *grant, struct genv_error *err)
{
    cleanup_text struct text value = TEXT_INIT;
    int r;

    if (wishes->names_visible || (!wishes->file && !wishes->nvidia_runtime))
        return 0;
    r = grant_read_env(grant, err);
    if (r < 0)
        return r;
    if (wishes->file) {
        r = docker_translate_visible(wishes->file_value ? wishes->file_value : "", grant->env, &value, err);
        if (r < 0)
            return error_prefix(err, r, "--env-file %s", wishes->file);
    } else if (docker_translate_visible("all", grant->env, &value, NULL) < 0) {
        text_add(&value, "void"); /* detached: no device */
    }
    argv_add(target, "--env");
    argv_addf(target, "NVIDIA_VISIBLE_DEVICES=%s", value.data ? value.data : "");
    return 0;
}

int engine_rewrite_run(const struct engine *engine, struct argv *target, char **global, char **options,
                       struct grant *grant, struct genv_error *err)
{
    cleanup_with(wishes_release) struct wishes wishes = {.file = NULL};
    struct docker_word word;
    int r;

    if (engine->is_podman)
        read_wishes(docker_global_options, global, &wishes); /* there the runtime is one of these */
    read_wishes(docker_run_options, options, &wishes);
    if (wishes.genv_runtime) { /* it makes an environment of the container */
        argv_add_all(target, options);
        return 0;
    }
    argv_add(target, "--env"); /* first, so that one of the user's own, which comes later, wins */
    argv_addf(target, "GENV_ENVIRONMENT_ID=%s", getenv("GENV_ENVIRONMENT_ID"));
    r = add_visible(target, &wishes, grant, err);
    while (r == 0 && (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION) {
        r = add_option(engine, target, options, &word, grant, err);
        options += word.word_count;
    }
    if (r < 0)
        return r;
    if (word.kind == DOCKER_UNKNOWN)
        return pass_unknown(target, options, err);
    argv_add_all(target, options);
    return 0;
}
