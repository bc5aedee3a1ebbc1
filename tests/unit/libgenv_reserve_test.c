/* Environments come whole or not at all: created or entered, configured and attached in one commit. */
#include "machine.h"

#include <dirent.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/text.h"

#define G ((uint64_t)1000000000)

/* A reservation of @eid by this process, of @gpus devices (-1: none in particular). */
static struct genv_reservation reservation_of(const char *eid, int gpus)
{
    static struct genv_member self;
    struct genv_reservation reservation = GENV_RESERVATION_INIT;

    self = (struct genv_member){.pid = getpid()};
    reservation.eid = eid;
    reservation.members = &self;
    reservation.member_count = 1;
    reservation.config.gpus = gpus;
    return reservation;
}

static void reserve(struct genv *g, const struct genv_reservation *reservation)
{
    struct genv_error err = {0};

    if (genv_reserve(g, reservation, NULL, NULL, &err) != 0)
        fail_msg("%s", err.message);
}

/* Tries what is to be refused, for the reason of @part. */
static void refuse(struct genv *g, const struct genv_reservation *reservation, int code, const char *part)
{
    struct genv_env *env = NULL;
    struct genv_error err = {0};
    bool created = true;

    assert_int_equal(genv_reserve(g, reservation, &env, &created, &err), -code);
    machine_check_error(&err, code, part);
    assert_null(env);
    assert_true(created);
}

/* All records, name and text, as they lie there; free() it. */
static char *read_records(const char *directory)
{
    cleanup_free char *envs = unit_path(directory, "state/envs");
    cleanup_text struct text text = TEXT_INIT;
    struct dirent **entries;
    int count = scandir(envs, &entries, NULL, alphasort);

    text_add(&text, "");
    for (int i = 0; i < count; i++) {
        cleanup_free char *path = unit_path(envs, entries[i]->d_name);
        char content[4096];
        FILE *file = entries[i]->d_name[0] == '.' ? NULL : fopen(path, "r");

        text_addf(&text, "%s\n", entries[i]->d_name);
        if (file) {
            text_add_bytes(&text, content, fread(content, 1, sizeof(content), file));
            fclose(file);
        }
        free(entries[i]);
    }
    free(entries);
    return text_take(&text);
}

/* Counts what becomes of the state: records that are put into place, and locks that are taken. */
struct watch {
    int fd, envs, lock;
};

static struct watch watch_begin(const char *directory)
{
    cleanup_free char *envs = unit_path(directory, "state/envs"), *lock = unit_path(directory, "state/genv.lock");
    struct watch watch = {.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};

    watch.envs = inotify_add_watch(watch.fd, envs, IN_MOVED_TO);
    watch.lock = inotify_add_watch(watch.fd, lock, IN_CLOSE);
    assert_true(watch.envs >= 0 && watch.lock >= 0);
    return watch;
}

static void watch_expect(struct watch *watch, int expected_commits, int expected_locks)
{
    _Alignas(struct inotify_event) char buffer[8192];
    ssize_t n = read(watch->fd, buffer, sizeof(buffer));
    int commits = 0, locks = 0;

    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const void *)(buffer + at);

        commits += event->wd == watch->envs && event->name[0] != '.'; /* the old record goes aside */
        locks += event->wd == watch->lock;
        at += (ssize_t)(sizeof(*event) + event->len);
    }
    close(watch->fd);
    assert_int_equal(commits, expected_commits);
    assert_int_equal(locks, expected_locks);
}

/* One */

static void all_of_it_is_one_commit_under_one_lock(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("a", 2);
    cleanup_env struct genv_env *env = NULL;
    struct watch watch;
    bool created = false;

    machine_activate(g, "other");
    watch = watch_begin(*state);
    machine_activate(g, "two");
    machine_attach(g, "two", 1, NULL);
    watch_expect(&watch, 2, 2); /* so it counts */

    watch = watch_begin(*state);
    assert_int_equal(genv_reserve(g, &reservation, &env, &created, NULL), 0);
    watch_expect(&watch, 1, 1);
    assert_true(created);
    assert_string_equal(env->eid, "a");
    assert_int_equal(env->config.gpus, 2);
    assert_int_equal(env->process_count, 1);
    assert_int_equal(env->attachment_count, 2);
    assert_int_equal(env->attachments[1].index, 2); /* device 0 is that of "two" */
    assert_string_equal(machine_indices(g, "a"), "1,2");

    reservation.config = (struct genv_config){.name = "x", .gpus = 1, .gpu_memory = 4 * G};
    reservation.fields = GENV_CONFIG_ALL;
    genv_env_free(STEAL_POINTER(env));
    watch = watch_begin(*state);
    assert_int_equal(genv_reserve(g, &reservation, &env, &created, NULL), 0);
    watch_expect(&watch, 1, 1);
    assert_false(created);
    assert_string_equal(env->config.name, "x");
    assert_int_equal(env->attachment_count, 1);
    assert_true(env->attachments[0].gpu_memory == 4 * G);
    assert_int_equal(env->attachments[0].index, 1);
}

static void members_come_together(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of(NULL, -1);
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    const struct genv_member members[] = {{.kernel_id = "8d3f"}, {.pid = pid}, {.pid = getpid()}};
    cleanup_env struct genv_env *env = NULL;

    setenv("JUPYTER_RUNTIME_DIR", *state, 1);
    unit_write(*state, "kernel-8d3f.json", "{}");
    reservation.members = members;
    reservation.member_count = ARRAY_SIZE(members);
    assert_int_equal(genv_reserve(g, &reservation, &env, NULL, NULL), 0);
    assert_string_equal(env->eid, "8d3f"); /* the first one's */
    assert_int_equal(env->kernel_count, 1);
    assert_int_equal(env->process_count, 2);
    machine_end(pid);
}

static void devices_are_attached_where_their_count_is_meant(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("a", -1);

    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "");
    reservation.config.gpus = 2; /* of one that is created */
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "");
    reservation.fields = GENV_CONFIG_NAME;
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "");
    reservation.fields = GENV_CONFIG_GPUS;
    reservation.attach = false;
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "");
    reservation.attach = true;
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "0,1");
    reservation.config.gpus = -1; /* no longer configured */
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "a"), "0,1");
    reservation = reservation_of("b", 3);
    reservation.over_subscribe = true;
    reserve(g, &reservation);
    assert_string_equal(machine_indices(g, "b"), "0,2,3");
}

/* Or nothing */

/* A machine whose limits file is @limits. */
static struct genv *open_limited(const char *directory, const char *limits)
{
    cleanup_free char *path = unit_path(directory, "state"), *file = unit_path(directory, "limits.conf");
    const struct genv_options options = {.state_dir = path, .limits_file = file};
    struct genv *g = NULL;

    unit_write(directory, "limits.conf", limits);
    genv_open(&options, &g, NULL);
    return g;
}

static void what_is_refused_creates_nothing(void **state)
{
    cleanup_genv struct genv *g = open_limited(*state, "* devices 3\n");
    const struct genv_member members[] = {{.pid = getpid()}, {.pid = INT32_MAX}};
    struct genv_reservation reservation = reservation_of("holder", 2);
    cleanup_free char *before = NULL, *after = NULL;

    reserve(g, &reservation);
    before = read_records(*state);
    reservation = reservation_of("a", 5);
    refuse(g, &reservation, ENODEV, "cannot attach 5 devices: this machine has 4");
    reservation.config.gpus = 3;
    refuse(g, &reservation, EBUSY, "cannot attach 3 devices: 2 of 4 are available");
    reservation.config.gpus = 2;
    refuse(g, &reservation, EDQUOT, "would hold 4 devices; the limit is 3");
    reservation.config.gpus = 1;
    reservation.members = members;
    reservation.member_count = 2;
    refuse(g, &reservation, ESRCH, "there is no process 2147483647");
    reservation.member_count = 0;
    refuse(g, &reservation, EINVAL, "needs a process or a Jupyter kernel");
    reservation.member_count = 1;
    reservation.config.name[0] = '\n';
    refuse(g, &reservation, EINVAL, "invalid name");
    reservation.config.name[0] = '\0';
    reservation.eid = "../a";
    refuse(g, &reservation, EINVAL, "invalid environment ID");
    reservation.eid = "a";
    setenv("GENV_DEVICES", "many", 1);
    refuse(g, &reservation, EINVAL, "GENV_DEVICES");
    setenv("GENV_DEVICES", "4", 1);
    after = read_records(*state);
    assert_string_equal(after, before);
    reserve(g, &reservation);
}

/* In a container most of them: there is room for all that several environments hold, and each counts. */
static void devices_that_cannot_be_seen_count_for_what_one_may_hold(void **state)
{
    cleanup_genv struct genv *g = open_limited(*state, "* devices 41\n");
    struct genv_reservation reservation = reservation_of("first", 1);

    setenv("GENV_DEVICES", "41", 1);
    reserve(g, &reservation); /* of device 0 */
    reservation = reservation_of("a", 20);
    reserve(g, &reservation);
    reservation = reservation_of("b", 20);
    reserve(g, &reservation);
    assert_int_equal(genv_deactivate(g, "first", reservation.members, NULL), 0);
    setenv("GENV_DEVICES", "1", 1);
    unit_write(*state, "limits.conf", "* devices 40\n");
    reservation = reservation_of("c", 1);
    refuse(g, &reservation, EDQUOT, "would hold 41 devices; the limit is 40");
    unit_write(*state, "limits.conf", "* devices 41\n");
    reserve(g, &reservation);
    setenv("GENV_DEVICES", "4", 1);
}

static void what_is_refused_changes_nothing(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    pid_t pid = unit_start((uid_t)-1, machine_sleep, NULL);
    const struct genv_member other = {.pid = pid};
    struct genv_reservation reservation = reservation_of("a", 2);
    cleanup_free char *before = NULL, *after = NULL;

    reservation.config.gpu_memory = 8 * G;
    reserve(g, &reservation);
    reservation.eid = "b"; /* shares devices 0 and 1 */
    reserve(g, &reservation);
    before = read_records(*state);
    reservation = reservation_of("a", 1);
    reservation.members = &other;
    reservation.config = (struct genv_config){.name = "new", .gpus = 5, .gpu_memory = 4 * G};
    reservation.fields = GENV_CONFIG_ALL;
    refuse(g, &reservation, ENODEV, "cannot attach 5 devices");
    reservation.config.gpus = 1;
    reservation.config.gpu_memory = 12 * G;
    refuse(g, &reservation, EBUSY, "cannot raise the memory capacity on device 0 to 12g");
    reservation.even_detached = true; /* that is no matter of attaching */
    refuse(g, &reservation, EBUSY, "cannot raise the memory capacity on device 0 to 12g");
    setenv("GENV_DEVICES", "many", 1);
    refuse(g, &reservation, EINVAL, "GENV_DEVICES");
    after = read_records(*state);
    assert_string_equal(after, before);
    machine_end(pid);
}

static int reserve_on_a_full_disk(void *data)
{
    struct genv *g = machine_open(data);
    struct genv_reservation reservation = reservation_of("a", 1);
    struct genv_error err = {0};

    signal(SIGXFSZ, SIG_IGN);
    require(setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, 10}) == 0);
    reservation.fields = GENV_CONFIG_ALL;
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EFBIG);
    require(strstr(err.message, "cannot save environment a in "));
    reservation.even_detached = true;
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EFBIG);
    reservation.config.gpus = 5; /* neither can it be attached */
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EFBIG);
    reservation.eid = "new";
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EFBIG);
    require(strstr(err.message, "cannot save environment new in "));
    return 0;
}

static void what_can_not_be_saved_changes_nothing(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("a", 2);
    cleanup_free char *before = NULL, *after = NULL;

    reserve(g, &reservation);
    before = read_records(*state);
    assert_int_equal(unit_fork((uid_t)-1, reserve_on_a_full_disk, *state), 0);
    after = read_records(*state);
    assert_string_equal(after, before);
}

/* Even detached */

static void who_enters_even_detached_is_told_why(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("a", 5);
    struct genv_env *env = NULL;
    struct genv_error err = {0};
    bool created = false;
    struct watch watch;

    machine_activate(g, "other");
    reservation.even_detached = true;
    watch = watch_begin(*state);
    assert_int_equal(genv_reserve(g, &reservation, &env, &created, &err), 1);
    watch_expect(&watch, 1, 1);
    machine_check_error(&err, ENODEV, "cannot attach 5 devices: this machine has 4");
    assert_true(created);
    assert_int_equal(env->config.gpus, 5);
    assert_int_equal(env->attachment_count, 0);
    genv_env_free(env);

    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    reservation.config.gpus = 4;
    reservation.fields = GENV_CONFIG_GPUS;
    assert_int_equal(machine_attach_index(g, "other", 3, false, NULL), 0);
    watch = watch_begin(*state);
    assert_int_equal(genv_reserve(g, &reservation, &env, &created, &err), 1);
    watch_expect(&watch, 1, 1);
    machine_check_error(&err, EBUSY, "cannot attach 4 devices: 3 of 4 are available");
    assert_false(created);
    assert_int_equal(env->config.gpus, 4);
    assert_int_equal(env->attachment_count, 0); /* as genv_attach() leaves it */
    genv_env_free(env);
}

static void a_driver_that_fails_takes_nothing_away(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("a", 2);
    struct genv_error err = {0};

    reserve(g, &reservation);
    reservation.config.gpus = 1;
    reservation.fields = GENV_CONFIG_GPUS;
    reservation.even_detached = true;
    setenv("GENV_DEVICES", "many", 1);
    assert_int_equal(genv_reserve(g, &reservation, NULL, NULL, &err), 1);
    machine_check_error(&err, EINVAL, "GENV_DEVICES");
    setenv("GENV_DEVICES", "4", 1);
    assert_string_equal(machine_indices(g, "a"), "0,1");
}

/* Users */

static int enter_as_another_user(void *data)
{
    struct genv *g = machine_open(data);
    struct genv_reservation reservation = reservation_of("victim", 1);
    struct genv_error err = {0};

    reservation.fields = GENV_CONFIG_ALL;
    reservation.even_detached = true;
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EPERM);
    require(strcmp(err.message, "environment victim belongs to 60601") == 0);
    reservation.eid = "mine";
    reservation.uid = USER_A;
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == -EPERM);
    require(strcmp(err.message, "only root can create environments for other users") == 0);
    reservation.uid = (uid_t)-1;
    require(genv_reserve(g, &reservation, NULL, NULL, &err) == 0);
    return 0;
}

static void nobody_enters_anothers_environment_and_root_leaves_it_theirs(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_reservation reservation = reservation_of("victim", 2);
    cleanup_env struct genv_env *env = NULL;

    skip_unless_root();
    reservation.uid = USER_A;
    reserve(g, &reservation);
    assert_int_equal(unit_fork(USER_B, enter_as_another_user, *state), 0);
    assert_string_equal(machine_indices(g, "victim"), "0,1");
    reservation.config.gpus = 1;
    reservation.fields = GENV_CONFIG_GPUS;
    reserve(g, &reservation);
    assert_int_equal(genv_env_get(g, "victim", &env, NULL), 0);
    assert_int_equal(env->uid, USER_A);
    assert_int_equal(env->attachment_count, 1);
    reservation.uid = USER_B;
    refuse(g, &reservation, EPERM, "environment victim belongs to 60601");
}

static void named_devices_come_together_or_not_at_all(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    static const char *const devices[] = {"2", "0"};
    struct genv_reservation reservation = reservation_of("a", -1), taken = reservation_of("b", 2);
    cleanup_free char *before = NULL, *after = NULL;
    struct genv_env *env;

    reservation.devices = devices;
    reservation.device_count = 2;
    assert_int_equal(genv_reserve(g, &reservation, &env, NULL, NULL), 0);
    assert_int_equal(env->attachment_count, 2);
    assert_int_equal(env->attachments[0].index, 0);
    assert_int_equal(env->attachments[1].index, 2);
    genv_env_free(env);
    reserve(g, &taken); /* 1 and 3 */
    before = read_records(*state);
    reservation.eid = "c";
    reservation.devices = (const char *const[]){"0", "1"};
    refuse(g, &reservation, EBUSY, "device 0");
    reservation.devices = (const char *const[]){"9"};
    reservation.device_count = 1;
    reservation.even_detached = true;
    refuse(g, &reservation, ENODEV, "9");
    after = read_records(*state);
    assert_string_equal(before, after);
    reservation.devices = devices;
    reservation.over_subscribe = true;
    reserve(g, &reservation);
}

static const struct CMUnitTest tests[] = {
    TEST(named_devices_come_together_or_not_at_all),
    TEST(all_of_it_is_one_commit_under_one_lock),
    TEST(members_come_together),
    TEST(devices_are_attached_where_their_count_is_meant),
    TEST(what_is_refused_creates_nothing),
    TEST(devices_that_cannot_be_seen_count_for_what_one_may_hold),
    TEST(what_is_refused_changes_nothing),
    TEST(what_can_not_be_saved_changes_nothing),
    TEST(who_enters_even_detached_is_told_why),
    TEST(a_driver_that_fails_takes_nothing_away),
    TEST(nobody_enters_anothers_environment_and_root_leaves_it_theirs),
};

UNIT_MAIN(tests)
