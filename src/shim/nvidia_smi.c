/* nvidia-smi: the real one, on the view of this environment. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "base/trust.h"
#include "shim/argv.h"
#include "shim/fallback.h"
#include "shim/ids.h"
#include "shim/report.h"
#include "shim/shim.h"
#include "shim/view.h"

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

/* The view beside the shim's folder is used. */
static int use_view(const struct shim *shim, const char *program, struct genv_error *err)
{
    char folder[sizeof(shim->folder) + 8];
    const char *slash = strrchr(shim->folder, '/');

    if (!slash)
        return error_set(err, ENOENT, "cannot find out where genv is installed: /proc/self/exe");
    if (view_is_ignored_by(program))
        return error_set(err, EPERM, "%s is set-uid or has file capabilities", program);
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - shim->folder), shim->folder);
    if (trust_is_everybodys(folder))
        return error_set(err, EPERM, "anyone can write to %s", folder);
    snprintf(folder, sizeof(folder), "%.*s/view", (int)(slash - shim->folder), shim->folder);
    return view_use(folder, err);
}

/* How many bytes of @word are the option that names devices: "-i", "--id", or 0. */
static size_t id_option(const char *word)
{
    size_t length = strncmp(word, "--id", 4) == 0 ? 4 : strncmp(word, "-i", 2) == 0 ? 2 : 0;

    return length && (word[length] == '\0' || word[length] == '=') ? length : 0;
}

static bool names_devices(char **words)
{
    for (; *words; words++) {
        if (id_option(*words))
            return true;
    }
    return false;
}

/* Where UUIDs are put in. In the other modes the numbers of the view are the machine's anyway. */
static bool takes_uuids(const char *word)
{
    return !word || word[0] == '-' || strcmp(word, "pmon") == 0 || strcmp(word, "dmon") == 0;
}

/* Whether the view counts devices from 0 here: nvidia-smi tells how many there are (view/program.c). */
static bool are_counted(char **words)
{
    bool queries = false;

    for (; *words; words++) {
        queries |= strncmp(*words, "--query-gpu", strlen("--query-gpu")) == 0;
        if (strcmp(*words, "-q") == 0 || strcmp(*words, "--query") == 0 || (queries && strstr(*words, "count")))
            return true;
    }
    return false;
}

/* @argv with devices named by UUID: -i 2 means the device that everybody calls 2, not the third one of the view. */
static void name_by_uuid(char **argv, const struct genv_env *env, struct argv *ret_words)
{
    const char *nobody = are_counted(argv + 1) ? "none" : NULL;

    argv_add(ret_words, argv[0]);
    for (char **word = argv + 1; *word; word++) {
        cleanup_text struct text list = TEXT_INIT;
        size_t option = id_option(*word);

        if (!option || ((*word)[option] == '\0' && !word[1])) {
            argv_add(ret_words, *word);
            continue;
        }
        text_add_bytes(&list, *word, option);
        if ((*word)[option] == '\0') {
            argv_add(ret_words, *word);
            text_release(&list);
            word++;
            option = 0;
        } else {
            text_add(&list, "=");
            option++;
        }
        ids_add_uuids(&list, env, *word + option, nobody);
        ret_words->failed |= list.failed;
        if (!list.failed)
            argv_add(ret_words, list.data);
    }
}

static bool only_lists(char **words)
{
    return words[0] && !words[1] && (strcmp(words[0], "-L") == 0 || strcmp(words[0], "--list-gpus") == 0);
}

/* Whether the devices of the environment are those that one gets by counting. */
static bool are_numbered_by_counting(void)
{
    cleanup_shim_env struct genv_env *env = NULL;

    if (shim_environment(&env, NULL) < 0)
        return true; /* none are shown */
    for (size_t i = 0; i < env->attachment_count; i++) {
        if (env->attachments[i].index != (int)i)
            return false;
    }
    return true;
}

static int become_on_view(const char *program, char **argv)
{
    cleanup_shim_env struct genv_env *env = NULL;
    cleanup_argv struct argv words = {.count = 0};
    int status;

    if (only_lists(argv + 1) && !are_numbered_by_counting() && report_list_by_number(&status))
        return status;
    /* Only who names devices pays for a look at the environment. */
    if (!takes_uuids(argv[1]) || !names_devices(argv + 1) || shim_environment(&env, NULL) < 0)
        return shim_become(program, argv);
    name_by_uuid(argv, env, &words);
    if (words.failed) {
        shim_complain("out of memory");
        return EXIT_FAILURE;
    }
    return shim_become(program, words.items);
}

int main(int argc, char **argv)
{
    struct genv_error reason = {0};
    char program[4096];
    struct shim shim;

    shim_init(&shim, "nvidia-smi");
    if (argc < 1 || shim_stands_aside())
        return shim_become_real(&shim, argv);
    if (is_set("GENV_DEVICES") || is_set("GENV_MOCK_DEVICE_COUNT"))
        return report_simulated(argv + 1);
    if (shim_find_real(&shim, program, sizeof(program)) < 0)
        return shim_become_real(&shim, argv); /* which says so */
    return use_view(&shim, program, &reason) < 0 ? fallback(program, argv, reason.message)
                                                 : become_on_view(program, argv);
}
