/* What holds devices: found by an allocation, whatever version or fault the record has. */
#include "store_world.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

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
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *before = NULL, *held = NULL, *after = NULL;
    struct genv_env env;

    world_save(store, "asks", geteuid());
    world_save(store, "idle", geteuid());
    unit_write(*state, "state/envs/idle.json", "broken since, and not even read");
    assert_int_equal(world_mode(state, "state/envs/idle.json"), S_IFREG | 0645);
    world_make_env(&env, "holds", geteuid());
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
    assert_int_equal(world_count_warnings(), 0);
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
    cleanup_store struct store *store = world_open(state);
    struct genv_attachment *attachment = calloc(1, sizeof(*attachment));
    struct genv_env env;

    world_save(store, "asks", geteuid());
    world_save(store, "idle", geteuid());
    world_make_env(&env, "holds", geteuid());
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
    cleanup_store struct store *store = world_open(data);
    cleanup_free char *path = unit_path(*(void **)data, "state/envs/silent.json"), *found = NULL;
    cleanup_free char *lock = unit_path(*(void **)data, "state/genv.lock");
    struct genv_error err = {0};

    alarm(30); /* ends the test where it would wait without end */
    if (unit_mount_silent(path, USER_A) < 0)
        return 77;
    found = world_load(store, STORE_READ);
    require(strcmp(found, "good") == 0);
    free(found);
    found = load_holders(store, "good");
    require(strcmp(found, "good") == 0);
    require(store_begin(store, STORE_WRITE, NULL) == 0);
    require(store_is_taken(store, "silent"));
    store_end(store);
    require(unit_mount_silent(lock, USER_A) >= 0);
    free(found);
    found = world_load(store, STORE_READ);
    require(strcmp(found, "good") == 0);
    require(store_begin(store, STORE_WRITE, &err) == -EXDEV && strstr(err.message, "a file system is mounted on"));
    return 0;
}

/* FUSE lets users mount on what they may write: their own files and folders, and the lock. */
static void what_is_mounted_in_the_directory_keeps_nobody_waiting(void **state)
{
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *path = unit_path(*state, "state/envs/silent.json");

    skip_unless_root();
    world_save(store, "good", geteuid());
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

static void what_a_later_version_says_survives_a_change(void **state)
{
    cleanup_store struct store *store = world_open(state);
    cleanup_env_list struct env_list list = {0};
    cleanup_free char *text = NULL;
    struct genv_env *env;

    world_save(store, "a", geteuid());
    world_edit(state, "state/envs/a.json", "{", "{\"lease\":{\"until\":[1]},");
    world_edit(state, "state/envs/a.json", "\"pid\"", "\"host\":\"b\",\"pid\"");
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
    text = world_content(state, "state/envs/a.json");
    assert_non_null(strstr(text, "\"lease\":{\"until\":[1]}"));
    assert_non_null(strstr(text, "\"host\":\"b\""));
    assert_non_null(strstr(text, "\"gpus\":4"));
    assert_int_equal(world_count_warnings(), 0);
}

static void a_record_of_a_later_version_holds_its_devices(void **state)
{
    static const char *const changes[][2] = {
        {"\"version\":1", "\"version\":2," WORLD_ATTACHMENTS},
        {"\"version\":1", "\"version\":1,\"min_version\":2," WORLD_ATTACHMENTS},
        {"\"start_time\":", "\"start_time\":1"}, /* whether it lives is not for this version to say */
        {"\"processes\":[", "\"processes\":7,\"others\":["},
    };
    cleanup_store struct store *store = world_open(state);
    cleanup_free char *before = NULL, *after = NULL;

    world_save(store, "a", geteuid());
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        if (i == 1)
            world_save(store, "a", geteuid());
        world_edit(state, "state/envs/a.json", changes[i][0], changes[i][1]);
        if (i == 3)
            world_edit(state, "state/envs/a.json", "\"version\":1", "\"version\":2");
        free(before);
        before = world_content(state, "state/envs/a.json");
        world_check_holder(store, "a", i == 3 ? 0 : 1);
    }
    after = world_content(state, "state/envs/a.json");
    assert_string_equal(before, after);
    assert_int_equal(world_count_warnings(), 0);
}

static void of_an_invalid_record_the_devices_count(void **state)
{
    cleanup_store struct store *store = world_open(state);

    world_save(store, "a", geteuid());
    world_edit(state, "state/envs/a.json", "\"version\":1", "\"version\":1,\"gpus\":-1," WORLD_ATTACHMENTS);
    world_check_holder(store, "a", 0);
    assert_non_null(strstr(world_warnings.data, "invalid record /"));
    assert_non_null(strstr(world_warnings.data, "a.json, owned by "));
    assert_non_null(strstr(world_warnings.data, ": 'gpus' is not a whole number below 2^31"));
    world_edit(state, "state/envs/a.json", "\"boot_id\":\"", "\"boot_id\":\"0"); /* too long to be read: who knows */
    world_check_holder(store, "a", 0);
    world_edit(state, "state/envs/a.json", "\"boot_id\":\"", WORLD_OTHER_BOOT);
    world_check_load(store, STORE_WRITE, "");
    assert_false(world_has(state, "state/envs/a.json"));
}

static void only_roots_broken_record_stops_an_allocation(void **state)
{
    cleanup_free char *garbage = unit_path(*state, "state/envs/garbage.json");
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};

    skip_unless_root();
    world_save(store, "a", USER_A);
    unit_write(*state, "state/envs/garbage.json", "garbage");
    world_give(state, "state/envs/garbage.json", USER_A);
    for (int i = 0; i < 3; i++) { /* A's; root's, moved here by A; root's, of the mode that records have */
        cleanup_env_list struct env_list list = {0};

        assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
        assert_int_equal(store_load_holders(store, "a", &list, NULL), 0);
        assert_int_equal(list.count, 1);
        assert_int_equal(store_check_known(store, &err), i == 2 ? -EIO : 0);
        store_end(store);
        assert_int_equal(store_check_known(store, NULL), 0);
        world_give(state, "state/envs/garbage.json", 0);
        if (i == 1)
            assert_int_equal(chmod(garbage, 0744), 0);
    }
    assert_non_null(strstr(err.message, "state/envs/garbage.json: invalid JSON"));
    assert_non_null(strstr(err.message, "; fix or remove it"));
}

static const struct CMUnitTest tests[] = {
    TEST(an_allocation_looks_at_holders_and_at_who_asks),        TEST(whatever_loses_the_marks_hides_no_holder),
    TEST(what_is_mounted_in_the_directory_keeps_nobody_waiting), TEST(what_a_later_version_says_survives_a_change),
    TEST(a_record_of_a_later_version_holds_its_devices),         TEST(of_an_invalid_record_the_devices_count),
    TEST(only_roots_broken_record_stops_an_allocation),
};

UNIT_MAIN(tests)
