/* A command line of docker or podman whose container joins the environment, started through genv's runtime. */
#include "shim/docker_join.h"

#include <errno.h>
#include <string.h>

#include "shim/docker_gpus.h"

#define CAPABILITIES "NVIDIA_DRIVER_CAPABILITIES"

/* What the words ask for. */
struct wish {
    struct text names; /* of devices, by index or UUID, separated by commas */
    bool counts;       /* the user's own GENV_GPUS says how many */
};

static void wish_release(struct wish *wish)
{
    text_release(&wish->names);
}

static bool sets_variable(const struct docker_word *word, const char *name)
{
    return docker_word_is(word, "env") && strncmp(word->value, name, strlen(name)) == 0 &&
           (word->value[strlen(name)] == '=' || !word->value[strlen(name)]);
}

bool docker_may_join(char **words, char **options)
{
    static const char own_cdi[] = "genv.dev/gpu=";
    struct docker_word word;

    if (*docker_find_runtime(words, options))
        return false;
    for (; (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION; options += word.word_count) {
        if (sets_variable(&word, "GENV_ACTIVATE") || (word.option && strcmp(word.option->name, "help") == 0) ||
            (docker_word_is(&word, "device") && strncmp(word.value, own_cdi, strlen(own_cdi)) == 0))
            return false;
    }
    return true;
}

static void add_names(struct wish *wish, const char *list)
{
    text_addf(&wish->names, "%s%s", wish->names.data ? "," : "", list);
}

/* As NVIDIA_VISIBLE_DEVICES names them. */
static void add_visible(struct wish *wish, const struct text *list)
{
    if (list->data && *list->data && strcmp(list->data, "none") != 0 && strcmp(list->data, "void") != 0)
        add_names(wish, list->data);
}

/* Of docker's capabilities those that are the driver's, as docker tells NVIDIA's runtime of them. */
static void add_capabilities(struct argv *options, const char *list)
{
    static const char *const drivers[] = {"compute", "compat32", "graphics", "utility", "video", "display"};
    cleanup_text struct text found = TEXT_INIT;

    for (const char *name = list; *name; name += *name == ',') {
        size_t length = strcspn(name, ",");

        for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
            if (strlen(drivers[i]) == length && memcmp(drivers[i], name, length) == 0)
                text_addf(&found, "%s%s", found.data ? "," : "", drivers[i]);
        }
        name += length;
    }
    options->failed = options->failed || found.failed;
    if (found.data)
        argv_addf(options, "--env=" CAPABILITIES "=%s", found.data);
}

static int take_gpus(const char *value, const struct docker_scene *scene, struct wish *wish, struct argv *options,
                     struct genv_error *err)
{
    cleanup_text struct text list = TEXT_INIT, capabilities = TEXT_INIT;
    int r;

    if (scene->is_podman) {
        r = docker_translate_list(value, scene->env, &list, err);
        if (r < 0)
            error_prefix(err, r, "--gpus %s", value);
    } else {
        r = docker_list_gpus(value, scene->env, &list, &capabilities, err);
    }
    if (r == 0 && list.data)
        add_names(wish, list.data);
    if (r == 0 && capabilities.data)
        add_capabilities(options, capabilities.data);
    return r;
}

/* "nvidia.com/gpu=0" */
static int take_cdi(const char *value, const struct docker_scene *scene, struct wish *wish, struct genv_error *err)
{
    cleanup_text struct text list = TEXT_INIT;
    int r = docker_translate_device(value, scene->env, &list, err);
    char *rest = list.data, *name;

    while (r == 0 && (name = strsep(&rest, ",")))
        add_names(wish, strchr(name, '=') + 1);
    return r;
}

/* Whether the container has that node by another name, which genv's runtime would not give it. */
static bool is_renamed(const char *value, int node)
{
    const char *target = value[strcspn(value, ":")] ? value + strcspn(value, ":") + 1 : value;
    char path[32];

    snprintf(path, sizeof(path), "/dev/nvidia%d", node);
    return strlen(path) != strcspn(target, ":") || strncmp(target, path, strlen(path)) != 0;
}

/* Takes what @word asks for of devices. 1: the word is about nothing else. */
static int take_word(const struct docker_word *word, const struct docker_scene *scene, struct wish *wish,
                     struct argv *options, struct genv_error *err)
{
    const char *visible = docker_word_visible(word, scene);
    cleanup_text struct text list = TEXT_INIT;
    int node = docker_node_of(word, scene), r = 0;

    wish->counts = wish->counts || sets_variable(word, "GENV_GPUS");
    if (visible) {
        r = docker_translate_visible(visible, scene->env, &list, err);
        add_visible(wish, &list);
        return r;
    }
    if (!docker_asks_for_gpus(word, scene))
        return 0;
    if (docker_word_is(word, "gpus")) {
        r = take_gpus(word->value, scene, wish, options, err);
    } else if (node == DOCKER_NO_NODE) {
        r = take_cdi(word->value, scene, wish, err);
    } else {
        r = docker_check_node(node, scene, err);
        if (r < 0)
            return error_prefix(err, r, "--device %s", word->value);
        add_names(wish, docker_device_of_node(node, scene)->id.uuid);
        return !is_renamed(word->value, node);
    }
    return r < 0 ? r : 1;
}

static int add_variables(const struct wish *wish, const struct docker_scene *scene, struct argv *variables,
                         struct genv_error *err)
{
    cleanup_text struct text uuids = TEXT_INIT;
    size_t count = wish->names.data ? docker_add_uuids(wish->names.data, scene->env, &uuids) : 0;

    if (wish->names.failed || uuids.failed)
        return error_no_memory(err);
    argv_addf(variables, "GENV_ENVIRONMENT_ID=%s", scene->eid);
    argv_add(variables, "GENV_ACTIVATE=1");
    argv_add(variables, "GENV_ALLOW_OVER_SUBSCRIPTION=0");
    argv_add(variables, "GENV_GPU_MEMORY="); /* it has the environment's */
    argv_addf(variables, "GENV_DEVICE_UUIDS=%s", uuids.data ? uuids.data : "");
    if (count || !wish->counts) {
        argv_addf(variables, "GENV_ATTACH=%d", count != 0);
        if (count)
            argv_addf(variables, "GENV_GPUS=%zu", count); /* where it starts again when the environment has ended */
        else
            argv_add(variables, "GENV_GPUS=");
    }
    return variables->failed ? error_no_memory(err) : 0;
}

int docker_join_read(char **words, char **options, const struct docker_scene *scene, struct docker_genv *ret_genv,
                     struct genv_error *err)
{
    cleanup_with(wish_release) struct wish wish = {.names = TEXT_INIT};
    cleanup_text struct text visible = TEXT_INIT;
    struct docker_genv *genv = ret_genv;
    struct docker_word word;
    int r;

    *genv = (struct docker_genv){.run = options, .activate = true, .eid = scene->eid};
    r = docker_add_default_visible(&visible, words, options, scene, err);
    if (r > 0)
        add_visible(&wish, &visible);
    while (r >= 0 && (word = docker_read(docker_run_options, options)).kind == DOCKER_OPTION) {
        r = take_word(&word, scene, &wish, &genv->options, err);
        for (size_t i = 0; i < word.word_count; i++, options++) {
            if (r == 0)
                argv_add(&genv->options, *options);
        }
    }
    if (r >= 0)
        r = docker_check_rest(options, scene, err);
    if (r == 0)
        r = add_variables(&wish, scene, &genv->variables, err);
    argv_add_all(&genv->options, options);
    return r == 0 && genv->options.failed ? error_no_memory(err) : r;
}
