/* The records: written, read, swept, and kept apart from each other and from hostile users. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/inventory.h"
#include "store/store.h"

/* What the store warned of, one line after the other. */
static struct text warnings;

static void remember_warning(const char *message, void *data)
{
    (void)data;
    text_addf(&warnings, "%s\n", message);
}

static int count_warnings(void)
{
    int count = 0;

    for (const char *at = warnings.data; at && (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

/* The state directory of the test, as yet missing: "TEST/state". */
static int make_state(void **state)
{
    text_release(&warnings);
    return unit_make_directory(state) < 0 || chmod(*state, 01777) < 0 ? -1 : 0;
}

static int remove_state(void **state)
{
    text_release(&warnings);
    return unit_remove_directory(state);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make_state, remove_state)

static struct store *open_store(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    struct store *store;

    assert_int_equal(store_new(path, remember_warning, NULL, &store, NULL), 0);
    return store;
}
DEFINE_CLEANUP(struct store *, cleanup_storep, store_free)
#define cleanup_store cleanup_with(cleanup_storep)

/* An environment that lives as long as this process. */
static void make_env(struct genv_env *env, const char *eid, uid_t uid)
{
    struct genv_process process = {.pid = unit_member(uid), .pid_namespace = proc_pid_namespace()};
    struct proc_stat stat;

    assert_int_equal(proc_stat_read(process.pid, &stat), 0);
    process.start_time = stat.start_time;
    *env = (struct genv_env){.uid = uid, .created = {.tv_sec = 1795169652}, .config = GENV_CONFIG_INIT};
    copy_string(env->eid, sizeof(env->eid), eid);
    assert_int_equal(env_add_process(env, &process), 0);
}

static void save(struct store *store, const char *eid, uid_t uid)
{
    struct genv_env env;

    make_env(&env, eid, uid);
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    env_release(&env);
}

/* The identifiers that are loaded, "a b", free() it. */
static char *load(struct store *store, enum store_access access)
{
    cleanup_env_list struct env_list list = {0};
    struct text text = TEXT_INIT;

    assert_int_equal(store_begin(store, access, NULL), 0);
    assert_int_equal(store_load(store, &list, NULL), 0);
    store_end(store);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s%s", i ? " " : "", list.envs[i].eid);
    return text_take(&text);
}

static void check_load(struct store *store, enum store_access access, const char *expected)
{
    cleanup_free char *found = load(store, access);

    assert_string_equal(found, expected);
}

/* A dead record, of @boot or (NULL) of this boot but of a process that is gone. */
static void write_dead(void **state, const char *name, const char *boot)
{
    cleanup_free char *text = NULL;
    char boot_id[BOOT_ID_SIZE];

    assert_int_equal(proc_boot_id(boot_id), 0);
    assert_true(asprintf(&text,
                         "{\"version\": 1, \"boot_id\": \"%s\", \"created\": \"2026-11-20T10:14:12Z\", \"processes\": "
                         "[{\"pid\": %d, \"start_time\": %d, \"pid_namespace\": %llu}], \"kernels\": [], "
                         "\"attachments\": []}",
                         boot ? boot : boot_id, getpid(), boot ? 0 : 1, (unsigned long long)proc_pid_namespace()) > 0);
    unit_write(*state, name, text);
}

static bool exists(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    struct stat st;

    return lstat(path, &st) == 0;
}

static void give(void **state, const char *name, uid_t uid)
{
    cleanup_free char *path = unit_path(*state, name);

    assert_int_equal(lchown(path, uid, uid), 0);
}

static mode_t mode_of(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

/* The directory */

static void opening_touches_nothing(void **state)
{
    cleanup_store struct store *store = open_store(state);

    assert_int_equal(unit_count_entries(*state), 0);
    store_end(store);
    store_free(NULL);
}

static void a_missing_directory_reads_as_empty(void **state)
{
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};
    struct genv_env env;

    check_load(store, STORE_READ, "");
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, &err), -ENOENT);
    assert_string_equal(err.message, "there is no environment a");
    assert_false(store_is_taken(store, "a"));
    store_end(store);
    assert_int_equal(unit_count_entries(*state), 0);
}

static void the_first_change_makes_it_for_everybody(void **state)
{
    cleanup_store struct store *store = open_store(state);
    mode_t before = umask(077);

    save(store, "a", geteuid());
    umask(before);
    assert_int_equal(mode_of(state, "state"), S_IFDIR | 01777);
    assert_int_equal(mode_of(state, "state/envs"), S_IFDIR | 01777);
    assert_int_equal(mode_of(state, "state/genv.lock"), S_IFREG | 0666);
    assert_int_equal(mode_of(state, "state/envs/a.json"), S_IFREG | 0645);
    check_load(store, STORE_READ, "a");
}

static void a_half_made_directory_is_completed(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = open_store(state);

    assert_int_equal(mkdir(path, 0755), 0); /* killed before it made the rest */
    check_load(store, STORE_READ, "");
    save(store, "a", geteuid());
    check_load(store, STORE_READ, "a");
}

static void slashes_behind_the_path_change_nothing(void **state)
{
    cleanup_free char *path = unit_path(*state, "state//"), *link = unit_path(*state, "link");
    cleanup_free char *linked = unit_path(*state, "link/");
    struct genv_error err = {0};
    struct store *store;

    assert_int_equal(store_new(path, NULL, NULL, &store, NULL), 0);
    save(store, "a", geteuid());
    check_load(store, STORE_READ, "a");
    store_free(store);
    assert_int_equal(symlink("state", link), 0);
    assert_int_equal(store_new(linked, NULL, NULL, &store, NULL), 0);
    assert_int_equal(store_begin(store, STORE_READ, &err), -ENOTDIR);
    store_free(store);
    assert_int_equal(store_new("//", NULL, NULL, &store, NULL), 0);
    assert_string_equal(store_path(store), "/");
    store_free(store);
    assert_int_equal(store_new("//tmp///x/.//", NULL, NULL, &store, NULL), 0);
    assert_string_equal(store_path(store), "/tmp/x/.");
    store_free(store);
}

/* Begins both ways, and wants @part in the reason. */
static void check_refused(void **state, const char *part)
{
    cleanup_store struct store *store = open_store(state);

    for (int i = 0; i < 2; i++) {
        struct genv_error err = {0};

        assert_true(store_begin(store, i ? STORE_WRITE : STORE_READ, &err) < 0);
        if (!strstr(err.message, part))
            fail_msg("\"%s\" instead of \"%s\"", err.message, part);
        assert_true(strlen(err.message) > 20 && utf8_is_printable(err.message));
    }
}

static void planted_links_and_files_are_refused(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *target = unit_path(*state, "target");
    cleanup_free char *envs = unit_path(*state, "state/envs");

    assert_int_equal(mkdir(target, 01777), 0);
    assert_int_equal(symlink("target", path), 0);
    check_refused(state, "state is not a directory, or is a symbolic link");
    assert_int_equal(unlink(path), 0);
    unit_write(*state, "state", "");
    check_refused(state, "state is not a directory, or is a symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 01777), 0);
    assert_int_equal(symlink("../target", envs), 0);
    check_refused(state, "state/envs is not a directory, or is a symbolic link");
    assert_int_equal(unlink(envs), 0);
    unit_write(*state, "state/envs", "");
    check_refused(state, "state/envs is not a directory, or is a symbolic link");
    assert_int_equal(unit_count_entries(target), 0);
}

static void a_planted_lock_stops_changes_but_no_look(void **state)
{
    cleanup_free char *lock = unit_path(*state, "state/genv.lock");
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    for (int i = 0; i < 3; i++) {
        struct genv_error err = {0};

        assert_int_equal(unlink(lock), 0);
        if (i == 0)
            assert_int_equal(symlink("/dev/null", lock), 0);
        else if (i == 1)
            assert_int_equal(mkfifo(lock, 0666), 0);
        else
            assert_int_equal(symlink("nowhere", lock), 0);
        assert_true(store_begin(store, STORE_WRITE, &err) < 0);
        assert_non_null(strstr(err.message, "genv.lock is not a regular file: ask an administrator"));
        check_load(store, STORE_READ, "a");
    }
    assert_false(exists(state, "state/nowhere"));
}

/* Records */

static void records_are_saved_loaded_and_removed(void **state)
{
    cleanup_store struct store *store = open_store(state), *other = open_store(state);
    struct genv_env env, read;

    make_env(&env, "b", geteuid());
    copy_string(env.config.name, sizeof(env.config.name), "Norwegian Wood");
    env.config.gpus = 2;
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    copy_string(env.eid, sizeof(env.eid), "a");
    env.created.tv_sec++;
    assert_int_equal(store_save(store, &env, NULL), 0);
    assert_true(store_is_taken(store, "a"));
    assert_false(store_is_taken(store, "c"));
    store_end(store);
    store_end(store);
    env_release(&env);

    check_load(other, STORE_READ, "b a"); /* by creation */
    assert_int_equal(store_begin(other, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(other, "b", &read, NULL), 0);
    assert_string_equal(read.eid, "b");
    assert_string_equal(read.config.name, "Norwegian Wood");
    assert_int_equal(read.config.gpus, 2);
    assert_int_equal(read.uid, geteuid());
    assert_int_equal(read.process_count, 1);
    env_release(&read);
    store_end(other);

    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_remove(store, "b", NULL), 0);
    assert_int_equal(store_remove(store, "b", NULL), 0);
    store_end(store);
    check_load(other, STORE_READ, "a");
    assert_int_equal(count_warnings(), 0);
}

static void identifiers_can_not_leave_the_directory(void **state)
{
    static const char *const eids[] = {"../a", "..", ".", "", "a/b", "/etc/passwd", ".a"};
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(eids); i++) {
        struct genv_env env;

        assert_int_equal(store_load_one(store, eids[i], &env, NULL), -EINVAL);
    }
}

static void dead_records_count_for_nothing_and_are_swept_by_the_next_change(void **state)
{
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};
    struct genv_env env;

    save(store, "living", geteuid());
    write_dead(state, "state/envs/dead.json", NULL);
    write_dead(state, "state/envs/rebooted.json", "00000000-0000-0000-0000-000000000000");
    check_load(store, STORE_READ, "living");
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "dead", &env, &err), -ENOENT);
    assert_string_equal(err.message, "environment dead has ended");
    assert_int_equal(store_load_one(store, "rebooted", &env, &err), -ENOENT);
    store_end(store);
    assert_true(exists(state, "state/envs/dead.json") && exists(state, "state/envs/rebooted.json"));
    check_load(store, STORE_WRITE, "living");
    assert_false(exists(state, "state/envs/dead.json") || exists(state, "state/envs/rebooted.json"));
    assert_int_equal(count_warnings(), 0);
}

static int sweep(void *data)
{
    cleanup_env_list struct env_list list = {0};
    struct store *store;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_load(store, &list, NULL) == 0);
    store_end(store);
    return (int)list.count;
}

static void only_the_owner_and_root_sweep(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = open_store(state);

    skip_unless_root();
    save(store, "living", USER_B);
    write_dead(state, "state/envs/dead.json", NULL);
    unit_write(*state, "state/envs/.aside-0123", "half");
    give(state, "state/envs/dead.json", USER_A);
    give(state, "state/envs/.aside-0123", USER_A);
    assert_int_equal(chmod(envs, 0777), 0); /* the kernel would let him */
    assert_int_equal(unit_fork(USER_B, sweep, path), 1);
    assert_int_equal(chmod(envs, 01777), 0);
    assert_true(exists(state, "state/envs/dead.json") && exists(state, "state/envs/.aside-0123"));
    assert_int_equal(unit_fork(USER_A, sweep, path), 1);
    assert_false(exists(state, "state/envs/dead.json") || exists(state, "state/envs/.aside-0123"));
    write_dead(state, "state/envs/dead.json", NULL);
    unit_write(*state, "state/envs/.aside-0123", "half");
    give(state, "state/envs/dead.json", USER_A);
    give(state, "state/envs/.aside-0123", USER_A);
    assert_int_equal(unit_fork((uid_t)-1, sweep, path), 1);
    assert_false(exists(state, "state/envs/dead.json") || exists(state, "state/envs/.aside-0123"));
    assert_true(exists(state, "state/envs/living.json"));
}

static void what_killed_writers_left_is_swept_by_changes_alone(void **state)
{
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    unit_write(*state, "state/envs/.aside-0123456789abcdef", "{\"version\": 1");
    check_load(store, STORE_READ, "a");
    assert_true(exists(state, "state/envs/.aside-0123456789abcdef"));
    check_load(store, STORE_WRITE, "a");
    assert_false(exists(state, "state/envs/.aside-0123456789abcdef"));
    assert_int_equal(count_warnings(), 0);
}

static void names_that_are_no_records_are_passed_over_in_silence(void **state)
{
    static const char *const names[] = {"README",   "a.json.bak", ".json", ".hidden.json", "-a.json",
                                        "a b.json", "a.JSON",     "json",  "é.json",       "a:b.json"};
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *directory = unit_path(*state, "state/envs");
    char longest[GENV_EID_MAX + 1] = {0}, name[NAME_MAX + 1];

    memset(longest, 'x', GENV_EID_MAX);
    save(store, longest, geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unit_write(directory, names[i], "garbage");
    snprintf(name, sizeof(name), "%sx.json", longest);
    unit_write(directory, name, "garbage");
    check_load(store, STORE_WRITE, longest);
    assert_int_equal(count_warnings(), 0);
    assert_int_equal(unit_count_entries(directory), 2 + (int)ARRAY_SIZE(names));
}

static void unreadable_records_give_one_warning_and_harm_nobody(void **state)
{
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *fifo = unit_path(*state, "state/envs/fifo.json"), *large = calloc(1, 1100000);
    cleanup_free char *link = unit_path(*state, "state/envs/link.json"),
                      *dir = unit_path(*state, "state/envs/dir.json"), *junk = unit_path(*state, "state/envs/z.json");
    struct genv_error err = {0};
    struct genv_env env;

    save(store, "a", geteuid());
    save(store, "b", geteuid());
    unit_write(*state, "state/envs/garbage.json", "\x1b[31mgarbage\n");
    check_load(store, STORE_READ, "a b");
    assert_int_equal(count_warnings(), 1);
    assert_non_null(strstr(warnings.data, "ignoring /"));
    assert_non_null(strstr(warnings.data, "state/envs/garbage.json of "));
    assert_non_null(strstr(warnings.data, ": invalid JSON"));
    assert_null(strchr(warnings.data, '\x1b'));

    memset(large, ' ', 1099999);
    unit_write(*state, "state/envs/large.json", large);
    unit_write(*state, "state/envs/empty.json", "");
    assert_int_equal(mkfifo(fifo, 0644), 0);
    assert_int_equal(symlink("a.json", link), 0);
    assert_int_equal(mkdir(dir, 0755), 0);
    text_release(&warnings);
    check_load(store, STORE_WRITE, "a b");
    assert_int_equal(count_warnings(), 1);
    assert_non_null(strstr(warnings.data, "ignoring 6 records in "));
    assert_null(strstr(warnings.data, "except the devices"));
    unit_write(*state, "state/envs/z.json", "{\"attachments\": [{\"uuid\": \"GPU-z\"}]}"); /* which it blocks */
    text_release(&warnings);
    check_load(store, STORE_WRITE, "a b z");
    assert_non_null(strstr(warnings.data, "ignoring 7 records in "));
    assert_non_null(strstr(warnings.data, "state/envs, except the devices of 1, such as z.json of "));
    assert_int_equal(unlinkat(AT_FDCWD, junk, 0), 0);
    assert_true(exists(state, "state/envs/garbage.json")); /* whoever wrote it may want to see what went wrong */

    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "fifo", &env, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "state/envs/fifo.json: not a regular file"));
    assert_int_equal(store_load_one(store, "link", &env, &err), -ELOOP);
    assert_int_equal(store_load_one(store, "large", &env, &err), -EFBIG);
    assert_int_equal(store_load_one(store, "garbage", &env, &err), -EINVAL);
    assert_true(store_is_taken(store, "garbage") && store_is_taken(store, "link") && store_is_taken(store, "dir"));
}

static void what_a_power_loss_emptied_is_swept(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/envs/lost.json");
    cleanup_store struct store *store = open_store(state);
    const struct timespec long_ago[] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    save(store, "a", geteuid());
    unit_write(*state, "state/envs/lost.json", "");
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    check_load(store, STORE_READ, "a");
    check_load(store, STORE_WRITE, "a");
    assert_false(exists(state, "state/envs/lost.json"));
    assert_int_equal(count_warnings(), 0);
}

static void a_record_with_a_second_name_is_refused(void **state)
{
    cleanup_free char *record = unit_path(*state, "state/envs/a.json"), *link = unit_path(*state, "state/envs/b.json");
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    save(store, "c", geteuid());
    assert_int_equal(linkat(AT_FDCWD, record, AT_FDCWD, link, 0), 0);
    check_load(store, STORE_WRITE, "c");
    assert_int_equal(count_warnings(), 1);
    assert_non_null(strstr(warnings.data, "it has more than one hard link"));
    assert_int_equal(unlink(link), 0);
    check_load(store, STORE_READ, "a c");
}

static void a_record_is_never_written_too_large_to_be_read(void **state)
{
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};
    struct genv_env env;

    save(store, "a", geteuid());
    make_env(&env, "a", geteuid());
    env.process_count = 50000;
    env.processes = reallocarray(env.processes, env.process_count, sizeof(*env.processes));
    for (size_t i = 1; i < env.process_count; i++)
        env.processes[i] = env.processes[0];
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, &err), -EFBIG);
    assert_non_null(strstr(err.message, "too many processes, kernels or devices"));
    store_end(store);
    env_release(&env);
    check_load(store, STORE_READ, "a");
}

static void an_old_record_is_touched_so_that_no_cleaner_takes_it(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/envs/a.json");
    cleanup_store struct store *store = open_store(state);
    struct timespec now, times[2] = {{0}, {0}};
    struct stat st;

    save(store, "a", geteuid());
    clock_gettime(CLOCK_REALTIME, &now);
    times[0].tv_sec = times[1].tv_sec = now.tv_sec - 23 * 3600;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    check_load(store, STORE_READ, "a");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, times[1].tv_sec); /* it is not old yet */
    times[0].tv_sec = times[1].tv_sec = now.tv_sec - 25 * 3600;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    check_load(store, STORE_READ, "a");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_mtim.tv_sec >= now.tv_sec);
}

static int load_with_few_descriptors(void *data)
{
    cleanup_env_list struct env_list list = {0};
    struct genv_error err = {0};
    struct store *store;
    int next;

    require(store_new(data, remember_warning, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_READ, NULL) == 0);
    next = dup(0);
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, (rlim_t)next}) == 0);
    close(next);
    require(store_load(store, &list, &err) == -EMFILE);
    require(strstr(err.message, "Too many open files"));
    require(list.count == 0 && count_warnings() == 0);
    return 0;
}

static void a_process_without_descriptors_takes_nothing_for_free(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    assert_int_equal(unit_fork((uid_t)-1, load_with_few_descriptors, path), 0);
}

/* The identifiers that an allocation for @eid looks at, free() it. */
static char *load_holders(struct store *store, const char *eid)
{
    cleanup_env_list struct env_list list = {0};
    struct text text = TEXT_INIT;

    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_load_holders(store, eid, &list, NULL), 0);
    store_end(store);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s%s", i ? " " : "", list.envs[i].eid);
    return text_take(&text);
}

static void an_allocation_looks_at_holders_and_at_who_asks(void **state)
{
    struct genv_attachment *attachment = calloc(1, sizeof(*attachment));
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *before = NULL, *held = NULL, *after = NULL;
    struct genv_env env;

    save(store, "asks", geteuid());
    save(store, "idle", geteuid());
    unit_write(*state, "state/envs/idle.json", "broken since, and not even read");
    assert_int_equal(mode_of(state, "state/envs/idle.json"), S_IFREG | 0645);
    make_env(&env, "holds", geteuid());
    *attachment = (struct genv_attachment){.device.uuid = "GPU-a"};
    env.attachments = attachment;
    env.attachment_count = 1;
    before = load_holders(store, "asks");
    assert_string_equal(before, "asks");
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    held = load_holders(store, "asks");
    assert_string_equal(held, "asks holds");
    assert_int_equal(count_warnings(), 0);
    env.attachment_count = 0;
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    after = load_holders(store, "none");
    assert_string_equal(after, "");
    env_release(&env);
}

/* chmod(1), a copy, or a file system whose files all have the same mode. */
static void whatever_loses_the_marks_hides_no_holder(void **state)
{
    static const mode_t modes[] = {0644, 0755, 0777, 0600, 0700, 0666, 0664, 0640, 0754, 0740};
    cleanup_free char *holds = unit_path(*state, "state/envs/holds.json");
    cleanup_free char *idle = unit_path(*state, "state/envs/idle.json");
    cleanup_store struct store *store = open_store(state);
    struct genv_attachment *attachment = calloc(1, sizeof(*attachment));
    struct genv_env env;

    save(store, "asks", geteuid());
    save(store, "idle", geteuid());
    make_env(&env, "holds", geteuid());
    *attachment = (struct genv_attachment){.device.uuid = "GPU-a"};
    env.attachments = attachment;
    env.attachment_count = 1;
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        cleanup_free char *found = NULL;

        assert_int_equal(chmod(holds, modes[i]) | chmod(idle, modes[i]), 0);
        found = load_holders(store, "asks");
        /* what others can write may be nobody's word: only its devices count */
        assert_string_equal(found, modes[i] & 022 ? "asks holds" : "asks holds idle");
    }
    env_release(&env);
}

static int load_beside_silent(void *data)
{
    cleanup_store struct store *store = open_store(data);
    cleanup_free char *path = unit_path(*(void **)data, "state/envs/silent.json"), *found = NULL;
    cleanup_free char *lock = unit_path(*(void **)data, "state/genv.lock");
    struct genv_error err = {0};

    alarm(30); /* ends the test where it would wait without end */
    if (unit_mount_silent(path, USER_A) < 0)
        return 77;
    found = load(store, STORE_READ);
    require(strcmp(found, "good") == 0);
    free(found);
    found = load_holders(store, "good");
    require(strcmp(found, "good") == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_is_taken(store, "silent"));
    store_end(store);
    require(unit_mount_silent(lock, USER_A) >= 0);
    free(found);
    found = load(store, STORE_READ);
    require(strcmp(found, "good") == 0);
    require(store_begin(store, STORE_WRITE, &err) == -EXDEV && strstr(err.message, "a file system is mounted on"));
    return 0;
}

/* FUSE lets users mount on what they may write: their own files and folders, and the lock. */
static void what_is_mounted_in_the_directory_keeps_nobody_waiting(void **state)
{
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *path = unit_path(*state, "state/envs/silent.json");

    skip_unless_root();
    save(store, "good", geteuid());
    for (int i = 0; i < 2; i++) {
        int r;

        if (i == 0)
            assert_int_equal(mkdir(path, 0755), 0);
        else
            unit_write(*state, "state/envs/silent.json", "");
        r = unit_fork((uid_t)-1, load_beside_silent, state);
        skip_unless(r != 77, "may not mount");
        assert_int_equal(r, 0);
        assert_int_equal(remove(path), 0);
    }
}

/* The record @name, saved before, with its first @old replaced. */
static void edit(void **state, const char *name, const char *old, const char *new)
{
    cleanup_free char *path = unit_path(*state, name), *text = NULL, *changed = NULL;
    const char *at;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
    at = strstr(text, old);
    assert_non_null(at);
    assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)) > 0);
    unit_write(*state, name, changed);
    assert_int_equal(chmod(path, 0644), 0); /* it may hold devices now */
}

static char *content(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    char *text = NULL;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
    return text;
}

static void what_a_later_version_says_survives_a_change(void **state)
{
    cleanup_store struct store *store = open_store(state);
    cleanup_env_list struct env_list list = {0};
    cleanup_free char *text = NULL;
    struct genv_env *env;

    save(store, "a", geteuid());
    edit(state, "state/envs/a.json", "{", "{\"lease\":{\"until\":[1]},");
    edit(state, "state/envs/a.json", "\"pid\"", "\"host\":\"b\",\"pid\"");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
        assert_int_equal(i ? store_load(store, &list, NULL) : store_load_holders(store, "a", &list, NULL), 0);
        env = env_list_find(&list, "a");
        assert_non_null(env);
        env->config.gpus = 3 + i;
        assert_int_equal(store_save(store, env, NULL), 0);
        store_end(store);
        env_list_release(&list);
    }
    text = content(state, "state/envs/a.json");
    assert_non_null(strstr(text, "\"lease\":{\"until\":[1]}"));
    assert_non_null(strstr(text, "\"host\":\"b\""));
    assert_non_null(strstr(text, "\"gpus\":4"));
    assert_int_equal(count_warnings(), 0);
}

#define ATTACHMENTS "\"attachments\":[{\"uuid\":\"GPU-a\",\"time\":\"2026-11-20T10:14:12Z\"}]"

#define OTHER_BOOT    "\"boot_id\":\"00000000-0000-0000-0000-000000000000\",\"b\":\""
#define OTHER_MACHINE "{\"machine\":\"another\","

/* The environment @eid, with so many members, holds GPU-a for all and for an allocation, and nobody changes it here. */
static void check_holder(struct store *store, const char *eid, size_t members)
{
    cleanup_env_list struct env_list all = {0}, holders = {0};
    const struct genv_env *env, *holder;
    struct genv_error err = {0};

    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_load(store, &all, NULL), 0);
    assert_int_equal(store_load_holders(store, "nobody", &holders, NULL), 0);
    env = env_list_find(&all, eid);
    holder = env_list_find(&holders, eid);
    assert_true(env && holder);
    assert_int_equal(env->process_count + env->kernel_count, members);
    assert_int_equal(holder->process_count + holder->kernel_count, members);
    assert_non_null(genv_env_attachment(env, "GPU-a"));
    assert_non_null(genv_env_attachment(holder, "GPU-a"));
    assert_int_equal(store_save(store, env, &err), -ENOTSUP);
    assert_non_null(strstr(err.message, "cannot change environment "));
    store_end(store);
}

static void a_record_of_a_later_version_holds_its_devices(void **state)
{
    static const char *const changes[][2] = {
        {"\"version\":1", "\"version\":2," ATTACHMENTS},
        {"\"version\":1", "\"version\":1,\"min_version\":2," ATTACHMENTS},
        {"\"start_time\":", "\"start_time\":1"}, /* whether it lives is not for this version to say */
        {"\"processes\":[", "\"processes\":7,\"others\":["},
    };
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *before = NULL, *after = NULL;

    save(store, "a", geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        if (i == 1)
            save(store, "a", geteuid());
        edit(state, "state/envs/a.json", changes[i][0], changes[i][1]);
        if (i == 3)
            edit(state, "state/envs/a.json", "\"version\":1", "\"version\":2");
        free(before);
        before = content(state, "state/envs/a.json");
        check_holder(store, "a", i == 3 ? 0 : 1);
    }
    after = content(state, "state/envs/a.json");
    assert_string_equal(before, after);
    assert_int_equal(count_warnings(), 0);
}

static void of_an_invalid_record_the_devices_count(void **state)
{
    cleanup_store struct store *store = open_store(state);

    save(store, "a", geteuid());
    edit(state, "state/envs/a.json", "\"version\":1", "\"version\":1,\"gpus\":-1," ATTACHMENTS);
    check_holder(store, "a", 0);
    assert_non_null(strstr(warnings.data, "ignoring everything but the devices of /"));
    assert_non_null(strstr(warnings.data, "a.json of "));
    assert_non_null(strstr(warnings.data, ": 'gpus' is not a whole number below 2^31"));
    edit(state, "state/envs/a.json", "\"boot_id\":\"", "\"boot_id\":\"0"); /* too long to be read: who knows */
    check_holder(store, "a", 0);
    edit(state, "state/envs/a.json", "\"boot_id\":\"", OTHER_BOOT);
    check_load(store, STORE_WRITE, "");
    assert_false(exists(state, "state/envs/a.json"));
}

static void only_roots_broken_record_stops_an_allocation(void **state)
{
    cleanup_free char *garbage = unit_path(*state, "state/envs/garbage.json");
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};

    skip_unless_root();
    save(store, "a", USER_A);
    unit_write(*state, "state/envs/garbage.json", "garbage");
    give(state, "state/envs/garbage.json", USER_A);
    for (int i = 0; i < 3; i++) { /* A's; root's, moved here by A; root's, of the mode that records have */
        cleanup_env_list struct env_list list = {0};

        assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
        assert_int_equal(store_load_holders(store, "a", &list, NULL), 0);
        assert_int_equal(list.count, 1);
        assert_int_equal(store_check_known(store, &err), i == 2 ? -EIO : 0);
        store_end(store);
        assert_int_equal(store_check_known(store, NULL), 0);
        give(state, "state/envs/garbage.json", 0);
        if (i == 1)
            assert_int_equal(chmod(garbage, 0744), 0);
    }
    assert_non_null(strstr(err.message, "state/envs/garbage.json: invalid JSON"));
    assert_non_null(strstr(err.message, "; repair or remove it"));
}

/* Makes the record "a" of a boot, and (unless NULL) of a machine, that are not these. */
static void send_away(void **state, const char *machine)
{
    cleanup_free char *text = content(state, "state/envs/a.json");

    edit(state, "state/envs/a.json", "\"boot_id\":\"", OTHER_BOOT);
    if (machine && strstr(text, "\"machine\":\""))
        edit(state, "state/envs/a.json", "\"machine\":\"", "\"m\":\"");
    if (machine)
        edit(state, "state/envs/a.json", "{", machine);
}

static void records_name_the_machine(void **state)
{
    cleanup_free char *text = NULL, *member = NULL;
    cleanup_store struct store *store = open_store(state);
    char machine[MACHINE_SIZE];

    proc_machine(machine);
    skip_unless(*machine, "this machine has no /etc/machine-id");
    save(store, "a", geteuid());
    text = content(state, "state/envs/a.json");
    assert_true(asprintf(&member, "\"machine\":\"%s\"", machine) > 0);
    assert_non_null(strstr(text, member));
    send_away(state, NULL); /* it rebooted */
    check_load(store, STORE_WRITE, "");
    assert_false(exists(state, "state/envs/a.json"));
}

static void an_environment_of_another_machine_keeps_its_devices(void **state)
{
    cleanup_free char *before = NULL, *after = NULL;
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};
    struct genv_env env;

    save(store, "a", geteuid());
    send_away(state, OTHER_MACHINE);
    before = content(state, "state/envs/a.json");
    check_load(store, STORE_WRITE, ""); /* it holds nothing that could be here */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, &err), -ENOTSUP);
    assert_string_equal(err.message, "environment a is on another machine");
    assert_true(store_is_taken(store, "a"));
    store_end(store);
    after = content(state, "state/envs/a.json");
    assert_string_equal(before, after);

    edit(state, "state/envs/a.json", "{", "{" ATTACHMENTS ",");
    check_holder(store, "a", 0); /* its PIDs are other processes here */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, NULL), -ENOTSUP);
    store_end(store);
    edit(state, "state/envs/a.json", "\"created\"", "\"gpus\":-1,\"created\"");
    check_holder(store, "a", 0);
    assert_true(exists(state, "state/envs/a.json"));
    assert_int_equal(count_warnings(), 0); /* whether it is valid is not ours to say either */
}

static void a_record_without_a_machine_is_of_this_one(void **state)
{
    cleanup_store struct store *store = open_store(state);

    save(store, "b", geteuid());
    write_dead(state, "state/envs/a.json", "00000000-0000-0000-0000-000000000000");
    check_load(store, STORE_WRITE, "b");
    assert_false(exists(state, "state/envs/a.json"));
}

/* A container has its own machine-id, and the boot of its host: each sees, judges and changes what the other made. */
static void a_container_is_on_the_same_machine(void **state)
{
    cleanup_free char *before = NULL, *after = NULL;
    cleanup_store struct store *store = open_store(state);
    struct genv_env env;

    save(store, "a", geteuid());
    write_dead(state, "state/envs/dead.json", NULL);
    edit(state, "state/envs/dead.json", "{", OTHER_MACHINE);
    before = content(state, "state/envs/a.json");
    if (strstr(before, "\"machine\":\""))
        edit(state, "state/envs/a.json", "\"machine\":\"", "\"m\":\"");
    edit(state, "state/envs/a.json", "{", OTHER_MACHINE);
    check_load(store, STORE_WRITE, "a");
    assert_false(exists(state, "state/envs/dead.json"));
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
    assert_int_equal(env.process_count, 1);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    env_release(&env);
    after = content(state, "state/envs/a.json");
    assert_non_null(strstr(after, "\"machine\":\"another\"")); /* after the next boot it is still the first one's */
}

static void a_glance_takes_no_lock(void **state)
{
    cleanup_store struct store *store = open_store(state), *writer = open_store(state);
    struct genv_env env;

    assert_int_equal(store_begin(store, STORE_GLANCE, NULL), 0); /* a missing directory is empty */
    assert_int_equal(store_load_one(store, "a", &env, NULL), -ENOENT);
    store_end(store);
    save(store, "a", geteuid());
    assert_int_equal(store_begin(store, STORE_GLANCE, NULL), 0);
    assert_int_equal(store_begin(writer, STORE_WRITE, NULL), 0); /* which would wait for 10 seconds, and fail */
    assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
    env_release(&env);
}

/* Users */

static void the_owner_of_the_file_is_the_owner_of_the_environment(void **state)
{
    cleanup_store struct store *store = open_store(state);
    struct genv_env env;

    skip_unless_root();
    save(store, "a", USER_A);
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
        assert_int_equal(env.uid, USER_A);
        assert_int_equal(store_save(store, &env, NULL), 0); /* root changes it, and it stays A's */
        env_release(&env);
    }
    store_end(store);
    assert_int_equal(mode_of(state, "state/envs/a.json"), S_IFREG | 0645);
}

static int attack(void *data)
{
    struct genv_error err = {0};
    struct store *store;
    struct genv_env env;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_load_one(store, "victim", &env, NULL) == 0);
    require(store_save(store, &env, &err) == -EPERM); /* as its owner */
    env.uid = USER_B;
    require(store_save(store, &env, &err) == -EPERM); /* as oneself */
    require(strstr(err.message, "cannot save environment victim in ") &&
            strstr(err.message, "Operation not permitted"));
    require(store_remove(store, "victim", &err) == -EPERM);
    require(strstr(err.message, "cannot remove environment victim"));
    copy_string(env.eid, sizeof(env.eid), "forged");
    env.uid = USER_A;
    require(store_save(store, &env, &err) == -EPERM); /* in the victim's name */
    require(!store_is_taken(store, "forged"));
    return 0;
}

static void nobody_changes_removes_or_forges_anothers_record(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = open_store(state);

    skip_unless_root();
    save(store, "victim", USER_A);
    assert_int_equal(unit_fork(USER_B, attack, path), 0);
    check_load(store, STORE_READ, "victim");
    assert_int_equal(unit_count_entries(envs), 1);
}

static int save_own(void *data)
{
    struct genv_error err = {0};
    struct store *store;
    struct genv_env env;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    make_env(&env, "mine", geteuid());
    require(store_begin(store, STORE_WRITE, &err) == 0);
    return store_save(store, &env, &err) == 0 ? 0 : strstr(err.message, "Permission denied") ? 3 : 4;
}

static void users_share_the_directory_that_one_of_them_made(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = open_store(state);
    pid_t first;

    skip_unless_root();
    first = unit_start(USER_A, save_own, path);
    assert_int_equal(unit_wait(first), 0);
    assert_true(exists(state, "state/envs/mine.json"));
    assert_int_equal(unit_fork(USER_B, save_own, path), 4); /* the name is A's, dead or not, until he or root sweeps */
    check_load(store, STORE_WRITE, "");
    assert_int_equal(unit_fork(USER_B, save_own, path), 0);
}

static void a_directory_that_may_not_be_written_is_told(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = open_store(state);

    skip_unless_root();
    save(store, "a", 0);
    assert_int_equal(chmod(envs, 0755), 0);
    assert_int_equal(unit_fork(USER_A, save_own, path), 3);
    check_load(store, STORE_READ, "a");
}

static int load_unreadable(void *data)
{
    cleanup_env_list struct env_list list = {0};
    struct store *store;

    require(store_new(data, remember_warning, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_READ, NULL) == 0);
    require(store_load(store, &list, NULL) == 0);
    require(list.count == 1 && strcmp(list.envs[0].eid, "open") == 0);
    require(count_warnings() == 1 && strstr(warnings.data, "closed.json of 60602: cannot read it: Permission denied"));
    return 0;
}

static void a_record_that_its_owner_hides_is_ignored(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *closed = unit_path(*state, "state/envs/closed.json");
    cleanup_store struct store *store = open_store(state);

    skip_unless_root();
    save(store, "open", 0);
    save(store, "closed", USER_B);
    assert_int_equal(chmod(closed, 0600), 0);
    assert_int_equal(unit_fork(USER_A, load_unreadable, path), 0);
}

/* The lock */

struct crowd {
    const char *path;
    volatile int *inside;
};

static int change_often(void *data)
{
    const struct crowd *crowd = data;
    struct store *store;

    require(store_new(crowd->path, NULL, NULL, &store, NULL) == 0);
    for (int i = 0; i < 50; i++) {
        struct genv_env env;

        require(store_begin(store, STORE_WRITE, NULL) == 0);
        require((*crowd->inside)++ == 0);
        require(store_load_one(store, "counter", &env, NULL) == 0);
        env.config.gpus++;
        require(store_save(store, &env, NULL) == 0);
        require(--*crowd->inside == 0);
        store_end(store);
        env_release(&env);
    }
    store_free(store);
    return 0;
}

static void no_change_is_lost_among_many(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = open_store(state);
    struct crowd crowd = {path, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
    struct genv_env env;
    pid_t pids[6];

    save(store, "counter", geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        pids[i] = unit_start((uid_t)-1, change_often, &crowd);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        assert_int_equal(unit_wait(pids[i]), 0);
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "counter", &env, NULL), 0);
    assert_int_equal(env.config.gpus, -1 + 6 * 50);
    env_release(&env);
    assert_int_equal(unit_count_entries(envs), 1);
    munmap((void *)crowd.inside, 4096);
}

static int open_lock_file(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/genv.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void who_holds_the_lock_stops_no_look_and_is_named_to_who_would_change(void **state)
{
    cleanup_store struct store *store = open_store(state);
    cleanup_free char *holder = NULL;
    struct genv_error err = {0};
    cleanup_close int lock = -1;

    save(store, "a", geteuid());
    lock = open_lock_file(state);
    check_load(store, STORE_READ, "a");
    store_set_timeout(store, 1);
    assert_int_equal(store_begin(store, STORE_WRITE, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.message, "state has been locked for 1 second by "));
    assert_true(asprintf(&holder, "by process %d (", getpid()) > 0);
    if (access("/proc/locks", R_OK) == 0)
        assert_non_null(strstr(err.message, holder));
    close(steal_fd(&lock));
    check_load(store, STORE_WRITE, "a");
}

struct waiter {
    const char *path;
    int inherited[2];
    volatile int *released;
};

static int wait_for_the_lock(void *data)
{
    const struct waiter *waiter = data;
    struct store *store;

    close(waiter->inherited[0]);
    *waiter->released = 1; /* under way */
    require(store_new(waiter->path, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(*waiter->released == 2);
    return 0;
}

static void a_lock_that_is_replaced_while_waiting_is_waited_for_anew(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *lock = unit_path(*state, "state/genv.lock");
    cleanup_store struct store *store = open_store(state);
    struct waiter waiter = {.path = path};
    cleanup_close int old = -1, new = -1;
    pid_t pid;

    waiter.released = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    save(store, "a", geteuid());
    old = waiter.inherited[0] = open_lock_file(state);
    pid = unit_start((uid_t)-1, wait_for_the_lock, &waiter);
    while (*waiter.released == 0)
        usleep(1000);
    usleep(50000); /* let it open the old file; the test holds without, but tests less */
    assert_int_equal(unlink(lock), 0);
    new = open_lock_file(state);
    close(steal_fd(&old));
    usleep(100000); /* let it enter, if it would */
    *waiter.released = 2;
    close(steal_fd(&new));
    assert_int_equal(unit_wait(pid), 0);
    munmap((void *)waiter.released, 4096);
}

static int change_without_end(void *data)
{
    struct store *store;
    struct genv_env env;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_load_one(store, "a", &env, NULL) == 0);
    for (;;)
        require(store_save(store, &env, NULL) == 0);
}

static void a_look_without_the_lock_finds_what_is_being_replaced(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = open_store(state);
    pid_t writer;

    save(store, "a", geteuid());
    writer = unit_start((uid_t)-1, change_without_end, path);
    usleep(50000); /* let it take the lock; the test holds without, but tests less */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    for (int i = 0; i < 5000; i++) {
        struct genv_env env;

        assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
        env_release(&env);
    }
    kill(writer, SIGKILL);
    assert_int_equal(unit_wait(writer), -SIGKILL);
    assert_int_equal(count_warnings(), 0);
}

/* Access locks and inventories */

static void device_locks_are_for_everybody_and_inherited(void **state)
{
    cleanup_close int first = -1, second = -1;
    cleanup_store struct store *store = open_store(state);
    mode_t before = umask(0777);
    int r = store_open_device_lock(store, "GPU-3", &first, NULL);

    umask(before);
    assert_int_equal(r, 0);
    assert_int_equal(mode_of(state, "state/devices"), S_IFDIR | 01777);
    assert_int_equal(mode_of(state, "state/devices/GPU-3.lock"), S_IFREG | 0666);
    assert_int_equal(fcntl(first, F_GETFD), 0);
    assert_int_equal(store_open_device_lock(store, "GPU-3", &second, NULL), 0);
    assert_int_equal(flock(first, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flock(second, LOCK_EX | LOCK_NB), -1);
}

static void a_planted_device_lock_is_refused(void **state)
{
    cleanup_free char *lock = unit_path(*state, "state/devices/GPU-0.lock");
    cleanup_store struct store *store = open_store(state);
    struct genv_error err = {0};
    int fd = -1;

    assert_int_equal(store_open_device_lock(store, "GPU-0", &fd, NULL), 0);
    close(fd);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(symlink("/etc/passwd", lock), 0);
    assert_int_equal(store_open_device_lock(store, "GPU-0", &fd, &err), -ELOOP);
    assert_non_null(strstr(err.message, "state/devices/GPU-0.lock is not a regular file"));
}

static const struct genv_device device = {.index = 4, .minor = -1, .id.uuid = "GPU-own", .total_memory = 5};

static void an_inventory_is_found_again_under_its_key(void **state)
{
    cleanup_store struct store *store = open_store(state);
    cleanup_free struct genv_device *devices = NULL;
    size_t count = 0;

    assert_int_equal(store_load_inventory(store, "key", &devices, &count), -ENOENT);
    assert_int_equal(store_save_inventory(store, "key", &device, 1), -ENOENT); /* it makes no directory */
    save(store, "a", geteuid());
    assert_int_equal(store_save_inventory(store, "key", &device, 1), 0);
    assert_int_equal(store_load_inventory(store, "other", &devices, &count), -ENOENT);
    assert_null(devices);
    assert_int_equal(store_load_inventory(store, "key", &devices, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(devices[0].id.uuid, "GPU-own");
}

static int inventory_of_root_or_own(void *data)
{
    struct genv_device *devices = NULL;
    struct store *store;
    size_t count;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    if (store_load_inventory(store, "key", &devices, &count) < 0)
        return 0;
    return strcmp(devices[0].id.uuid, "GPU-root") == 0 ? 1 : 2;
}

static void only_roots_inventory_and_ones_own_are_believed(void **state)
{
    static const struct genv_device of_root = {.id.uuid = "GPU-root"}, planted = {.id.uuid = "GPU-planted"};
    cleanup_free char *path = unit_path(*state, "state"), *own = unit_path(*state, "state/inventory-60601.json");
    cleanup_free char *roots = unit_path(*state, "state/inventory-0.json");
    cleanup_free char *link = unit_path(*state, "state/link");
    cleanup_free char *text = inventory_encode("key", &planted, 1);
    cleanup_store struct store *store = open_store(state);

    skip_unless_root();
    save(store, "a", 0);
    unit_write(path, "inventory-60601.json", text);
    give(state, "state/inventory-60601.json", USER_B); /* B plants it for A */
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    give(state, "state/inventory-60601.json", USER_A);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 2);
    assert_int_equal(unit_fork(USER_B, inventory_of_root_or_own, path), 0);
    assert_int_equal(linkat(AT_FDCWD, own, AT_FDCWD, link, 0), 0); /* a file of A's, linked here */
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
    give(state, "state/inventory-0.json", USER_B);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    /* Whatever is in the place of root's makes way. */
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
    assert_int_equal(unlink(roots), 0);
    assert_int_equal(mkdir(roots, 0777), 0);
    unit_write(roots, "file", "");
    give(state, "state/inventory-0.json", USER_B);
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
}

static const struct CMUnitTest tests[] = {
    TEST(opening_touches_nothing),
    TEST(a_missing_directory_reads_as_empty),
    TEST(the_first_change_makes_it_for_everybody),
    TEST(a_half_made_directory_is_completed),
    TEST(slashes_behind_the_path_change_nothing),
    TEST(planted_links_and_files_are_refused),
    TEST(a_planted_lock_stops_changes_but_no_look),
    TEST(records_are_saved_loaded_and_removed),
    TEST(identifiers_can_not_leave_the_directory),
    TEST(dead_records_count_for_nothing_and_are_swept_by_the_next_change),
    TEST(only_the_owner_and_root_sweep),
    TEST(what_killed_writers_left_is_swept_by_changes_alone),
    TEST(names_that_are_no_records_are_passed_over_in_silence),
    TEST(unreadable_records_give_one_warning_and_harm_nobody),
    TEST(what_a_power_loss_emptied_is_swept),
    TEST(a_record_with_a_second_name_is_refused),
    TEST(a_record_is_never_written_too_large_to_be_read),
    TEST(an_old_record_is_touched_so_that_no_cleaner_takes_it),
    TEST(a_process_without_descriptors_takes_nothing_for_free),
    TEST(an_allocation_looks_at_holders_and_at_who_asks),
    TEST(whatever_loses_the_marks_hides_no_holder),
    TEST(what_is_mounted_in_the_directory_keeps_nobody_waiting),
    TEST(what_a_later_version_says_survives_a_change),
    TEST(a_record_of_a_later_version_holds_its_devices),
    TEST(of_an_invalid_record_the_devices_count),
    TEST(only_roots_broken_record_stops_an_allocation),
    TEST(records_name_the_machine),
    TEST(an_environment_of_another_machine_keeps_its_devices),
    TEST(a_record_without_a_machine_is_of_this_one),
    TEST(a_container_is_on_the_same_machine),
    TEST(a_glance_takes_no_lock),
    TEST(the_owner_of_the_file_is_the_owner_of_the_environment),
    TEST(nobody_changes_removes_or_forges_anothers_record),
    TEST(users_share_the_directory_that_one_of_them_made),
    TEST(a_directory_that_may_not_be_written_is_told),
    TEST(a_record_that_its_owner_hides_is_ignored),
    TEST(no_change_is_lost_among_many),
    TEST(who_holds_the_lock_stops_no_look_and_is_named_to_who_would_change),
    TEST(a_lock_that_is_replaced_while_waiting_is_waited_for_anew),
    TEST(a_look_without_the_lock_finds_what_is_being_replaced),
    TEST(device_locks_are_for_everybody_and_inherited),
    TEST(a_planted_device_lock_is_refused),
    TEST(an_inventory_is_found_again_under_its_key),
    TEST(only_roots_inventory_and_ones_own_are_believed),
};

UNIT_MAIN(tests)
