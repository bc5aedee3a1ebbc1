/* `docker compose up`, `run` and their kin: what their files ask for is looked at, and not changed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "shim/docker_gpus.h"
#include "shim/engine.h"

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

/* One of the devices that a service reserves: {"driver", "count", "device_ids", "capabilities"}. */
static int check_request(json_t *request, struct grant *grant, struct genv_error *err)
{
    const char *driver = json_string_value(json_object_get(request, "driver"));
    json_t *ids = json_object_get(request, "device_ids"), *count = json_object_get(request, "count");
    json_int_t wanted = json_integer_value(count);
    int r = grant_read_env(grant, err);

    if (driver && strcmp(driver, "nvidia") != 0 && strcmp(driver, "cdi") != 0)
        return 0;
    for (size_t i = 0; r == 0 && i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        cleanup_text struct text same = TEXT_INIT;

        if (id && docker_names_gpus(id))
            r = docker_translate_device(id, grant->env, &same, err);
        else
            r = docker_translate_list(id ? id : "", grant->env, &same, err);
        if (r == 0 && (!id || strcmp(id, same.data) != 0))
            r = grant_check_all(grant, err);
    }
    if (json_array_size(ids) || r < 0)
        return r;
    if (!json_is_integer(count) || wanted < 0)
        return grant_check_all(grant, err);
    for (json_int_t i = 0; r == 0 && i < wanted; i++) { /* docker takes the first ones */
        char index[24];

        snprintf(index, sizeof(index), "%lld", (long long)i);
        r = docker_check_device(index, grant->env, err);
    }
    return r;
}

static int check_requests(json_t *requests, struct grant *grant, struct genv_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(requests); i++)
        r = check_request(json_array_get(requests, i), grant, err);
    return r;
}

static json_t *member(json_t *object, const char *const *path)
{
    for (; object && *path; path++)
        object = json_object_get(object, *path);
    return object;
}

static int check_devices(json_t *devices, struct grant *grant, struct genv_error *err)
{
    for (size_t i = 0; i < json_array_size(devices); i++) {
        json_t *device = json_array_get(devices, i);
        const char *source = json_string_value(json_is_object(device) ? json_object_get(device, "source") : device);
        cleanup_free char *path = source ? strndup(source, strcspn(source, ":")) : NULL;
        cleanup_text struct text same = TEXT_INIT;
        int r = 0;

        if (!path)
            continue;
        if (docker_names_gpus(source)) {
            r = grant_read_env(grant, err);
            if (r == 0)
                r = docker_translate_device(source, grant->env, &same, err);
            if (r == 0 && strcmp(source, same.data) != 0)
                r = grant_check_all(grant, err);
        } else if (*path == '/' && grant_is_node(path) && (r = grant_check_node(grant, path, err)) < 0) {
            error_prefix(err, r, "%s", path);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* NVIDIA_VISIBLE_DEVICES, which counts with NVIDIA's runtime; there an image says "all" where the service says nothing.
 */
static int check_visible(json_t *service, struct grant *grant, struct genv_error *err)
{
    static const char *const path[] = {"environment", "NVIDIA_VISIBLE_DEVICES", NULL};
    const char *runtime = json_string_value(json_object_get(service, "runtime"));
    const char *value = json_string_value(member(service, path));
    bool is_nvidia = runtime && engine_runtime_is_nvidia(runtime);
    cleanup_text struct text same = TEXT_INIT;
    int r;

    if (!value && !is_nvidia)
        return 0;
    r = grant_read_env(grant, err);
    if (r < 0)
        return r;
    if (!value || strcmp(value, "all") == 0)
        return grant_check_all(grant, err);
    return docker_translate_visible(value, grant->env, &same, err);
}

static int check_service(const char *name, json_t *service, struct grant *grant, struct genv_error *err)
{
    static const char *const reserved[] = {"deploy", "resources", "reservations", "devices", NULL};
    static const struct {
        int (*check)(json_t *part, struct grant *grant, struct genv_error *err);
        const char *remedy;
    } checks[] = {
        {check_requests, "device_ids: ['${CUDA_VISIBLE_DEVICES}']"},
        {check_requests, "device_ids: ['${CUDA_VISIBLE_DEVICES}']"},
        {check_visible, "NVIDIA_VISIBLE_DEVICES: ${CUDA_VISIBLE_DEVICES}"},
        {check_devices, "nodes of these devices alone"},
    };
    json_t *const parts[] = {member(service, reserved), json_object_get(service, "gpus"), service,
                             json_object_get(service, "devices")};

    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        struct genv_error reason = {0};

        if (checks[i].check(parts[i], grant, &reason) < 0)
            return error_set(err, reason.code, "service '%s' asks for more: %s; in the compose file, say %s", name,
                             reason.message, checks[i].remedy);
    }
    return 0;
}

static int check_model(const char *text, size_t length, struct grant *grant, struct genv_error *err)
{
    cleanup_json json_t *model = NULL;
    json_error_t reason;
    const char *name;
    json_t *service;
    int r = 0;

    if (length == 0)
        return 0; /* it has no such command */
    model = json_loadb(text, length, 0, &reason);
    if (!model)
        return error_set(err, EINVAL, "genv cannot read what 'docker compose config' says: %s", reason.text);
    json_object_foreach (json_object_get(model, "services"), name, service) {
        r = check_service(name, service, grant, err);
        if (r < 0)
            return r;
    }
    return 0;
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
                           bool *ret_known, struct grant *grant, struct genv_error *err)
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
        if (engine_word_is(&word, "env") && engine_visible_devices(word.value)) {
            r = engine_add_visible(target, words, &word, grant, err);
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
                             "genv does not know docker compose's option %s, and so not whose %s is: write it as "
                             "OPTION=VALUE",
                             *words, *rest);
    }
    argv_add_all(target, words);
    return 0;
}

/* Adds `compose` and its options, the words at @words, to @config. Returns its command, or NULL where there is none
 * that starts containers; it may be behind an option that genv does not know. */
static char **add_compose(struct argv *config, char **words, bool *ret_from_stdin)
{
    struct docker_word word;

    argv_add(config, *words++);
    while ((word = docker_read(docker_compose_options, words)).kind == DOCKER_OPTION) {
        *ret_from_stdin = *ret_from_stdin || (engine_word_is(&word, "file") && strcmp(word.value, "-") == 0);
        for (size_t i = 0; i < word.word_count; i++)
            argv_add(config, *words++);
    }
    return word.kind == DOCKER_END && *words && options_of(*words) ? words : NULL;
}

int engine_rewrite_compose(const char *program, struct argv *target, char **compose, struct grant *grant,
                           struct genv_error *err)
{
    cleanup_argv struct argv config = {.count = 0}, services = {.count = 0};
    bool from_stdin = false, known;
    cleanup_free char *model = NULL;
    struct genv_error reason = {0};
    size_t length = 0;
    char **command;
    int r;

    for (size_t i = 0; i < target->count; i++)
        argv_add(&config, target->items[i]);
    command = add_compose(&config, compose, &from_stdin);
    if (!command) {
        argv_add_all(target, compose);
        return 0;
    }
    if (from_stdin)
        return error_set(err, EINVAL, "genv cannot look at a compose file on standard input: give the name of a file");
    while (compose <= command)
        argv_add(target, *compose++);
    r = rewrite_command(options_of(*command), command + 1, target, &services, &known, grant, err);
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
        return check_model(model, length, grant, err);
    error_prefix(&reason, r, "warning: cannot tell which GPUs the services ask for");
    shim_complain(reason.message); /* where there is no compose, or its file is wrong, docker says more */
    return 0;
}
