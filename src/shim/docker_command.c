/* A whole command line of docker or podman, in terms of an environment's devices. Decides, and does no input or output.
 */
#include "shim/docker_command.h"

#include <errno.h>
#include <string.h>

#include "shim/docker_gpus.h"

#define VISIBLE "NVIDIA_VISIBLE_DEVICES"

char **docker_find_run(char **words)
{
    struct docker_word word;

    words++;
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

bool docker_word_is(const struct docker_word *word, const char *name)
{
    return word->kind == DOCKER_OPTION && word->option && word->value && strcmp(word->option->name, name) == 0;
}

/* podman takes "NVIDIA*" for all of its own variables that begin so. */
static bool is_prefix_of_visible(const char *line, const struct docker_scene *scene)
{
    size_t length = strlen(line);

    return scene->is_podman && length && line[length - 1] == '*' && strncmp(line, VISIBLE, length - 1) == 0;
}

const char *docker_line_visible(const char *line, const struct docker_scene *scene)
{
    const char *rest = line + sizeof(VISIBLE) - 1;

    if (is_prefix_of_visible(line, scene))
        return scene->visible_devices;
    if (strncmp(line, VISIBLE, sizeof(VISIBLE) - 1) != 0 || (*rest && *rest != '='))
        return NULL;
    return *rest ? rest + 1 : scene->visible_devices;
}

const char *docker_word_visible(const struct docker_word *word, const struct docker_scene *scene)
{
    return docker_word_is(word, "env") || docker_word_is(word, "env-merge") ? docker_line_visible(word->value, scene)
                                                                            : NULL;
}

/* The node of `--device PATH[:PATH[:rwm]]`. */
int docker_node_of(const struct docker_word *word, const struct docker_scene *scene)
{
    char path[4096];

    if (!docker_word_is(word, "device") || *word->value != '/')
        return DOCKER_NO_NODE;
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(word->value, ":"), word->value);
    return scene->node_of_path(path);
}

bool docker_asks_for_gpus(const struct docker_word *word, const struct docker_scene *scene)
{
    return docker_word_is(word, "gpus") || (docker_word_is(word, "device") && docker_names_gpus(word->value)) ||
           docker_node_of(word, scene) != DOCKER_NO_NODE || docker_word_visible(word, scene);
}

bool docker_runtime_is_nvidia(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strncmp(slash ? slash + 1 : name, "nvidia", strlen("nvidia")) == 0;
}

const char *docker_find_runtime(char **words, char **options)
{
    struct docker_word word;
    const char *name = "";

    for (words++; (word = docker_read(docker_global_options, words)).kind == DOCKER_OPTION; words += word.word_count)
        name = docker_word_is(&word, "runtime") ? word.value : name;
    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count)
        name = docker_word_is(&word, "runtime") ? word.value : name;
    return name;
}

/* Whether the container is the runtime's business: genv's own makes an environment of it. */
static bool is_genvs(const char *runtime)
{
    const char *slash = strrchr(runtime, '/');

    return strcmp(runtime, "genv") == 0 || (slash && strcmp(slash + 1, "genv-container-runtime") == 0);
}

/* What podman's --env-host gives the container: all that the caller has; NULL: that is off, or nothing. */
static const char *host_visible(char **options, const struct docker_scene *scene)
{
    struct docker_word word;
    bool is_on = false;

    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (word.option && strcmp(word.option->name, "env-host") == 0)
            is_on = !word.value || !strchr("fF0", *word.value);
    }
    return is_on && scene->is_podman ? scene->visible_devices : NULL;
}

/* Whether `--env` says which devices are visible: it wins over files and images. */
static bool names_visible(char **options, const struct docker_scene *scene)
{
    struct docker_word word;

    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (docker_word_is(&word, "env") && docker_word_visible(&word, scene))
            return true;
    }
    return false;
}

int docker_check_rest(char **words, const struct docker_scene *scene, struct genv_error *err)
{
    if (docker_read(docker_run_options, words).kind != DOCKER_UNKNOWN)
        return 0;
    for (char **word = words + 1; *word; word++) {
        struct docker_word read = docker_read(docker_run_options, word);

        if (docker_asks_for_gpus(&read, scene))
            return error_set(err, EINVAL,
                             "unknown docker option %s, so genv cannot tell whether %s is its value: write it as "
                             "OPTION=VALUE, or put it last",
                             *words, *word);
    }
    return 0;
}

/* Adds the option of @word, at @words, with @value, of @length, in the place of its own. */
static void add_option(struct argv *target, char **words, const struct docker_word *word, const char *value,
                       size_t length)
{
    if (word->joined) {
        argv_addf(target, "%.*s%.*s", (int)(word->value - words[0]), words[0], (int)length, value);
    } else {
        argv_add(target, words[0]);
        argv_addf(target, "%.*s", (int)length, value);
    }
}

int docker_add_visible(struct argv *target, char **words, const struct docker_word *word,
                       const struct docker_scene *scene, struct genv_error *err)
{
    cleanup_text struct text changed = TEXT_INIT;
    int r;

    text_add(&changed, VISIBLE "=");
    r = docker_translate_visible(docker_word_visible(word, scene), scene->env, &changed, err);
    if (r < 0)
        return r;
    if (!is_prefix_of_visible(word->value, scene)) {
        add_option(target, words, word, changed.data, changed.length);
        return 0;
    }
    for (size_t i = 0; i < word->word_count; i++) /* for the others that begin so */
        argv_add(target, words[i]);
    argv_add(target, "--env");
    argv_add(target, changed.data);
    return 0;
}

const struct genv_device *docker_device_of_node(int node, const struct docker_scene *scene)
{
    for (size_t i = 0; node >= 0 && i < scene->machine->device_count; i++) {
        if (scene->machine->devices[i].minor == node)
            return &scene->machine->devices[i];
    }
    return NULL;
}

int docker_check_node(int node, const struct docker_scene *scene, struct genv_error *err)
{
    const struct genv_device *device;
    char index[16];

    if (node == DOCKER_ALL_NODES)
        return error_set(err, EPERM, "this gives access to all devices: name the devices of the environment instead");
    device = docker_device_of_node(node, scene);
    if (!device)
        return error_set(err, EPERM, "cannot tell which device this node belongs to: use --gpus instead");
    snprintf(index, sizeof(index), "%u", device->index);
    return docker_check_device(index, scene->env, err);
}

/* --gpus and --device with CDI's names. */
static int add_translated(struct argv *target, char **words, const struct docker_word *word,
                          const struct docker_scene *scene, struct genv_error *err)
{
    cleanup_text struct text changed = TEXT_INIT;
    bool gpus = docker_word_is(word, "gpus");
    const char *rest;
    int r;

    if (!gpus) {
        r = docker_translate_device(word->value, scene->env, &changed, err);
    } else if (!scene->is_podman) {
        r = docker_translate_gpus(word->value, scene->env, &changed, err);
    } else {
        r = docker_translate_list(word->value, scene->env, &changed, err);
        if (r < 0)
            error_prefix(err, r, "--gpus %s", word->value);
    }
    for (rest = changed.data; r == 0 && rest;) {
        size_t length = gpus ? strlen(rest) : strcspn(rest, ","); /* a --device for each */

        add_option(target, words, word, rest, length);
        rest = rest[length] ? rest + length + 1 : NULL;
    }
    return r;
}

/* The option of @word, at @words, with the devices of the environment. */
static int add_word(struct argv *target, char **words, const struct docker_word *word, const struct docker_scene *scene,
                    struct genv_error *err)
{
    int node = docker_node_of(word, scene), r;

    if (docker_word_visible(word, scene))
        return docker_add_visible(target, words, word, scene, err);
    if (docker_asks_for_gpus(word, scene) && node == DOCKER_NO_NODE)
        return add_translated(target, words, word, scene, err);
    r = node == DOCKER_NO_NODE ? 0 : docker_check_node(node, scene, err);
    if (r < 0)
        return error_prefix(err, r, "--device %s", word->value);
    for (size_t i = 0; i < word->word_count; i++)
        argv_add(target, words[i]);
    return 0;
}

/* Whether what the image says of NVIDIA_VISIBLE_DEVICES counts. */
static bool reads_image(char **words, char **options, const struct docker_scene *scene)
{
    const char *runtime = docker_find_runtime(words, options);

    return *runtime ? docker_runtime_is_nvidia(runtime) : scene->nvidia_is_default;
}

int docker_add_default_visible(struct text *target, char **words, char **options, const struct docker_scene *scene,
                               struct genv_error *err)
{
    const char *from_host = host_visible(options, scene), *from_file = scene->env_file;
    int r;

    if (names_visible(options, scene) || (!from_file && !from_host && !reads_image(words, options, scene)))
        return 0;
    if (from_file || from_host) {
        r = docker_translate_visible(from_file ? scene->env_file_value : from_host, scene->env, target, err);
        if (r < 0)
            return from_file ? error_prefix(err, r, "--env-file %s", from_file) : error_prefix(err, r, "--env-host");
    } else if (docker_translate_visible("all", scene->env, target, NULL) < 0) {
        text_add(target, "void"); /* detached: no device */
    }
    return 1;
}

char **docker_find_options(char **words)
{
    char **options = docker_find_run(words);

    return options && !is_genvs(docker_find_runtime(words, options)) ? options : NULL;
}

bool docker_needs_devices(char **words, char **options, const struct docker_scene *scene)
{
    struct docker_word word;

    if (scene->env_file || host_visible(options, scene) || reads_image(words, options, scene))
        return true;
    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (docker_asks_for_gpus(&word, scene))
            return true;
    }
    return false;
}

bool docker_needs_machine(char **options, const struct docker_scene *scene)
{
    struct docker_word word;

    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (docker_node_of(&word, scene) >= 0)
            return true;
    }
    return false;
}

int docker_translate(struct argv *target, char **words, char **options, const struct docker_scene *scene,
                     struct genv_error *err)
{
    cleanup_text struct text visible = TEXT_INIT;
    struct docker_word word;
    int r;

    for (char **front = words; front < options; front++)
        argv_add(target, *front);
    argv_add(target, "--env"); /* first, so that one of the user's own, which comes later, wins */
    argv_addf(target, "GENV_ENVIRONMENT_ID=%s", scene->eid);
    if (scene->genv_is_default && !*docker_find_runtime(words, options)) {
        argv_add(target, "--env");
        argv_add(target, "GENV_ACTIVATE=0");
    }
    r = docker_add_default_visible(&visible, words, options, scene, err);
    if (r < 0)
        return r;
    if (r > 0) {
        argv_add(target, "--env");
        argv_addf(target, VISIBLE "=%s", visible.data ? visible.data : "");
    }
    while ((word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION) {
        r = add_word(target, options, &word, scene, err);
        if (r < 0)
            return r;
        options += word.word_count;
    }
    r = docker_check_rest(options, scene, err);
    argv_add_all(target, options);
    return r == 0 && target->failed ? error_no_memory(err) : r;
}
