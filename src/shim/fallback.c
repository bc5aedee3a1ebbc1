/* nvidia-smi without the view: the real one, told which devices to show. */
#include "shim/fallback.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "shim/report.h"
#include "shim/shim.h"

/* Shows no device, whatever else is asked for. */
static bool only_informs(char **words)
{
    for (; *words; words++) {
        if (strcmp(*words, "-h") == 0 || strcmp(*words, "--help") == 0 || strcmp(*words, "--version") == 0 ||
            strncmp(*words, "--help-", 7) == 0)
            return true;
    }
    return false;
}

static bool lists(char **words)
{
    for (; *words; words++) {
        if (strcmp(*words, "-L") == 0 || strcmp(*words, "--list-gpus") == 0)
            return true;
    }
    return false;
}

/* The subcommands that take a list of devices; they take it after their name only. */
static bool takes_list(const char *subcommand)
{
    return strcmp(subcommand, "pmon") == 0 || strcmp(subcommand, "dmon") == 0;
}

static bool is_attached(const struct genv_env *env, const char *word, size_t length)
{
    for (size_t i = 0; i < env->attachment_count; i++) {
        const struct genv_attachment *attachment = &env->attachments[i];
        char index[16];

        snprintf(index, sizeof(index), "%d", attachment->index);
        if (strlen(index) == length && memcmp(index, word, length) == 0)
            return true;
        if (strlen(attachment->device.uuid) == length && strncasecmp(attachment->device.uuid, word, length) == 0)
            return true;
    }
    return false;
}

static bool all_attached(const struct genv_env *env, const char *list)
{
    for (;; list++) {
        size_t length = strcspn(list, ",");

        if (!is_attached(env, list, length))
            return false;
        list += length;
        if (*list == '\0')
            return true;
    }
}

/* Whether the words say themselves which devices to show, and if these are attached: -i 0, -i=0, --id 0, --id=0. */
static bool asks(const struct genv_env *env, char **words, bool *ret_attached)
{
    static const char *const names[] = {"-i", "--id"};
    bool asked = false;

    *ret_attached = true;
    for (; *words; words++) {
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            size_t length = strlen(names[i]);
            const char *list = NULL;

            if (strncmp(*words, names[i], length) != 0)
                continue;
            if ((*words)[length] == '=')
                list = *words + length + 1;
            else if ((*words)[length] == '\0')
                list = words[1];
            asked = asked || list;
            *ret_attached = *ret_attached && (!list || all_attached(env, list));
        }
    }
    return asked;
}

/* The real one with @option after the first @before words. */
static int become_with(const char *program, char **words, size_t before, char *option)
{
    size_t count = 0;
    cleanup_free char **changed = NULL;

    while (words[count])
        count++;
    changed = calloc(count + 2, sizeof(*changed));
    if (!changed) {
        shim_complain("out of memory");
        return EXIT_FAILURE;
    }
    memcpy(changed, words, before * sizeof(*words));
    changed[before] = option;
    memcpy(changed + before + 1, words + before, (count - before) * sizeof(*words));
    return shim_become(program, changed);
}

static int refuse(const char *subcommand)
{
    struct genv_error err = {0};

    error_set(
        &err, EPERM,
        "nvidia-smi %s would show the devices of other environments: to run it anyway, use GENV_BYPASS=1 nvidia-smi",
        subcommand);
    shim_complain(err.message);
    return EXIT_FAILURE;
}

static void say(const char *reason)
{
    struct genv_error err = {0};

    error_set(
        &err, ENOENT,
        "the view is not available, so nvidia-smi also shows processes of other environments on these devices: %s",
        reason);
    shim_complain(err.message);
}

int fallback(const char *program, char **words, const char *reason)
{
    cleanup_shim_env struct genv_env *env = NULL;
    cleanup_text struct text id = TEXT_INIT;
    const char *subcommand = words[1] && words[1][0] != '-' ? words[1] : NULL;
    const char *comma = "";
    bool attached;
    struct genv_error err = {0};

    if (only_informs(words + 1))
        return shim_become(program, words);
    if (shim_environment(&env, &err) < 0) {
        shim_complain(err.message);
        return report_no_devices();
    }
    if (!subcommand && lists(words + 1))
        return report_list(); /* which takes no --id */
    text_add(&id, subcommand ? "-i=" : "--id=");
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (env->attachments[i].index < 0)
            continue;
        text_addf(&id, "%s%d", comma, env->attachments[i].index);
        comma = ",";
    }
    if (id.failed) {
        shim_complain("out of memory");
        return EXIT_FAILURE;
    }
    if (*comma == '\0')
        return report_no_devices();
    if (subcommand && !takes_list(subcommand))
        return refuse(subcommand);
    say(reason);
    if (!asks(env, words + 1, &attached))
        return become_with(program, words, subcommand ? 2 : 1, id.data);
    return attached ? shim_become(program, words) : report_no_devices();
}
