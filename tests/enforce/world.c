/* What the tests of enforcement share. */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"

#define USES_MAX 1024

struct use {
    unsigned device;
    pid_t pid;
    uint64_t bytes;
};

static struct {
    const char *directory;
    struct use uses[USES_MAX];
    size_t use_count;
    struct act_report last;
    struct violation last_violation;
    size_t reports;
} world;

static void write_world(void)
{
    cleanup_free char *aside = unit_path(world.directory, "aside.json");
    cleanup_free char *path = unit_path(world.directory, "world.json");
    struct text json = TEXT_INIT;

    text_add(&json, "{\"devices\": [");
    for (unsigned device = 0; device < 2; device++) {
        const char *separator = "";

        text_addf(&json, "%s{\"uuid\": \"GPU-%u\", \"processes\": [", device ? ", " : "", device);
        for (size_t i = 0; i < world.use_count; i++) {
            if (world.uses[i].device != device)
                continue;
            text_addf(&json, "%s{\"pid\": %d, \"used_memory\": ", separator, (int)world.uses[i].pid);
            if (world.uses[i].bytes == GENV_UNKNOWN_U64)
                text_add(&json, "null}");
            else
                text_addf(&json, "%llu}", (unsigned long long)world.uses[i].bytes);
            separator = ", ";
        }
        text_add(&json, "]}");
    }
    text_add(&json, "]}");
    assert_non_null(json.data);
    unit_write(world.directory, "aside.json", json.data);
    text_release(&json);
    assert_int_equal(rename(aside, path), 0);
}

int world_main(int (*run_group)(void))
{
    char self[32] = "";

    if (readlink("/proc/self", self, sizeof(self) - 1) < 0 || atoi(self) != (int)getpid()) {
        puts("1..0 # SKIP /proc does not show the processes of this PID namespace");
        return 0;
    }
    return unit_main(run_group);
}

void world_use(unsigned device, pid_t pid, uint64_t bytes)
{
    size_t i = 0;

    while (i < world.use_count && (world.uses[i].pid != pid || world.uses[i].device != device))
        i++;
    if (i < world.use_count)
        world.uses[i] = world.uses[--world.use_count];
    assert_true(world.use_count < USES_MAX);
    if (bytes)
        world.uses[world.use_count++] = (struct use){device, pid, bytes};
    write_world();
}

void world_use_nothing(void)
{
    world.use_count = 0;
    write_world();
}

int world_make(void **state)
{
    cleanup_free char *path = NULL;

    if (unit_make_directory(state) < 0 || chmod(*state, 01777) < 0)
        return -1;
    world.directory = *state;
    world.reports = 0;
    path = unit_path(*state, "world.json");
    setenv("GENV_SIMULATOR", path, 1);
    world_use_nothing();
    return 0;
}

int world_remove(void **state)
{
    unsetenv("GENV_DEVICES");
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return unit_remove_directory(state);
}

static int read_nvml(void *data)
{
    cleanup_free char *path = NULL;

    (void)data;
    require(asprintf(&path, "%s/libnvidia-ml.so.1", getenv("LD_LIBRARY_PATH")) > 0);
    return access(path, R_OK) < 0;
}

bool world_is_users_too(void)
{
    return unit_fork(USER_A, read_nvml, NULL) == 0;
}

struct genv *world_open(void)
{
    cleanup_free char *path = unit_path(world.directory, "state");
    const struct genv_options options = {.state_dir = path, .limits_file = "/nonexistent"};
    struct genv *g = NULL;

    genv_open(&options, &g, NULL);
    return g;
}

void world_activate(struct genv *g, const char *eid, int count, uint64_t gpu_memory)
{
    const struct genv_activation activation = {
        .eid = eid, .uid = (uid_t)-1, .member = {.pid = getpid()}, .config = {.gpus = count, .gpu_memory = gpu_memory}};
    const struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv_error err = {0};

    if (genv_activate(g, &activation, NULL, NULL, &err) < 0 || genv_attach(g, eid, &request, NULL, &err) < 0)
        fail_msg("%s", err.message);
}

size_t world_attached(struct genv *g, const char *eid)
{
    struct genv_env *env = NULL;
    size_t count;

    assert_int_equal(genv_env_get(g, eid, &env, NULL), 0);
    count = env->attachment_count;
    genv_env_free(env);
    return count;
}

static struct allowance allow(const char *username, void *data)
{
    (void)username;
    return (struct allowance){.maximum = {[LIMIT_DEVICES] = *(uint64_t *)data, [LIMIT_MEMORY] = LIMIT_NONE}};
}

void world_survey(struct genv *g, unsigned rules, uint64_t devices, struct violation_list *ret_list)
{
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};
    struct enforce_host host = {.name = ""};
    const struct enforce_request request = {
        .hosts = &host, .host_count = 1, .rules = rules, .allowance = allow, .data = &devices};

    if (genv_snapshot_take(g, GENV_DEPTH_LIVE, &snapshot, &err) < 0)
        fail_msg("%s", err.message);
    host.snapshot = snapshot;
    assert_int_equal(enforce_decide(&request, ret_list, NULL), 0);
    genv_snapshot_free(snapshot);
}

static int wait_for_signals(void *data)
{
    const int *ready = data;

    require(write(ready[1], "r", 1) == 1);
    close(ready[0]), close(ready[1]);
    while (pause() < 0)
        ;
    return 0;
}

pid_t world_start(uid_t uid)
{
    int ready[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = unit_start(uid, wait_for_signals, ready);
    assert_int_equal(read(ready[0], &byte, 1), 1); /* it is that user's by now */
    close(ready[0]), close(ready[1]);
    return pid;
}

pid_t world_start_stubborn(void)
{
    pid_t pid;

    signal(SIGTERM, SIG_IGN); /* before there is a child that a signal could reach first */
    pid = world_start((uid_t)-1);
    signal(SIGTERM, SIG_DFL);
    return pid;
}

bool world_lives(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

void world_end(pid_t pid)
{
    kill(pid, SIGKILL);
    unit_wait(pid);
}

static void take_report(const struct act_report *report, void *data)
{
    cleanup_text struct text sentence = TEXT_INIT;

    (void)data;
    act_report_describe(report, &sentence);
    assert_true(sentence.length > 0 && utf8_is_printable(sentence.data));
    world.last_violation = *report->violation;
    world.last = *report;
    world.last.violation = &world.last_violation;
    world.reports++;
}

static struct acts *make_acts(struct genv *g, const struct act_options *options)
{
    struct acts *acts = NULL;

    assert_int_equal(acts_new(g, options, &acts, NULL), 0);
    return acts;
}

struct acts *world_acts(struct genv *g, bool dry_run, double kill_after_seconds)
{
    return make_acts(
        g, &(struct act_options){
               .dry_run = dry_run, .kill_after_seconds = kill_after_seconds, .own_pids = true, .report = take_report});
}

struct acts *world_acts_by_a_driver(struct genv *g)
{
    return make_acts(g, &(struct act_options){.report = take_report});
}

bool world_matches(size_t count, pid_t pid, enum act_outcome outcome)
{
    const size_t reports = world.reports;

    world.reports = 0;
    if (reports == count && (!count || (world.last.violation->pid == pid && world.last.outcome == outcome)))
        return true;
    dprintf(STDERR_FILENO, "# %zu reports, not %zu of which the last is %s of %d; the last: %s of %d %s\n", reports,
            count, act_outcome_names[outcome], (int)pid, reports ? act_outcome_names[world.last.outcome] : "none",
            reports ? (int)world.last.violation->pid : 0, world.last.err.message);
    return false;
}

void world_survey_and_act(struct genv *g, struct acts *acts, unsigned rules, void (*between)(pid_t pid), pid_t pid)
{
    cleanup_violation_list struct violation_list found = {0};
    struct genv_error err = {0};

    world_survey(g, rules, 1, &found);
    if (between)
        between(pid);
    if (acts_apply(acts, found.items, found.count, &err) < 0)
        fail_msg("%s", err.message);
}
