/* genv-docker's command line in terms of docker's. */
#include "shim/docker_genv.h"

#include <errno.h>
#include <string.h>

#include <genv/types.h>

#include "shim/docker_command.h"
#include "shim/docker_options.h"

/* All options, each by the macro of its kind: VALUE(name, argument, help), SWITCH(name, help), which has a --no- too,
 * and FLAG(name, help). */
#define OPTIONS(VALUE, SWITCH, FLAG)                                                                                   \
    VALUE("gpus", "N", "Attach N devices (default: none)")                                                             \
    VALUE("gpu-memory", "AMOUNT", "Use up to AMOUNT of each device's memory, such as 4g (default: all of it)")         \
    VALUE("eid", "EID", "Enter your live environment EID, or name the new one (default: as the container)")            \
    VALUE("name-env", "NAME", "Name the environment (default: no name)")                                               \
    SWITCH("activate", "Make the container an environment (default: yes)")                                             \
    SWITCH("attach", "Attach its devices (default: yes); docker's own --attach is -a")                                 \
    SWITCH("shims", "Mount genv and nvidia-smi in the container (default: yes)")                                       \
    SWITCH("device-locks", "Mount the locks of its devices, for 'genv lock' (default: yes)")                           \
    SWITCH("over-subscribe", "Also attach devices that are not available (default: no)")                               \
    FLAG("dry-run", "Print the command, and run nothing")                                                              \
    FLAG("help", "Show this help")

#define READ_VALUE(name, argument, help) {name, 0, true},
#define READ_SWITCH(name, help)          {name, 0, false}, {"no-" name, 0, false},
#define READ_FLAG(name, help)            {name, 0, false},
static const struct docker_option genv_options[] = {OPTIONS(READ_VALUE, READ_SWITCH, READ_FLAG){NULL, 0, false}};

#define TELL_VALUE(name, argument, help) {"--" name " " argument, help},
#define TELL_SWITCH(name, help)          {"--[no-]" name, help},
#define TELL_FLAG(name, help)            {"--" name, help},
const struct docker_genv_option docker_genv_options[] = {OPTIONS(TELL_VALUE, TELL_SWITCH, TELL_FLAG){NULL, NULL}};

const char docker_genv_usage[] = "genv-docker run|create [OPTION]... IMAGE [COMMAND]...";
const char docker_genv_description[] =
    "Start a container that is a GPU environment of its own. Other commands and options are docker's.";
const char docker_genv_program[] = "GENV_DOCKER names the program that is run: docker (default), podman or nerdctl.";

/* Of those that say yes or no: the variable, and what it is set to. An image may have variables of its own: what it
 * must not decide, whether genv has a say and whether devices are shared, is said in any case. */
static const struct {
    const char *name, *variable;
    const char *no, *yes; /* NULL: that need not be said */
} switches[] = {
    {"activate", "GENV_ACTIVATE", "0", "1"},
    {"attach", "GENV_ATTACH", "0", NULL},
    {"shims", "GENV_MOUNT_SHIMS", "0", NULL},
    {"device-locks", "GENV_MOUNT_DEVICE_LOCKS", "0", NULL},
    {"over-subscribe", "GENV_ALLOW_OVER_SUBSCRIPTION", "0", "1"},
};

void docker_genv_release(struct docker_genv *genv)
{
    argv_release(&genv->variables);
    argv_release(&genv->options);
}

/* "true" and "false", as docker reads them behind a flag's "=". */
static int read_flag(const struct docker_word *word, bool *ret_on)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"f", "t"}, {"F", "T"}, {"FALSE", "TRUE"}};

    *ret_on = true;
    if (!word->value)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        for (int on = 0; on < 2; on++) {
            if (strcmp(word->value, words[i][on]) == 0) {
                *ret_on = on;
                return 0;
            }
        }
    }
    return -EINVAL;
}

/* Whether docker has an option of that name, with a value, that is meant instead: "--attach=STDOUT". */
static bool is_dockers(const struct docker_word *word)
{
    bool on;

    return strcmp(word->option->name, "attach") == 0 && word->joined && read_flag(word, &on) < 0;
}

static int read_switch(const struct docker_word *word, struct docker_genv *genv, bool *on, struct genv_error *err)
{
    const char *name = word->option->name;
    bool yes, no = strncmp(name, "no-", 3) == 0;

    if (read_flag(word, &yes) < 0)
        return error_set(err, EINVAL, "--%s takes true or false, not '%s'", name, word->value);
    if (strcmp(name, "dry-run") == 0)
        genv->dry_run = yes;
    else if (strcmp(name, "help") == 0)
        genv->help = yes;
    for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
        if (strcmp(switches[i].name, name + (no ? 3 : 0)) == 0)
            on[i] = yes != no;
    }
    return 0;
}

static int read_config(const struct docker_word *word, enum genv_config_field field, const char *variable,
                       struct docker_genv *genv, struct genv_error *err)
{
    struct genv_config config = GENV_CONFIG_INIT;
    int r = genv_config_parse(&config, field, word->value, err);

    if (r < 0)
        return error_prefix(err, r, "--%s", word->option->name);
    argv_addf(&genv->variables, "%s=%s", variable, word->value);
    return 0;
}

static int read_value(const struct docker_word *word, struct docker_genv *genv, struct genv_error *err)
{
    const char *name = word->option->name;

    if (!word->value)
        return error_set(err, EINVAL, "--%s needs a value", name);
    if (strcmp(name, "gpus") == 0)
        return read_config(word, GENV_CONFIG_GPUS, "GENV_GPUS", genv, err);
    if (strcmp(name, "gpu-memory") == 0)
        return read_config(word, GENV_CONFIG_GPU_MEMORY, "GENV_GPU_MEMORY", genv, err);
    if (strcmp(name, "name-env") == 0)
        return read_config(word, GENV_CONFIG_NAME, "GENV_ENVIRONMENT_NAME", genv, err);
    if (genv_eid_validate(word->value, err) < 0)
        return error_prefix(err, -EINVAL, "--eid");
    genv->eid = word->value;
    argv_addf(&genv->variables, "GENV_ENVIRONMENT_ID=%s", word->value);
    return 0;
}

/* Behind an option that is not known to genv there is no telling whose the next ones are. */
static int check_rest(char **words, struct genv_error *err)
{
    for (char **word = words + 1; *word && strcmp(*word, "--") != 0; word++) {
        struct docker_word read = docker_read(genv_options, word);

        if (read.kind == DOCKER_OPTION && read.option)
            return error_set(err, EINVAL,
                             "unknown docker option %s, so genv cannot tell whether %s is its value: write it as "
                             "OPTION=VALUE, or put it last",
                             *words, *word);
    }
    return 0;
}

static int read_options(char **words, struct docker_genv *genv, bool *on, struct genv_error *err)
{
    int r = 0;

    while (r == 0) {
        struct docker_word word = docker_read(genv_options, words);

        if (word.kind == DOCKER_OPTION && word.option && !is_dockers(&word)) {
            r = word.option->has_value ? read_value(&word, genv, err) : read_switch(&word, genv, on, err);
            words += word.word_count;
            continue;
        }
        word = docker_read(docker_run_options, words);
        if (word.kind == DOCKER_UNKNOWN)
            r = check_rest(words, err);
        if (docker_word_is(&word, "runtime"))
            return error_set(err, EINVAL, "unexpected option --runtime: genv-docker always uses genv's runtime");
        if (word.kind != DOCKER_OPTION)
            break;
        for (size_t i = 0; i < word.word_count; i++)
            argv_add(&genv->options, *words++);
    }
    argv_add_all(&genv->options, words);
    return r;
}

int docker_genv_read(char **words, struct docker_genv *ret_genv, struct genv_error *err)
{
    bool on[ARRAY_SIZE(switches)] = {[0] = true, [1] = true, [2] = true, [3] = true};
    struct docker_genv *genv = ret_genv;
    int r;

    *genv = (struct docker_genv){.run = docker_find_run(words)};
    if (!genv->run)
        return 0;
    r = read_options(genv->run, genv, on, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(switches); i++) {
        const char *value = on[i] ? switches[i].yes : switches[i].no;

        if (value)
            argv_addf(&genv->variables, "%s=%s", switches[i].variable, value);
    }
    if (!genv->eid)
        argv_add(&genv->variables, "GENV_ENVIRONMENT_ID="); /* nor which of the user's environments is entered */
    genv->activate = on[0];
    return r == 0 && (genv->variables.failed || genv->options.failed) ? error_no_memory(err) : r;
}

void docker_genv_write(struct argv *target, char **words, const struct docker_genv *genv, const char *runtime,
                       bool runtime_in_front, const char *claim)
{
    argv_add(target, *words++);
    if (runtime_in_front)
        argv_addf(target, "--runtime=%s", runtime);
    while (words < genv->run)
        argv_add(target, *words++);
    if (!runtime_in_front)
        argv_addf(target, "--runtime=%s", runtime);
    /* First, so that one of the user's own, which comes later, wins. */
    for (size_t i = 0; i < genv->variables.count; i++)
        argv_addf(target, "--env=%s", genv->variables.items[i]);
    if (claim)
        argv_addf(target, "--env=GENV_CLAIM=%s", claim);
    if (genv->options.items)
        argv_add_all(target, genv->options.items);
}
