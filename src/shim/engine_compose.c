/* `docker compose up`, `run` and their kin: what their files ask for is looked at, and not changed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "shim/docker_model.h"
#include "shim/engine.h"
#include "shim/shim.h"

#define MODEL_SIZE_MAX (64 * 1024 * 1024)

/* What `config` prints: the services with all that their files say. -EIO: it fails. */
static int run_config(const char *program, char **words, char **ret_text, size_t *ret_length, struct genv_error *err)
{
    cleanup_close int input = -1, output = -1;
    int ends[2], status, r;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot start %s", program);
    input = ends[0];
    output = ends[1];
    child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(null, STDERR_FILENO); /* the command itself says it again */
        execv(program, words);
        _exit(SHIM_NOT_EXECUTABLE);
    }
    if (child < 0)
        return error_set_errno(err, errno, "cannot start %s", program);
    close(steal_fd(&output));
    r = file_read(input, MODEL_SIZE_MAX, ret_text, ret_length);
    close(steal_fd(&input)); /* one that has more to say ends */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
        return error_set(err, EIO, "'docker compose config' failed");
    return 0;
}

/* Of what `config` printed. */
static int check_model(const char *text, size_t length, struct docker_scene *scene, struct grant *grant,
                       struct genv_error *err)
{
    cleanup_json json_t *model = NULL;
    json_error_t reason;
    int r;

    if (length == 0)
        return 0; /* it has no such command */
    model = json_loadb(text, length, 0, &reason);
    if (!model)
        return error_set(err, EINVAL, "unexpected output from 'docker compose config': %s", reason.text);
    if (!docker_model_needs_devices(model, scene))
        return 0;
    r = grant_read_machine(grant, err);
    scene->env = grant->env;
    scene->machine = grant->machine;
    return r < 0 ? r : docker_check_model(model, scene, err);
}

/* The options that a command has which starts containers, or NULL: it starts none. */
static const struct docker_option *options_of(const char *command)
{
    static const char *const others[] = {"up", "create", "scale", "watch"};

    if (strcmp(command, "run") == 0)
        return docker_compose_run_options;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (strcmp(command, others[i]) == 0)
            return docker_compose_up_options;
    }
    return NULL;
}

/* Adds the words behind the command to @target, with the devices of the environment, and the services among them to
 * @services. *@ret_known: these are all; otherwise there is an option that genv does not know, whose value may be the
 * next word. */
static int rewrite_command(const struct docker_option *table, char **words, struct argv *target, struct argv *services,
                           bool *ret_known, struct docker_scene *scene, struct grant *grant, struct genv_error *err)
{
    struct docker_word word;
    int r = 0;

    *ret_known = true;
    while (r == 0 && *words && (word = docker_read(table, words)).kind != DOCKER_UNKNOWN) {
        if (word.kind == DOCKER_END && word.word_count == 0) {
            argv_addf(services, "%.*s", (int)strcspn(*words, "="), *words); /* `scale` has SERVICE=N */
            if (table == docker_compose_run_options)
                break;
            word.word_count = 1;
        }
        if (docker_word_visible(&word, scene)) {
            r = grant_read_env(grant, err);
            scene->env = grant->env;
            if (r == 0)
                r = docker_add_visible(target, words, &word, scene, err);
        } else {
            for (size_t i = 0; i < word.word_count; i++)
                argv_add(target, words[i]);
        }
        words += word.word_count;
    }
    if (r < 0)
        return r;
    *ret_known = !*words || word.kind != DOCKER_UNKNOWN;
    for (char **rest = words; !*ret_known && *rest; rest++) {
        if (strstr(*rest, "NVIDIA_VISIBLE_DEVICES"))
            return error_set(err, EINVAL,
                             "unknown docker compose option %s, so genv cannot tell whether %s is its value: write it "
                             "as OPTION=VALUE",
                             *words, *rest);
    }
    argv_add_all(target, words);
    return 0;
}

static bool is_standard_input(const char *file)
{
    static const char *const names[] = {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/proc/thread-self/fd/0"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(file, names[i]) == 0)
            return true;
    }
    return false;
}

/* Whether what `config` would read of it is lost for the command itself, as of "<(…)" of a shell. */
static bool is_read_once(const char *file)
{
    struct stat st;

    if (stat(file, &st) < 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ||
           (S_ISCHR(st.st_mode) && st.st_rdev != makedev(1, 3)); /* /dev/null has nothing to lose */
}

static int check_file(const char *file, struct genv_error *err)
{
    if (is_standard_input(file))
        return error_set(err, EINVAL, "cannot check a compose file on standard input: use -f FILE");
    if (is_read_once(file))
        return error_set(err, EINVAL, "cannot check %s, which can be read only once: use a regular file", file);
    return 0;
}

/* Those of COMPOSE_FILE, which count where no option names one. */
static int check_files_of_variable(struct genv_error *err)
{
    const char *value = getenv("COMPOSE_FILE"), *separator = getenv("COMPOSE_PATH_SEPARATOR");
    cleanup_free char *files = value ? strdup(value) : NULL;
    char *next = files;
    int r = 0;

    if (value && !files)
        return error_no_memory(err);
    separator = separator && *separator ? separator : ":";
    while (r == 0 && next) {
        char *file = next, *end = strstr(file, separator);

        next = end ? end + strlen(separator) : NULL;
        if (end)
            *end = '\0';
        r = check_file(file, err);
    }
    return r;
}

/* Whether the files that the options at @words name, the words behind `compose`, can be read twice. */
static int check_files(char **words, struct genv_error *err)
{
    struct docker_word word;
    bool has_file = false;
    int r = 0;

    for (; r == 0 && (word = docker_read(docker_compose_options, words)).kind == DOCKER_OPTION;
         words += word.word_count) {
        bool is_file = docker_word_is(&word, "file");

        has_file = has_file || is_file;
        if (word.value && (is_file || docker_word_is(&word, "env-file")))
            r = check_file(word.value, err);
    }
    return r < 0 || has_file ? r : check_files_of_variable(err);
}

/* Adds `compose` and its options, the words at @words, to @config. Returns its command, or NULL where there is none
 * that starts containers; it may be behind an option that genv does not know. */
static char **add_compose(struct argv *config, char **words)
{
    struct docker_word word;

    argv_add(config, *words++);
    while ((word = docker_read(docker_compose_options, words)).kind == DOCKER_OPTION) {
        for (size_t i = 0; i < word.word_count; i++)
            argv_add(config, *words++);
    }
    return word.kind == DOCKER_END && *words && options_of(*words) ? words : NULL;
}

int engine_rewrite_compose(const char *program, struct argv *target, char **argv, char **compose,
                           struct docker_scene *scene, struct grant *grant, struct genv_error *err)
{
    cleanup_argv struct argv config = {.count = 0}, services = {.count = 0};
    bool known;
    cleanup_free char *model = NULL;
    struct genv_error reason = {0};
    size_t length = 0;
    char **command;
    int r;

    for (char **word = argv; word < compose; word++)
        argv_add(&config, *word);
    command = add_compose(&config, compose);
    if (!command) {
        argv_add_all(target, argv);
        return 0;
    }
    r = check_files(compose + 1, err);
    if (r < 0)
        return r;
    while (argv <= command)
        argv_add(target, *argv++);
    r = rewrite_command(options_of(*command), command + 1, target, &services, &known, scene, grant, err);
    if (r < 0)
        return r;
    if (!known)
        argv_add(&config, "--profile=*"); /* any of the services */
    argv_add(&config, "config");
    argv_add(&config, "--format=json");
    if (known && services.count)
        argv_add_all(&config, services.items);
    if (config.failed || services.failed)
        return error_no_memory(err);
    r = run_config(program, config.items, &model, &length, &reason);
    if (r == 0)
        return check_model(model, length, scene, grant, err);
    error_prefix(&reason, r, "warning: cannot tell which devices the services ask for");
    shim_complain(reason.message); /* where there is no compose, or its file is wrong, docker says more */
    return 0;
}
