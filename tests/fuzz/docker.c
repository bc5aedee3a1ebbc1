/* A command line of docker, a word per line: what becomes of it names devices of the environment alone, and stays so;
 * what asks for none keeps its words; and a value behind "=" is the value in the next word. */
#include "fuzz.h"

#include "base/text.h"
#include "shim/docker_command.h"
#include "shim/docker_options.h"

#define FRONT 2 /* the words that genv adds */

static struct genv_attachment attachments[] = {
    {.device.uuid = "GPU-a", .index = 0},
    {.device.uuid = "GPU-c", .index = 2},
};
static const struct genv_env env = {
    .eid = "1573", .attachments = attachments, .attachment_count = ARRAY_SIZE(attachments)};
static const struct genv_env none = {.eid = "1574"};

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
    bool asks = options && docker_needs_devices(options);
    struct genv_error err = {0};

    promise(options);
    if (docker_translate(target, words, options, "1573", asks ? attached : NULL, &err) == 0)
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
    if (translate(&detached, words, &none))
        check_same(detached.items + front + FRONT, words + front);
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
    check_joined(words, allowed ? &target : NULL);
    if (!allowed)
        return 0;
    check_devices(words, &target);
    if (!docker_needs_devices(options))
        check_same(target.items + (options - words) + FRONT, options);
    return 0;
}
