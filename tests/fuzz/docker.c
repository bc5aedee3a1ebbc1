/* A command line of docker, a word per line: what becomes of it names devices of the environment alone, and stays so;
 * what asks for none keeps its words; a value behind "=" is the value in the next word; and a container that joins the
 * environment through genv's runtime is refused the same, with the same words. */
#include "fuzz.h"

#include "base/text.h"
#include "shim/docker_command.h"
#include "shim/docker_join.h"
#include "shim/docker_options.h"

#define FRONT                                                                                                          \
    2 /* the words that genv adds: the environment's identifier; behind them, devices in NVIDIA's variable             \
       */

static struct genv_attachment attachments[] = {
    {.device.uuid = "GPU-a", .index = 0},
    {.device.uuid = "GPU-c", .index = 2},
};
static const struct genv_env env = {
    .eid = "1573", .attachments = attachments, .attachment_count = ARRAY_SIZE(attachments)};
static const struct genv_env none = {.eid = "1574"};
static struct genv_device devices[] = {
    {.id.uuid = "GPU-a", .index = 0, .minor = 2},
    {.id.uuid = "GPU-b", .index = 1, .minor = 0},
    {.id.uuid = "GPU-c", .index = 2, .minor = 1},
};
static const struct genv_snapshot machine = {.devices = devices, .device_count = ARRAY_SIZE(devices)};

static int node_of_path(const char *path)
{
    if (strcmp(path, "/dev") == 0)
        return DOCKER_ALL_NODES;
    return strncmp(path, "/dev/nvidia", 11) == 0 && path[11] >= '0' && path[11] <= '9' ? path[11] - '0'
                                                                                       : DOCKER_NO_NODE;
}

static const struct docker_scene base = {.eid = "1573", .visible_devices = "all", .node_of_path = node_of_path};

static void check_same(char **words, char **others)
{
    for (; *words; words++, others++)
        promise(*others && strcmp(*words, *others) == 0);
    promise(!*others);
}

/* Translates @words as the shim does; false: it is refused. */
static bool translate(struct argv *target, char **words, const struct genv_env *attached)
{
    char **options = docker_find_options(words);
    struct docker_scene scene = base;
    struct genv_error err = {0};

    promise(options);
    scene.env = docker_needs_devices(words, options, &scene) ? attached : NULL;
    scene.machine = docker_needs_machine(options, &scene) ? &machine : NULL;
    if (docker_translate(target, words, options, &scene, &err) == 0)
        return true;
    promise(*err.message && utf8_is_printable(err.message));
    return false;
}

/* @words with each "--name value" of a container as "--name=value". */
static void join(struct argv *target, char **words)
{
    char **options = docker_find_options(words);
    struct docker_word word;

    promise(options);
    for (; words < options; words++)
        argv_add(target, *words);
    for (; (word = docker_read(docker_run_options, words)).kind == DOCKER_OPTION; words += word.word_count) {
        if (word.option && word.word_count == 2)
            argv_addf(target, "--%s=%s", word.option->name, word.value);
        else
            for (size_t i = 0; i < word.word_count; i++)
                argv_add(target, words[i]);
    }
    argv_add_all(target, words);
}

/* However the values are written, the same becomes of them; @translated is NULL where it is refused. */
static void check_joined(char **words, const struct argv *translated)
{
    cleanup_argv struct argv joined = {.count = 0}, from_joined = {.count = 0}, one = {.count = 0},
                             other = {.count = 0};

    join(&joined, words);
    promise(translate(&from_joined, joined.items, &env) == (translated != NULL));
    if (!translated)
        return;
    join(&one, translated->items);
    join(&other, from_joined.items);
    check_same(one.items, other.items);
}

/* What is translated is translated already; without devices it asks for none. */
static void check_devices(char **words, const struct argv *translated)
{
    cleanup_argv struct argv again = {.count = 0}, detached = {.count = 0};
    size_t front = (size_t)(docker_find_options(words) - words);

    promise(translate(&again, translated->items, &env));
    for (size_t i = 0; i < front + FRONT; i++)
        promise(strcmp(again.items[i], translated->items[i]) == 0);
    check_same(again.items + front + FRONT, translated->items + front);
    if (translate(&detached, words, &none)) {
        size_t count = 0;

        while (words[count])
            count++;
        promise(detached.count == count + FRONT || detached.count == count + FRONT + 2); /* for NVIDIA's runtime */
        check_same(detached.items + detached.count - count + front, words + front);
    }
}

/* What is left of the words asks for nothing that the list of devices does not have. */
static void check_join(char **words, bool allowed)
{
    static const char *const lists[] = {"", "GPU-a", "GPU-c", "GPU-a,GPU-c"};
    static const char variable_name[] = "GENV_DEVICE_UUIDS=";
    cleanup_docker_genv struct docker_genv genv = {.run = NULL};
    char **options = docker_find_options(words);
    struct genv_error err = {0}, other = {0};
    struct docker_scene scene = base;
    cleanup_argv struct argv translated = {.count = 0};
    bool found = false;

    scene.env = &env;
    scene.machine = &machine;
    promise((docker_join_read(words, options, &scene, &genv, &err) == 0) == allowed);
    promise((docker_translate(&translated, words, options, &scene, &other) == 0) == allowed);
    promise(strcmp(err.message, other.message) == 0);
    for (size_t i = 0; allowed && i < genv.variables.count; i++) {
        const char *variable = genv.variables.items[i];

        for (size_t j = 0; strncmp(variable, variable_name, strlen(variable_name)) == 0 && j < ARRAY_SIZE(lists); j++)
            found = found || strcmp(variable + strlen(variable_name), lists[j]) == 0;
    }
    promise(found == allowed);
    for (size_t i = 0; allowed && i < genv.options.count && genv.options.items[i][0] == '-'; i++)
        promise(strcmp(genv.options.items[i], "--gpus=all") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_argv struct argv target = {.count = 0};
    size_t count;
    cleanup_words char **words = input_words(data, size, &count);
    char **options = count ? docker_find_options(words) : NULL;
    bool allowed;

    if (!options)
        return 0;
    promise(options > words && options <= words + count);
    allowed = translate(&target, words, &env);
    check_join(words, allowed);
    check_joined(words, allowed ? &target : NULL);
    if (!allowed)
        return 0;
    check_devices(words, &target);
    if (!docker_needs_devices(words, options, &base))
        check_same(target.items + (options - words) + FRONT, options);
    return 0;
}
