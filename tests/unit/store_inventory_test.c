/* The inventory of devices in the state directory. */
#include "store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/inventory.h"

static const struct genv_device device = {.index = 4, .minor = -1, .id.uuid = "GPU-own", .total_memory = 5};

static void an_inventory_is_found_again_under_its_key(void **state)
{
    cleanup_store struct store *store = world_open(state);
    cleanup_free struct genv_device *devices = NULL;
    size_t count = 0;

    assert_int_equal(store_load_inventory(store, "key", &devices, &count), -ENOENT);
    assert_int_equal(store_save_inventory(store, "key", &device, 1), -ENOENT); /* it makes no directory */
    world_save(store, "a", geteuid());
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
    cleanup_store struct store *store = world_open(state);

    skip_unless_root();
    world_save(store, "a", 0);
    unit_write(path, "inventory-60601.json", text);
    world_give(state, "state/inventory-60601.json", USER_B); /* B plants it for A */
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    world_give(state, "state/inventory-60601.json", USER_A);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 2);
    assert_int_equal(unit_fork(USER_B, inventory_of_root_or_own, path), 0);
    assert_int_equal(linkat(AT_FDCWD, own, AT_FDCWD, link, 0), 0); /* a file of A's, linked here */
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
    world_give(state, "state/inventory-0.json", USER_B);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 0);
    /* Whatever is in the place of root's makes way. */
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
    assert_int_equal(unlink(roots), 0);
    assert_int_equal(mkdir(roots, 0777), 0);
    unit_write(roots, "file", "");
    world_give(state, "state/inventory-0.json", USER_B);
    assert_int_equal(store_save_inventory(store, "key", &of_root, 1), 0);
    assert_int_equal(unit_fork(USER_A, inventory_of_root_or_own, path), 1);
}

static const struct CMUnitTest tests[] = {
    TEST(an_inventory_is_found_again_under_its_key),
    TEST(only_roots_inventory_and_ones_own_are_believed),
};

UNIT_MAIN(tests)
