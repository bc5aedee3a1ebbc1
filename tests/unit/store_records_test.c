/* The records: written, read, swept, and hostile ones. */
#include "store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/text.h"

static void records_are_saved_loaded_and_removed(void **state)
{
    cleanup_store struct store *store = world_open(state), *other = world_open(state);
    struct genv_env env, read;

    world_make_env(&env, "b", geteuid());
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

    world_check_load(other, STORE_READ, "b a"); /* by creation */
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
    world_check_load(other, STORE_READ, "a");
    assert_int_equal(world_count_warnings(), 0);
}

static void identifiers_can_not_leave_the_directory(void **state)
{
    static const char *const eids[] = {"../a", "..", ".", "", "a/b", "/etc/passwd", ".a"};
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(eids); i++) {
        struct genv_env env;

        assert_int_equal(store_load_one(store, eids[i], &env, NULL), -EINVAL);
    }
}

static void dead_records_count_for_nothing_and_are_swept_by_the_next_change(void **state)
{
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};
    struct genv_env env;

    world_save(store, "living", geteuid());
    world_write_dead(state, "state/envs/dead.json", NULL);
    world_write_dead(state, "state/envs/rebooted.json", "00000000-0000-0000-0000-000000000000");
    world_check_load(store, STORE_READ, "living");
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "dead", &env, &err), -ENOENT);
    assert_string_equal(err.message, "environment dead has ended");
    assert_int_equal(store_load_one(store, "rebooted", &env, &err), -ENOENT);
    store_end(store);
    assert_true(world_has(state, "state/envs/dead.json") && world_has(state, "state/envs/rebooted.json"));
    world_check_load(store, STORE_WRITE, "living");
    assert_false(world_has(state, "state/envs/dead.json") || world_has(state, "state/envs/rebooted.json"));
    assert_int_equal(world_count_warnings(), 0);
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
    cleanup_store struct store *store = world_open(state);

    skip_unless_root();
    world_save(store, "living", USER_B);
    world_write_dead(state, "state/envs/dead.json", NULL);
    unit_write(*state, "state/envs/.aside-0123", "half");
    world_give(state, "state/envs/dead.json", USER_A);
    world_give(state, "state/envs/.aside-0123", USER_A);
    assert_int_equal(chmod(envs, 0777), 0); /* the kernel would let him */
    assert_int_equal(unit_fork(USER_B, sweep, path), 1);
    assert_int_equal(chmod(envs, 01777), 0);
    assert_true(world_has(state, "state/envs/dead.json") && world_has(state, "state/envs/.aside-0123"));
    assert_int_equal(unit_fork(USER_A, sweep, path), 1);
    assert_false(world_has(state, "state/envs/dead.json") || world_has(state, "state/envs/.aside-0123"));
    world_write_dead(state, "state/envs/dead.json", NULL);
    unit_write(*state, "state/envs/.aside-0123", "half");
    world_give(state, "state/envs/dead.json", USER_A);
    world_give(state, "state/envs/.aside-0123", USER_A);
    assert_int_equal(unit_fork((uid_t)-1, sweep, path), 1);
    assert_false(world_has(state, "state/envs/dead.json") || world_has(state, "state/envs/.aside-0123"));
    assert_true(world_has(state, "state/envs/living.json"));
}

static void what_killed_writers_left_is_swept_by_changes_alone(void **state)
{
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
    unit_write(*state, "state/envs/.aside-0123456789abcdef", "{\"version\": 1");
    world_check_load(store, STORE_READ, "a");
    assert_true(world_has(state, "state/envs/.aside-0123456789abcdef"));
    world_check_load(store, STORE_WRITE, "a");
    assert_false(world_has(state, "state/envs/.aside-0123456789abcdef"));
    assert_int_equal(world_count_warnings(), 0);
}

static void names_that_are_no_records_are_passed_over_in_silence(void **state)
{
    static const char *const names[] = {"README",   "a.json.bak", ".json", ".hidden.json", "-a.json",
                                        "a b.json", "a.JSON",     "json",  "é.json",       "a:b.json"};
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *directory = unit_path(*state, "state/envs");
    char longest[GENV_EID_MAX + 1] = {0}, name[NAME_MAX + 1];

    memset(longest, 'x', GENV_EID_MAX);
    world_save(store, longest, geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        unit_write(directory, names[i], "garbage");
    snprintf(name, sizeof(name), "%sx.json", longest);
    unit_write(directory, name, "garbage");
    world_check_load(store, STORE_WRITE, longest);
    assert_int_equal(world_count_warnings(), 0);
    assert_int_equal(unit_count_entries(directory), 2 + (int)ARRAY_SIZE(names));
}

static void unreadable_records_give_one_warning_and_harm_nobody(void **state)
{
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *fifo = unit_path(*state, "state/envs/fifo.json"), *large = calloc(1, 1100000);
    cleanup_free char *link = unit_path(*state, "state/envs/link.json"),
                      *dir = unit_path(*state, "state/envs/dir.json"), *junk = unit_path(*state, "state/envs/z.json");
    struct genv_error err = {0};
    struct genv_env env;

    world_save(store, "a", geteuid());
    world_save(store, "b", geteuid());
    unit_write(*state, "state/envs/garbage.json", "\x1b[31mgarbage\n");
    world_check_load(store, STORE_READ, "a b");
    assert_int_equal(world_count_warnings(), 1);
    assert_non_null(strstr(world_warnings.data, "ignoring invalid record /"));
    assert_non_null(strstr(world_warnings.data, "state/envs/garbage.json, owned by "));
    assert_non_null(strstr(world_warnings.data, ": invalid JSON"));
    assert_null(strchr(world_warnings.data, '\x1b'));

    memset(large, ' ', 1099999);
    unit_write(*state, "state/envs/large.json", large);
    unit_write(*state, "state/envs/empty.json", "");
    assert_int_equal(mkfifo(fifo, 0644), 0);
    assert_int_equal(symlink("a.json", link), 0);
    assert_int_equal(mkdir(dir, 0755), 0);
    text_release(&world_warnings);
    world_check_load(store, STORE_WRITE, "a b");
    assert_int_equal(world_count_warnings(), 1);
    assert_non_null(strstr(world_warnings.data, "ignoring 6 invalid records in "));
    assert_null(strstr(world_warnings.data, "stay reserved"));
    unit_write(*state, "state/envs/z.json", "{\"attachments\": [{\"uuid\": \"GPU-z\"}]}"); /* which it blocks */
    text_release(&world_warnings);
    world_check_load(store, STORE_WRITE, "a b z");
    assert_non_null(strstr(world_warnings.data, "7 invalid records in "));
    assert_non_null(strstr(world_warnings.data, "state/envs, such as z.json, owned by "));
    assert_non_null(strstr(world_warnings.data, "; the devices of 1 of them stay reserved until they are removed"));
    assert_int_equal(unlinkat(AT_FDCWD, junk, 0), 0);
    assert_true(world_has(state, "state/envs/garbage.json")); /* whoever wrote it may want to see what went wrong */

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
    cleanup_store struct store *store = world_open(state);
    const struct timespec long_ago[] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    world_save(store, "a", geteuid());
    unit_write(*state, "state/envs/lost.json", "");
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    world_check_load(store, STORE_READ, "a");
    world_check_load(store, STORE_WRITE, "a");
    assert_false(world_has(state, "state/envs/lost.json"));
    assert_int_equal(world_count_warnings(), 0);
}

static void a_record_with_a_second_name_is_refused(void **state)
{
    cleanup_free char *record = unit_path(*state, "state/envs/a.json"), *link = unit_path(*state, "state/envs/b.json");
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
    world_save(store, "c", geteuid());
    assert_int_equal(linkat(AT_FDCWD, record, AT_FDCWD, link, 0), 0);
    world_check_load(store, STORE_WRITE, "c");
    assert_int_equal(world_count_warnings(), 1);
    assert_non_null(strstr(world_warnings.data, "it has more than one hard link"));
    assert_int_equal(unlink(link), 0);
    world_check_load(store, STORE_READ, "a c");
}

static void a_record_is_never_written_too_large_to_be_read(void **state)
{
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};
    struct genv_env env;

    world_save(store, "a", geteuid());
    world_make_env(&env, "a", geteuid());
    env.process_count = 50000;
    env.processes = reallocarray(env.processes, env.process_count, sizeof(*env.processes));
    for (size_t i = 1; i < env.process_count; i++)
        env.processes[i] = env.processes[0];
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_save(store, &env, &err), -EFBIG);
    assert_non_null(strstr(err.message, "too many processes, kernels or devices"));
    store_end(store);
    env_release(&env);
    world_check_load(store, STORE_READ, "a");
}

static void an_old_record_is_touched_so_that_no_cleaner_takes_it(void **state)
{
    cleanup_free char *path = unit_path(*state, "state/envs/a.json");
    cleanup_store struct store *store = world_open(state);
    struct timespec now, times[2] = {{0}, {0}};
    struct stat st;

    world_save(store, "a", geteuid());
    clock_gettime(CLOCK_REALTIME, &now);
    times[0].tv_sec = times[1].tv_sec = now.tv_sec - 23 * 3600;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    world_check_load(store, STORE_READ, "a");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, times[1].tv_sec); /* it is not old yet */
    times[0].tv_sec = times[1].tv_sec = now.tv_sec - 25 * 3600;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    world_check_load(store, STORE_READ, "a");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_mtim.tv_sec >= now.tv_sec);
}

static int load_with_few_descriptors(void *data)
{
    cleanup_env_list struct env_list list = {0};
    struct genv_error err = {0};
    struct store *store;
    int next;

    require(store_new(data, world_remember_warning, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_READ, NULL) == 0);
    next = dup(0);
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next, (rlim_t)next}) == 0);
    close(next);
    require(store_load(store, &list, &err) == -EMFILE);
    require(strstr(err.message, "Too many open files"));
    require(list.count == 0 && world_count_warnings() == 0);
    return 0;
}

static void a_process_without_descriptors_takes_nothing_for_free(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
    assert_int_equal(unit_fork((uid_t)-1, load_with_few_descriptors, path), 0);
}

static const struct CMUnitTest tests[] = {
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
};

UNIT_MAIN(tests)
