/* What the tests of libgenv share. */
#include "machine.h"

#include <signal.h>

#include <sys/stat.h>

#include "base/text.h"

static struct text warnings;

int machine_make(void **state)
{
    text_release(&warnings);
    unsetenv("GENV_LOCK");
    unsetenv("JUPYTER_RUNTIME_DIR");
    setenv("GENV_DEVICES", "4", 1);
    return unit_make_directory(state) < 0 || chmod(*state, 01777) < 0 ? -1 : 0;
}

int machine_remove(void **state)
{
    text_release(&warnings);
    return chdir("/") < 0 ? -1 : unit_remove_directory(state);
}

static void remember_warning(const char *message, void *data)
{
    (void)data;
    text_addf(&warnings, "%s\n", message);
}

const char *machine_warnings(void)
{
    return warnings.data ? warnings.data : "";
}

struct genv *machine_open(const char *directory)
{
    cleanup_free char *path = unit_path(directory, "state");
    const struct genv_options options = {.state_dir = path, .warn = remember_warning};
    struct genv *g = NULL;

    genv_open(&options, &g, NULL);
    return g;
}

void machine_activate(struct genv *g, const char *eid)
{
    const struct genv_activation activation = {
        .eid = eid, .uid = (uid_t)-1, .member = {.pid = getpid()}, .config = GENV_CONFIG_INIT};
    struct genv_error err = {0};

    if (genv_activate(g, &activation, NULL, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

int machine_sleep(void *data)
{
    (void)data;
    pause();
    return 0;
}

void machine_end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(unit_wait(pid), -SIGKILL);
}

int machine_set_capacity(struct genv *g, const char *eid, uint64_t capacity, struct genv_error *err)
{
    const struct genv_config config = {.gpu_memory = capacity};

    return genv_configure(g, eid, &config, GENV_CONFIG_GPU_MEMORY, NULL, err);
}

int machine_attach(struct genv *g, const char *eid, int count, struct genv_error *err)
{
    const struct genv_attach_request request = {.count = count};

    return genv_attach(g, eid, &request, NULL, err);
}

int machine_attach_index(struct genv *g, const char *eid, int index, bool over_subscribe, struct genv_error *err)
{
    char device[16];
    const struct genv_attach_request request = {.count = -1, .device = device, .over_subscribe = over_subscribe};

    snprintf(device, sizeof(device), "%d", index);

    return genv_attach(g, eid, &request, NULL, err);
}

const char *machine_indices(struct genv *g, const char *eid)
{
    static char indices[8192];
    struct genv_env *env = NULL;
    size_t length = 0;

    if (genv_env_get(g, eid, &env, NULL) < 0)
        return "?";
    indices[0] = '\0';
    for (size_t i = 0; i < env->attachment_count; i++)
        length += (size_t)snprintf(indices + length, sizeof(indices) - length, "%s%d", i ? "," : "",
                                   env->attachments[i].index);
    genv_env_free(env);
    return indices;
}

void machine_check_error(const struct genv_error *err, int code, const char *part)
{
    if (!strstr(err->message, part))
        fail_msg("\"%s\" instead of \"%s\"", err->message, part);
    assert_int_equal(err->code, code);
    assert_true(utf8_is_printable(err->message));
}
