/* The state directory: made for everybody, refused where it is planted, and shared by users who do not trust each
 * other.
 */
#include "store_world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The directory */

static void opening_touches_nothing(void **state)
{
    cleanup_store struct store *store = world_open(state);

    assert_int_equal(unit_count_entries(*state), 0);
    store_end(store);
    store_free(NULL);
}

static void a_missing_directory_reads_as_empty(void **state)
{
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};
    struct genv_env env;

    world_check_load(store, STORE_READ, "");
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, &err), -ENOENT);
    assert_string_equal(err.message, "there is no environment a");
    assert_false(store_is_taken(store, "a"));
    store_end(store);
    assert_int_equal(unit_count_entries(*state), 0);
}

static void the_first_change_makes_it_for_everybody(void **state)
{
    cleanup_store struct store *store = world_open(state);
    mode_t before = umask(077);

    world_save(store, "a", geteuid());
    umask(before);
    assert_int_equal(world_mode(state, "state"), S_IFDIR | 01777);
    assert_int_equal(world_mode(state, "state/envs"), S_IFDIR | 01777);
    assert_int_equal(world_mode(state, "state/genv.lock"), S_IFREG | 0666);
    assert_int_equal(world_mode(state, "state/envs/a.json"), S_IFREG | 0645);
    world_check_load(store, STORE_READ, "a");
}

static void a_half_made_directory_is_completed(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = world_open(state);

    assert_int_equal(mkdir(path, 0755), 0); /* killed before it made the rest */
    world_check_load(store, STORE_READ, "");
    world_save(store, "a", geteuid());
    world_check_load(store, STORE_READ, "a");
}

static void slashes_behind_the_path_change_nothing(void **state)
{
    cleanup_free char *path = unit_path(*state, "state//"), *link = unit_path(*state, "link");
    cleanup_free char *linked = unit_path(*state, "link/");
    struct genv_error err = {0};
    struct store *store;

    assert_int_equal(store_new(path, NULL, NULL, &store, NULL), 0);
    world_save(store, "a", geteuid());
    world_check_load(store, STORE_READ, "a");
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
    cleanup_store struct store *store = world_open(state);

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
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
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
        world_check_load(store, STORE_READ, "a");
    }
    assert_false(world_has(state, "state/nowhere"));
}

/* Users */

static void the_owner_of_the_file_is_the_owner_of_the_environment(void **state)
{
    cleanup_store struct store *store = world_open(state);
    struct genv_env env;

    skip_unless_root();
    world_save(store, "a", USER_A);
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
        assert_int_equal(env.uid, USER_A);
        assert_int_equal(store_save(store, &env, NULL), 0); /* root changes it, and it stays A's */
        env_release(&env);
    }
    store_end(store);
    assert_int_equal(world_mode(state, "state/envs/a.json"), S_IFREG | 0645);
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
    cleanup_store struct store *store = world_open(state);

    skip_unless_root();
    world_save(store, "victim", USER_A);
    assert_int_equal(unit_fork(USER_B, attack, path), 0);
    world_check_load(store, STORE_READ, "victim");
    assert_int_equal(unit_count_entries(envs), 1);
}

static int save_own(void *data)
{
    struct genv_error err = {0};
    struct store *store;
    struct genv_env env;

    require(store_new(data, NULL, NULL, &store, NULL) == 0);
    world_make_env(&env, "mine", geteuid());
    require(store_begin(store, STORE_WRITE, &err) == 0);
    return store_save(store, &env, &err) == 0 ? 0 : strstr(err.message, "Permission denied") ? 3 : 4;
}

static void users_share_the_directory_that_one_of_them_made(void **state)
{
    cleanup_free char *path = unit_path(*state, "state");
    cleanup_store struct store *store = world_open(state);
    pid_t first;

    skip_unless_root();
    first = unit_start(USER_A, save_own, path);
    assert_int_equal(unit_wait(first), 0);
    assert_true(world_has(state, "state/envs/mine.json"));
    assert_int_equal(unit_fork(USER_B, save_own, path), 4); /* the name is A's, dead or not, until he or root sweeps */
    world_check_load(store, STORE_WRITE, "");
    assert_int_equal(unit_fork(USER_B, save_own, path), 0);
}

static void a_directory_that_may_not_be_written_is_told(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_store struct store *store = world_open(state);

    skip_unless_root();
    world_save(store, "a", 0);
    assert_int_equal(chmod(envs, 0755), 0);
    assert_int_equal(unit_fork(USER_A, save_own, path), 3);
    world_check_load(store, STORE_READ, "a");
}

static int load_unreadable(void *data)
{
    cleanup_env_list struct env_list list = {0};
    struct store *store;

    require(store_new(data, world_remember_warning, NULL, &store, NULL) == 0);
    require(store_begin(store, STORE_READ, NULL) == 0);
    require(store_load(store, &list, NULL) == 0);
    require(list.count == 1 && strcmp(list.envs[0].eid, "open") == 0);
    require(world_count_warnings() == 1 &&
            strstr(world_warnings.data, "closed.json, owned by 60602: cannot read it: Permission denied"));
    return 0;
}

static void a_record_that_its_owner_hides_is_ignored(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *closed = unit_path(*state, "state/envs/closed.json");
    cleanup_store struct store *store = world_open(state);

    skip_unless_root();
    world_save(store, "open", 0);
    world_save(store, "closed", USER_B);
    assert_int_equal(chmod(closed, 0600), 0);
    assert_int_equal(unit_fork(USER_A, load_unreadable, path), 0);
}

static const struct CMUnitTest tests[] = {
    TEST(opening_touches_nothing),
    TEST(a_missing_directory_reads_as_empty),
    TEST(the_first_change_makes_it_for_everybody),
    TEST(a_half_made_directory_is_completed),
    TEST(slashes_behind_the_path_change_nothing),
    TEST(planted_links_and_files_are_refused),
    TEST(a_planted_lock_stops_changes_but_no_look),
    TEST(the_owner_of_the_file_is_the_owner_of_the_environment),
    TEST(nobody_changes_removes_or_forges_anothers_record),
    TEST(users_share_the_directory_that_one_of_them_made),
    TEST(a_directory_that_may_not_be_written_is_told),
    TEST(a_record_that_its_owner_hides_is_ignored),
};

UNIT_MAIN(tests)
