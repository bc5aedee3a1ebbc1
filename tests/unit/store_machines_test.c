/* Records of other boots, machines and containers. */
#include "store_world.h"

#include <errno.h>
#include <string.h>

#include "base/proc.h"

/* Makes the record "a" of a boot, and (unless NULL) of a machine, that are not these. */
static void send_away(void **state, const char *machine)
{
    cleanup_free char *text = world_content(state, "state/envs/a.json");

    world_edit(state, "state/envs/a.json", "\"boot_id\":\"", WORLD_OTHER_BOOT);
    if (machine && strstr(text, "\"machine\":\""))
        world_edit(state, "state/envs/a.json", "\"machine\":\"", "\"m\":\"");
    if (machine)
        world_edit(state, "state/envs/a.json", "{", machine);
}

static void records_name_the_machine(void **state)
{
    cleanup_free char *text = NULL, *member = NULL;
    cleanup_store struct store *store = world_open(state);
    char machine[MACHINE_SIZE];

    proc_machine(machine);
    skip_unless(*machine, "this machine has no /etc/machine-id");
    world_save(store, "a", geteuid());
    text = world_content(state, "state/envs/a.json");
    assert_true(asprintf(&member, "\"machine\":\"%s\"", machine) > 0);
    assert_non_null(strstr(text, member));
    send_away(state, NULL); /* it rebooted */
    world_check_load(store, STORE_WRITE, "");
    assert_false(world_has(state, "state/envs/a.json"));
}

static void an_environment_of_another_machine_keeps_its_devices(void **state)
{
    cleanup_free char *before = NULL, *after = NULL;
    cleanup_store struct store *store = world_open(state);
    struct genv_error err = {0};
    struct genv_env env;

    world_save(store, "a", geteuid());
    send_away(state, WORLD_OTHER_MACHINE);
    before = world_content(state, "state/envs/a.json");
    world_check_load(store, STORE_WRITE, ""); /* it holds nothing that could be here */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, &err), -ENOTSUP);
    assert_string_equal(err.message, "environment a is on another machine");
    assert_true(store_is_taken(store, "a"));
    store_end(store);
    after = world_content(state, "state/envs/a.json");
    assert_string_equal(before, after);

    world_edit(state, "state/envs/a.json", "{", "{" WORLD_ATTACHMENTS ",");
    world_check_holder(store, "a", 0); /* its PIDs are other processes here */
    assert_int_equal(store_begin(store, STORE_READ, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, NULL), -ENOTSUP);
    store_end(store);
    world_edit(state, "state/envs/a.json", "\"created\"", "\"gpus\":-1,\"created\"");
    world_check_holder(store, "a", 0);
    assert_true(world_has(state, "state/envs/a.json"));
    assert_int_equal(world_count_warnings(), 0); /* whether it is valid is not ours to say either */
}

static void a_record_without_a_machine_is_of_this_one(void **state)
{
    cleanup_store struct store *store = world_open(state);

    world_save(store, "b", geteuid());
    world_write_dead(state, "state/envs/a.json", "00000000-0000-0000-0000-000000000000");
    world_check_load(store, STORE_WRITE, "b");
    assert_false(world_has(state, "state/envs/a.json"));
}

/* A container has its own machine-id, and the boot of its host: each sees, judges and changes what the other made. */
static void a_container_is_on_the_same_machine(void **state)
{
    cleanup_free char *before = NULL, *after = NULL;
    cleanup_store struct store *store = world_open(state);
    struct genv_env env;

    world_save(store, "a", geteuid());
    world_write_dead(state, "state/envs/dead.json", NULL);
    world_edit(state, "state/envs/dead.json", "{", WORLD_OTHER_MACHINE);
    before = world_content(state, "state/envs/a.json");
    if (strstr(before, "\"machine\":\""))
        world_edit(state, "state/envs/a.json", "\"machine\":\"", "\"m\":\"");
    world_edit(state, "state/envs/a.json", "{", WORLD_OTHER_MACHINE);
    world_check_load(store, STORE_WRITE, "a");
    assert_false(world_has(state, "state/envs/dead.json"));
    assert_int_equal(store_begin(store, STORE_WRITE, NULL), 0);
    assert_int_equal(store_load_one(store, "a", &env, NULL), 0);
    assert_int_equal(env.process_count, 1);
    assert_int_equal(store_save(store, &env, NULL), 0);
    store_end(store);
    env_release(&env);
    after = world_content(state, "state/envs/a.json");
    assert_non_null(strstr(after, "\"machine\":\"another\"")); /* after the next boot it is still the first one's */
}

static const struct CMUnitTest tests[] = {
    TEST(records_name_the_machine),
    TEST(an_environment_of_another_machine_keeps_its_devices),
    TEST(a_record_without_a_machine_is_of_this_one),
    TEST(a_container_is_on_the_same_machine),
};

UNIT_MAIN(tests)
