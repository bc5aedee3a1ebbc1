/* `exec`: what enters a container has the variables of the container's environment. */
#include "container/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <genv/genv.h>

#include "base/file.h"
#include "container/bundle.h"
#include "container/lower.h"
#include "container/plan.h"

/* Whether there may be a container of genv's: without environments there is none. */
static bool may_be_ours(struct genv *g)
{
    cleanup_free char *path = NULL;
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;

    if (asprintf(&path, "%s/envs", genv_state_directory(g)) < 0)
        return true;
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            return true;
    }
    return false;
}

/* What `state` of the lower runtime prints of the container; NULL: `exec` says why. */
static json_t *ask_state(char **words, const struct runtime_line *line, const char *lower)
{
    const char *const command[] = {"state", line->id, NULL};
    cleanup_free char *text = NULL;

    return lower_ask(lower, words, line, command, &text) == 0 ? json_parse(text, strlen(text), NULL) : NULL;
}

/* The variables of the container's environment as its config.json has them, names and values borrowed from @env. */
static int collect(const json_t *env, struct genv_variable **ret_variables, struct genv_error *err)
{
    struct genv_variable *variables, *grown;
    size_t count = 0, further = 0;
    int r = genv_variables(NULL, true, &variables, err);

    if (r < 0)
        return r;
    while (variables[count].name)
        count++;
    while (plan_further_variables[further])
        further++;
    grown = reallocarray(NULL, count + further + 1, sizeof(*grown));
    for (size_t i = 0; grown && i < count + further; i++) {
        grown[i].name = i < count ? variables[i].name : plan_further_variables[i - count];
        grown[i].value = config_variable(env, grown[i].name);
    }
    if (grown)
        grown[count + further] = (struct genv_variable){.name = NULL};
    free(variables);
    *ret_variables = grown;
    return grown ? 0 : error_no_memory(err);
}

static int edit_process(json_t *process, const json_t *env, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    const char *path = config_variable(env, "PATH");
    bool has_programs = path && strncmp(path, PLAN_PATH_FRONT, strlen(PLAN_PATH_FRONT)) == 0;
    json_t *own = config_list(process, "env", err);
    int r = own ? collect(env, &variables, err) : -EINVAL;

    return r < 0 ? r : edit_variables(own, variables, has_programs ? PLAN_PATH_FRONT : NULL, err);
}

static int change_process(const char *path, const json_t *env, struct genv_error *err)
{
    cleanup_free char *text = NULL, *changed = NULL, *folder = NULL;
    cleanup_close int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC), directory = -1;
    cleanup_json json_t *process = NULL;
    const char *slash = strrchr(path, '/');
    struct stat st;
    size_t length;
    int r;

    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return error_set(err, ELOOP, "%s is a symbolic link, which genv does not replace: name the file itself", path);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || file_read(fd, CONFIG_SIZE_MAX, &text, &length) < 0)
        return 0; /* for the lower runtime to tell */
    process = config_parse(text, length, err);
    r = process ? edit_process(process, env, err) : -EINVAL;
    if (r < 0)
        return error_prefix(err, r, "%s", path);
    changed = config_format(process, &length);
    folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    directory = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    r = !changed || !folder ? -ENOMEM
        : directory < 0     ? -errno
                            : file_replace(directory, slash ? slash + 1 : path, changed, length, st.st_mode & ALLPERMS,
                                       st.st_uid == geteuid() ? (uid_t)-1 : st.st_uid, false);
    return r < 0 ? error_set_errno(err, -r, "cannot write %s", path) : 0;
}

/* config.json as genv has changed it. */
static json_t *read_config(const char *bundle)
{
    cleanup_close int fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    size_t length;

    return fd >= 0 && file_read_at(fd, "config.json", CONFIG_SIZE_MAX, &text, &length) == 0
               ? config_parse(text, length, NULL)
               : NULL;
}

int enter_container(char **words, const struct runtime_line *line, const char *lower, struct genv_error *err)
{
    cleanup_json json_t *state = NULL, *config = NULL;
    const char *bundle;
    struct genv *g;
    bool ours;

    if (!line->process_file || !line->id || genv_open(NULL, &g, NULL) < 0)
        return 0; /* without a file, it takes the container's own process for a model */
    ours = may_be_ours(g);
    genv_close(g);
    state = ours ? ask_state(words, line, lower) : NULL;
    bundle = json_string_value(json_object_get(state, "bundle"));
    if (!bundle || !json_object_get(json_object_get(state, "annotations"), ANNOTATION_EID))
        return 0;
    config = read_config(bundle);
    if (!config)
        return 0;
    return change_process(line->process_file, json_object_get(json_object_get(config, "process"), "env"), err);
}
