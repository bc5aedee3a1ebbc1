/* What the tests of the view share. */
#include "view_world.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/text.h"
#include "store/store.h"

#define PROCESSES_MAX 64

static void *view;
static char *directory;
static pid_t processes[PROCESSES_MAX];
static size_t process_count;

void *view_function(const char *name)
{
    void *function;

    if (!view)
        view = dlopen(getenv("GENV_TEST_VIEW"), RTLD_LAZY | RTLD_LOCAL);
    if (!view)
        fail_msg("%s", dlerror());
    function = dlsym(view, name);
    if (!function)
        fail_msg("the view lacks %s", name);
    return function;
}

int view_make_unloaded(void **state)
{
    char *path;

    if (unit_make_directory(state) < 0)
        return -1;
    directory = *state;
    path = unit_path(directory, "state");
    setenv("GENV_TMPDIR", path, 1);
    free(path);
    path = unit_path(directory, "world.json");
    setenv("GENV_SIMULATOR", path, 1);
    free(path);
    view_leave();
    view_set_world("{\"devices\": []}");
    return 0;
}

int view_make(void **state)
{
    if (view_make_unloaded(state) < 0)
        return -1;
    assert_int_equal(VIEW(nvmlInit_v2)(), NVML_SUCCESS);
    return 0;
}

int view_remove(void **state)
{
    if (view)
        VIEW(nvmlShutdown)();
    while (process_count)
        view_kill(processes[process_count - 1]);
    return unit_remove_directory(state);
}

void view_set_world(const char *format, ...)
{
    char *text, *aside = unit_path(directory, "aside"), *path = unit_path(directory, "world.json");
    va_list arguments;

    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) > 0);
    va_end(arguments);
    unit_write(directory, "aside", text);
    assert_int_equal(rename(aside, path), 0);
    free(text);
    free(aside);
    free(path);
}

/* Becomes a process of the tests; @fd closes when it is one. */
static void become_process(uid_t uid, const char *eid, const char *script)
{
    char variable[256];
    char *environment[] = {eid ? variable : NULL, NULL};

    if (uid != (uid_t)-1) {
        require(setgroups(0, NULL) == 0);
        require(setresgid(uid, uid, uid) == 0);
        require(setresuid(uid, uid, uid) == 0);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(variable, sizeof(variable), "GENV_ENVIRONMENT_ID=%s", eid ? eid : "");
    if (script)
        execle("/bin/sh", "sh", "-c", script, NULL, environment);
    else
        execle("/bin/sleep", "sleep", "1000", NULL, environment);
    _exit(127);
}

/* @output: NULL, or a pipe to the script's standard output. */
static pid_t start(uid_t uid, const char *eid, const char *script, int *output)
{
    char byte;
    int fds[2];
    pid_t pid;

    assert_true(process_count < PROCESSES_MAX);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (output)
            dup2(output[1], STDOUT_FILENO);
        become_process(uid, eid, script);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 0); /* until exec(2) has closed the other end */
    close(fds[0]);
    return processes[process_count++] = pid;
}

pid_t view_start(uid_t uid, const char *eid)
{
    return start(uid, eid, NULL, NULL);
}

pid_t view_start_with_child(pid_t *ret_child)
{
    char text[32] = "";
    int output[2];
    pid_t pid;

    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid = start((uid_t)-1, NULL, "sleep 1000 >&2 & echo $!; wait", output);
    close(output[1]);
    assert_true(read(output[0], text, sizeof(text) - 1) > 0);
    close(output[0]);
    assert_true(process_count < PROCESSES_MAX);
    *ret_child = (pid_t)strtol(text, NULL, 10);
    return pid;
}

void view_kill(pid_t pid)
{
    for (size_t i = 0; i < process_count; i++) {
        if (processes[i] != pid)
            continue;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        processes[i] = processes[--process_count];
        return;
    }
}

void view_save(const char *eid, uid_t uid, pid_t member, const struct genv_attachment *attachments, size_t count)
{
    struct genv_process process = {.pid = member, .pid_namespace = proc_pid_namespace()};
    struct genv_env env = {.uid = uid == (uid_t)-1 ? geteuid() : uid,
                           .created = {.tv_sec = 1000000000},
                           .config = GENV_CONFIG_INIT,
                           .processes = &process,
                           .process_count = 1,
                           .attachments = (struct genv_attachment *)attachments,
                           .attachment_count = count};
    struct genv_error err = {0};
    struct proc_stat stat;
    struct store *store;

    assert_int_equal(proc_stat_read(member, &stat), 0);
    process.start_time = stat.start_time;
    copy_string(env.eid, sizeof(env.eid), eid);
    assert_int_equal(store_new(getenv("GENV_TMPDIR"), NULL, NULL, &store, &err), 0);
    if (store_begin(store, STORE_WRITE, &err) < 0 || store_save(store, &env, &err) < 0)
        fail_msg("%s", err.message);
    store_free(store);
}

void view_enter(const char *eid)
{
    setenv("GENV_ENVIRONMENT_ID", eid, 1);
}

void view_leave(void)
{
    unsetenv("GENV_ENVIRONMENT_ID");
}

unsigned view_count(void)
{
    unsigned count = 99;

    assert_int_equal(VIEW(nvmlDeviceGetCount_v2)(&count), NVML_SUCCESS);
    return count;
}

nvmlDevice_t view_handle(unsigned index)
{
    nvmlDevice_t device = NULL;

    assert_int_equal(VIEW(nvmlDeviceGetHandleByIndex_v2)(index, &device), NVML_SUCCESS);
    assert_non_null(device);
    return device;
}

nvmlDevice_t view_handle_by_uuid(const char *uuid)
{
    nvmlDevice_t device = NULL;

    assert_int_equal(VIEW(nvmlDeviceGetHandleByUUID)(uuid, &device), NVML_SUCCESS);
    assert_non_null(device);
    return device;
}

static int compare_pid(const void *left, const void *right)
{
    const nvmlProcessInfo_v2_t *a = left, *b = right;

    return (a->pid > b->pid) - (a->pid < b->pid);
}

const char *view_pids(nvmlDevice_t device)
{
    static char text[1024];
    nvmlProcessInfo_v2_t list[PROCESSES_MAX];
    unsigned count = PROCESSES_MAX;
    size_t length = 0;

    assert_int_equal(VIEW(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, list), NVML_SUCCESS);
    qsort(list, count, sizeof(*list), compare_pid);
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, " %u", list[i].pid);
    return text;
}
