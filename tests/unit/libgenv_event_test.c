/* What the operations tell of: each change once, when it is written, ends that they find included. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "model/event.h"

#define GI (UINT64_C(1) << 30)

/* What a handle told, one event a line. */
struct told {
    struct text text;
    struct timespec last;
    pid_t child;
    char uuids[4][GENV_UUID_SIZE]; /* of the machine's devices */
};

static void replace_number(json_t *json, const char *key, const struct told *told)
{
    json_int_t pid = json_integer_value(json_object_get(json, key));

    json_object_set_new(json, key, json_string(pid == getpid() ? "self" : pid == told->child ? "child" : "?"));
}

static void check_order(struct timespec before, struct timespec after)
{
    require(before.tv_sec < after.tv_sec || (before.tv_sec == after.tv_sec && before.tv_nsec <= after.tv_nsec));
}

static bool reads_again(const char *line)
{
    cleanup_json json_t *json = NULL;
    cleanup_free char *again = NULL;
    struct genv_event event;

    if (event_decode(line, strlen(line), &event, NULL) < 0)
        return false;
    json = event_encode(&event);
    again = json ? json_dumps(json, JSON_COMPACT) : NULL;
    return again && strcmp(again, line) == 0;
}

/* Takes an event down as its JSON, whole but for what differs from run to run, which is checked here. */
static void take_down(const struct genv_event *event, void *data)
{
    cleanup_json json_t *json = event_encode(event);
    cleanup_free char *line = json ? json_dumps(json, JSON_COMPACT) : NULL, *rest = NULL;
    struct told *told = data;

    require(line && reads_again(line));
    check_order(told->last, event->time);
    check_order(event->time, clock_now());
    check_order(event->created, event->time);
    told->last = event->time;
    if (*event->attachment.device.uuid) {
        check_order(event->created, event->attachment.time);
        json_object_del(json, "attached");
        if (event->attachment.index >= 0 && event->attachment.index < 4 &&
            strcmp(event->attachment.device.uuid, told->uuids[event->attachment.index]) == 0)
            json_object_set_new(json, "uuid", json_string("its"));
    }
    if (event->process.pid) {
        require(event->process.start_time && event->process.pid_namespace);
        replace_number(json, "pid", told);
        json_object_del(json, "start_time");
        json_object_del(json, "pid_namespace");
    }
    json_object_del(json, "time");
    json_object_del(json, "created");
    if (event->uid == geteuid())
        json_object_del(json, "uid");
    if (event->by == geteuid())
        json_object_del(json, "by");
    rest = json_dumps(json, JSON_COMPACT);
    for (char *c = rest; *c; c++) { /* which the expected texts would have to escape */
        if (*c != '"')
            text_add_bytes(&told->text, c, 1);
    }
    text_add(&told->text, "\n");
}

static void forget(struct told *told)
{
    text_release(&told->text);
}

/* That these events and no others were told since the last call. */
static void check_told(struct told *told, const char *expected)
{
    const char *text = told->text.data ? told->text.data : "";

    if (strcmp(text, expected) != 0)
        print_error("told:\n%sexpected:\n%s", text, expected);
    require(strcmp(text, expected) == 0);
    forget(told);
}

static struct genv *open_and_listen(const char *directory, struct told *told)
{
    struct genv *g = machine_open(directory);
    struct genv_snapshot *snapshot = NULL;

    require(g && genv_snapshot_take(g, GENV_DEPTH_DEVICES, &snapshot, NULL) == 0 && snapshot->device_count == 4);
    for (size_t i = 0; i < 4; i++)
        copy_string(told->uuids[i], GENV_UUID_SIZE, snapshot->devices[i].id.uuid);
    genv_snapshot_free(snapshot);
    genv_listen(g, take_down, told);
    return g;
}

static int activate(struct genv *g, const char *eid, pid_t pid)
{
    const struct genv_activation activation = {
        .eid = eid, .uid = (uid_t)-1, .member = {.pid = pid}, .config = GENV_CONFIG_INIT};

    return genv_activate(g, &activation, NULL, NULL, NULL);
}

static int sleep_on(void *data)
{
    (void)data;
    while (pause() < 0)
        ;
    return 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(unit_wait(pid), -SIGKILL);
}

#define UUID(n) "vendor:nvidia,uuid:its,device:" #n

static void each_change_is_told_once(void **state)
{
    struct told told = {.child = unit_start((uid_t)-1, sleep_on, NULL)};
    cleanup_genv struct genv *g = open_and_listen(*state, &told);
    const struct genv_config config = {.name = "Yesterday", .gpus = 2, .gpu_memory = 4 * GI};
    const struct genv_member self = {.pid = getpid()}, child = {.pid = told.child};

    assert_int_equal(activate(g, "a", getpid()), 0);
    check_told(&told, "{event:created,reason:asked,eid:a}\n"
                      "{event:entered,reason:asked,eid:a,pid:self}\n");
    assert_int_equal(activate(g, "a", getpid()), 0);
    check_told(&told, "");
    assert_int_equal(activate(g, "a", told.child), 0);
    check_told(&told, "{event:entered,reason:asked,eid:a,pid:child}\n");
    assert_int_equal(genv_configure(g, "a", &config, GENV_CONFIG_ALL, NULL, NULL), 0);
    assert_int_equal(genv_configure(g, "a", &config, GENV_CONFIG_ALL, NULL, NULL), 0);
    check_told(&told, "{event:configured,reason:asked,eid:a,name:Yesterday,gpus:2,gpu_memory:4294967296}\n");
    assert_int_equal(machine_attach(g, "a", -1, NULL), 0);
    assert_int_equal(machine_attach(g, "a", -1, NULL), 0);
#define A "eid:a,name:Yesterday,gpus:2,gpu_memory:"
    check_told(&told,
               "{event:attached,reason:asked," A "4294967296," UUID(0) ",capacity:4294967296}\n"
                                                                       "{event:attached,reason:asked," A
                                                                       "4294967296," UUID(1) ",capacity:4294967296}\n");
    assert_int_equal(machine_set_capacity(g, "a", 8 * GI, NULL), 0);
    check_told(&told,
               "{event:configured,reason:asked," A "8589934592}\n"
               "{event:resized,reason:asked," A "8589934592," UUID(0) ",capacity:8589934592}\n"
                                                                      "{event:resized,reason:asked," A
                                                                      "8589934592," UUID(1) ",capacity:8589934592}\n");
    assert_int_equal(genv_detach(g, "a", "1", NULL, NULL), 0);
    check_told(&told, "{event:detached,reason:asked," A "8589934592," UUID(1) ",capacity:8589934592}\n");
    assert_int_equal(genv_detach(g, "a", "1", NULL, NULL), -ENODEV);
    assert_int_equal(machine_attach_index(g, "a", 9, false, NULL), -ENODEV);
    check_told(&told, "");
    assert_int_equal(machine_attach(g, "a", 5, NULL), -ENODEV);
    assert_int_equal(machine_attach(g, "a", 5, NULL), -ENODEV);
    check_told(&told, "{event:detached,reason:unmet," A "8589934592," UUID(0) ",capacity:8589934592}\n");
    assert_int_equal(machine_attach_index(g, "a", 3, false, NULL), 0);
    assert_int_equal(genv_deactivate(g, "a", &child, NULL), 0);
    assert_int_equal(genv_deactivate(g, NULL, &self, NULL), 0);
    assert_int_equal(genv_deactivate(g, NULL, &self, NULL), -ENOENT);
    check_told(&told, "{event:attached,reason:asked," A
                      "8589934592," UUID(3) ",capacity:8589934592}\n"
                                            "{event:left,reason:asked," A "8589934592,pid:child}\n"
                                            "{event:left,reason:left," A "8589934592,pid:self}\n"
                                            "{event:detached,reason:left," A
                                            "8589934592," UUID(3) ",capacity:8589934592}\n"
                                                                  "{event:ended,reason:left," A "8589934592}\n");
#undef A
    end(told.child);
}

static void a_reservation_is_told_whole_or_not_at_all(void **state)
{
    struct told told = {.child = unit_start((uid_t)-1, sleep_on, NULL)};
    cleanup_genv struct genv *g = open_and_listen(*state, &told);
    const struct genv_member self = {.pid = getpid()}, child = {.pid = told.child};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;

    reservation.eid = "r";
    reservation.members = &self;
    reservation.member_count = 1;
    reservation.config.gpus = 5;
    assert_int_equal(genv_reserve(g, &reservation, NULL, NULL, NULL), -ENODEV);
    check_told(&told, "");
    reservation.config.gpus = 1;
    assert_int_equal(genv_reserve(g, &reservation, NULL, NULL, NULL), 0);
    check_told(&told, "{event:created,reason:asked,eid:r,gpus:1}\n"
                      "{event:entered,reason:asked,eid:r,gpus:1,pid:self}\n"
                      "{event:attached,reason:asked,eid:r,gpus:1," UUID(0) "}\n");
    reservation.members = &child;
    reservation.config.gpus = 5;
    reservation.fields = GENV_CONFIG_GPUS;
    assert_int_equal(genv_reserve(g, &reservation, NULL, NULL, NULL), -ENODEV);
    check_told(&told, "");
    reservation.even_detached = true;
    assert_int_equal(genv_reserve(g, &reservation, NULL, NULL, NULL), 1);
    check_told(&told, "{event:entered,reason:asked,eid:r,gpus:5,pid:child}\n"
                      "{event:configured,reason:asked,eid:r,gpus:5}\n"
                      "{event:detached,reason:unmet,eid:r,gpus:5," UUID(0) "}\n");
    end(told.child);
}

static void a_kernel_is_a_member_too(void **state)
{
    struct told told = {.child = -1};
    cleanup_genv struct genv *g = open_and_listen(*state, &told);
    const struct genv_member kernel = {.kernel_id = "f00d"};
    const struct genv_activation activation = {
        .eid = "k", .uid = (uid_t)-1, .member = kernel, .config = {.name = "Notebook", .gpus = -1}};

    setenv("JUPYTER_RUNTIME_DIR", *state, 1);
    unit_write(*state, "kernel-f00d.json", "{}");
    assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    assert_int_equal(genv_deactivate(g, NULL, &kernel, NULL), 0);
    check_told(&told, "{event:created,reason:asked,eid:k,name:Notebook}\n"
                      "{event:entered,reason:asked,eid:k,name:Notebook,kernel:f00d}\n"
                      "{event:left,reason:left,eid:k,name:Notebook,kernel:f00d}\n"
                      "{event:ended,reason:left,eid:k,name:Notebook}\n");
}

/* An environment @eid with two devices, whose only member has ended. */
static void make_dead(const char *directory, const char *eid)
{
    cleanup_genv struct genv *g = machine_open(directory);
    pid_t pid = unit_start((uid_t)-1, sleep_on, NULL);

    assert_int_equal(activate(g, eid, pid), 0);
    assert_int_equal(machine_attach(g, eid, 2, NULL), 0);
    end(pid);
}

#define DEAD                                                                                                           \
    "{event:detached,reason:gone,eid:dead," UUID(0) "}\n"                                                              \
                                                    "{event:detached,reason:gone,eid:dead," UUID(                      \
                                                        1) "}\n"                                                       \
                                                           "{event:ended,reason:gone,eid:dead}\n"

static void look(struct genv *g)
{
    struct genv_snapshot *snapshot = NULL;
    char **eids = NULL;

    require(genv_snapshot_take(g, GENV_DEPTH_DEVICES, &snapshot, NULL) == 0);
    require(genv_find(g, &(struct genv_member){.pid = getpid()}, &eids, NULL) == 0);
    genv_snapshot_free(snapshot);
    free(eids);
}

static void ignore_finding(const struct genv_finding *finding, void *data)
{
    (void)finding;
    (void)data;
}

/* Whoever removes the record has seen the end, whatever became of what was asked for. */
static void an_end_that_is_found_is_told_once(void **state)
{
    struct told told = {.child = -1}, others = {.child = -1};
    cleanup_genv struct genv *g = open_and_listen(*state, &told), *other = open_and_listen(*state, &others);

    make_dead(*state, "dead");
    look(g);
    check_told(&told, "");
    assert_int_equal(activate(g, "a", getpid()), 0);
    assert_int_equal(activate(other, "a", getpid()), 0);
    check_told(&others, "");
    check_told(&told, DEAD "{event:created,reason:asked,eid:a}\n"
                           "{event:entered,reason:asked,eid:a,pid:self}\n");
    make_dead(*state, "dead");
    assert_int_equal(machine_attach(g, "a", 9, NULL), -ENODEV);
    check_told(&told, DEAD);
    make_dead(*state, "dead");
    assert_int_equal(machine_attach(g, "dead", 1, NULL), -ENOENT);
    check_told(&told, DEAD);
    make_dead(*state, "dead");
    genv_diagnose(g, ignore_finding, NULL);
    check_told(&told, DEAD);
    genv_listen(g, NULL, NULL);
    make_dead(*state, "dead");
    assert_int_equal(machine_attach(g, "a", 1, NULL), 0);
    genv_listen(g, take_down, &told);
    assert_int_equal(genv_detach(g, "a", "3", NULL, NULL), -ENODEV);
    check_told(&told, "");
}

static void what_a_reboot_ended_is_told_so(void **state)
{
    static const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    cleanup_free char *junk = unit_path(*state, "state/envs/junk.json");
    struct told told = {.child = -1};
    cleanup_genv struct genv *g = open_and_listen(*state, &told);

    assert_int_equal(activate(g, "a", getpid()), 0);
    forget(&told);
    unit_write(*state, "state/envs/junk.json", "nonsense"); /* is swept, too, and never was an environment */
    assert_int_equal(utimensat(AT_FDCWD, junk, long_ago, 0), 0);
    unit_write(
        *state, "state/envs/old.json",
        "{\"version\":1,\"boot_id\":\"00000000-0000-0000-0000-000000000000\","
        "\"created\":\"2026-11-20T10:14:12Z\",\"processes\":[{\"pid\":1,\"start_time\":1,\"pid_namespace\":1}],"
        "\"attachments\":[{\"uuid\":\"GPU-x\",\"index\":7,\"gpu_memory\":5,\"time\":\"2026-11-20T10:14:13Z\"}]}");
    assert_int_equal(genv_detach(g, "a", NULL, NULL, NULL), 0);
    check_told(&told, "{event:detached,reason:rebooted,eid:old,uuid:GPU-x,device:7,capacity:5}\n"
                      "{event:ended,reason:rebooted,eid:old}\n");
    assert_int_equal(access(junk, F_OK), -1);
}

static void set_file_size(rlim_t size)
{
    struct rlimit limit;

    require(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = size;
    require(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* Nothing can be written: a file is as large as 0 bytes. */
static int fail_to_write(void *directory)
{
    struct told told = {.child = -1};
    struct genv *g = open_and_listen(directory, &told);

    signal(SIGXFSZ, SIG_IGN);
    require(activate(g, "a", getpid()) == 0 && machine_attach(g, "a", 1, NULL) == 0);
    forget(&told);
    set_file_size(0);
    require(activate(g, "b", getpid()) < 0);
    require(activate(g, "a", getppid()) < 0);
    require(machine_set_capacity(g, "a", GI, NULL) < 0);
    require(machine_attach(g, "a", 2, NULL) < 0);
    require(machine_attach(g, "a", 9, NULL) == -ENODEV); /* and leaves attached what it can't detach */
    require(genv_detach(g, "a", NULL, NULL, NULL) < 0);
    check_told(&told, "");
    set_file_size(RLIM_INFINITY);
    require(genv_detach(g, "a", NULL, NULL, NULL) == 0);
    check_told(&told, "{event:detached,reason:asked,eid:a," UUID(0) "}\n");
    genv_close(g);
    return 0;
}

/* Nothing can be removed: the folder is read-only. */
static int fail_to_remove(void *directory)
{
    cleanup_free char *own = unit_path(directory, "own"), *envs = unit_path(directory, "own/state/envs");
    const struct genv_member self = {.pid = getpid()};
    struct told told = {.child = -1};
    struct genv *g;
    pid_t pid;

    require(mkdir(own, 0755) == 0);
    g = open_and_listen(own, &told);
    pid = unit_start((uid_t)-1, sleep_on, NULL);
    require(activate(g, "a", getpid()) == 0 && activate(g, "dead", pid) == 0);
    kill(pid, SIGKILL);
    unit_wait(pid);
    forget(&told);
    require(chmod(envs, 0555) == 0);
    require(genv_deactivate(g, "a", &self, NULL) == -EACCES);
    require(activate(g, "b", getpid()) == -EACCES);
    check_told(&told, "");
    require(chmod(envs, 01777) == 0);
    require(genv_deactivate(g, "a", &self, NULL) == 0);
    check_told(&told, "{event:ended,reason:gone,eid:dead}\n"
                      "{event:left,reason:left,eid:a,pid:self}\n"
                      "{event:ended,reason:left,eid:a}\n");
    genv_close(g);
    return 0;
}

static void what_was_not_written_is_not_told(void **state)
{
    assert_int_equal(unit_fork((uid_t)-1, fail_to_write, *state), 0);
    skip_unless(geteuid() != 0 || unit_can_be_others(), "root can remove what it likes");
    assert_int_equal(unit_fork(geteuid() == 0 ? USER_A : (uid_t)-1, fail_to_remove, *state), 0);
}

static int make_env_and_end(void *directory)
{
    struct genv *g = machine_open(directory);

    require(activate(g, "dead", getpid()) == 0 && machine_attach(g, "dead", 2, NULL) == 0);
    genv_close(g);
    return 0;
}

static int find_nothing(void *directory)
{
    struct told told = {.child = -1};
    struct genv *g = open_and_listen(directory, &told);

    require(activate(g, "b", getpid()) == 0);
    require(machine_attach(g, "b", 2, NULL) == 0);
    check_told(&told,
               "{event:created,reason:asked,eid:b}\n"
               "{event:entered,reason:asked,eid:b,pid:self}\n"
               "{event:attached,reason:asked,eid:b," UUID(0) "}\n"
                                                             "{event:attached,reason:asked,eid:b," UUID(1) "}\n");
    require(genv_deactivate(g, "b", &(struct genv_member){.pid = getpid()}, NULL) == 0);
    genv_close(g);
    return 0;
}

/* A stranger has the devices at once, and leaves the record, with its end, to its owner and root. */
static void whose_environment_it_was_and_who_ended_it_is_told(void **state)
{
    struct told told = {.child = -1};
    cleanup_genv struct genv *g = open_and_listen(*state, &told);
    pid_t pid;

    skip_unless_root();
    assert_int_equal(unit_fork(USER_A, make_env_and_end, *state), 0);
    assert_int_equal(unit_fork(USER_B, find_nothing, *state), 0);
    assert_int_equal(machine_attach(g, "none", 1, NULL), -ENOENT);
    check_told(&told, "{event:detached,reason:gone,eid:dead,uid:60601," UUID(
                          0) "}\n"
                             "{event:detached,reason:gone,eid:dead,uid:60601," UUID(
                                 1) "}\n"
                                    "{event:ended,reason:gone,eid:dead,uid:60601}\n");
    pid = unit_start(USER_A, sleep_on, NULL);
    told.child = pid;
    {
        const struct genv_activation activation = {
            .eid = "for-a", .uid = USER_A, .member = {.pid = pid}, .config = GENV_CONFIG_INIT};

        assert_int_equal(genv_activate(g, &activation, NULL, NULL, NULL), 0);
    }
    assert_int_equal(genv_deactivate(g, "for-a", &(struct genv_member){.pid = pid}, NULL), 0);
    check_told(&told, "{event:created,reason:asked,eid:for-a,uid:60601}\n"
                      "{event:entered,reason:asked,eid:for-a,uid:60601,pid:child}\n"
                      "{event:left,reason:left,eid:for-a,uid:60601,pid:child}\n"
                      "{event:ended,reason:left,eid:for-a,uid:60601}\n");
    end(pid);
}

struct nested {
    struct genv *g;
    int count;
};

static void detach_again(const struct genv_event *event, void *data)
{
    struct nested *nested = data;

    nested->count++;
    if (event->kind == GENV_EVENT_ATTACHED)
        require(genv_detach(nested->g, event->eid, event->attachment.device.uuid, NULL, NULL) == 0);
}

static void who_listens_may_use_the_handle(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct nested nested = {.g = g};

    machine_activate(g, "a");
    genv_listen(g, detach_again, &nested);
    assert_int_equal(machine_attach(g, "a", 3, NULL), 0);
    assert_int_equal(nested.count, 6);
    assert_string_equal(machine_indices(g, "a"), "");
}

static const struct CMUnitTest tests[] = {
    TEST(each_change_is_told_once),
    TEST(a_reservation_is_told_whole_or_not_at_all),
    TEST(a_kernel_is_a_member_too),
    TEST(an_end_that_is_found_is_told_once),
    TEST(what_a_reboot_ended_is_told_so),
    TEST(what_was_not_written_is_not_told),
    TEST(whose_environment_it_was_and_who_ended_it_is_told),
    TEST(who_listens_may_use_the_handle),
};

UNIT_MAIN(tests)
