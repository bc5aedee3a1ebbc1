/* Which hosts are asked first. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "policy/placement.h"
#include "policy/select.h"

#define DEVICES 4

/* A host of four devices of 16 GiB each: the first @held are an environment's, with @capacity each. */
struct world {
    struct genv_device devices[DEVICES];
    struct genv_attachment attachments[DEVICES];
    struct genv_env env;
    struct genv_usage usages[DEVICES];
    struct genv_gpu_process process;
    struct genv_snapshot snapshot;
};

static void make(struct world *world, size_t held, uint64_t capacity, size_t strangers)
{
    memset(world, 0, sizeof(*world));
    for (unsigned d = 0; d < DEVICES; d++) {
        world->devices[d] = (struct genv_device){.index = d, .total_memory = UINT64_C(16) << 30};
        snprintf(world->devices[d].id.uuid, GENV_UUID_SIZE, "GPU-%u", d);
        copy_string(world->attachments[d].device.uuid, GENV_UUID_SIZE, world->devices[d].id.uuid);
        world->attachments[d].gpu_memory = capacity;
        world->usages[d].index = DEVICES - 1 - d;
        snprintf(world->usages[d].uuid, GENV_UUID_SIZE, "GPU-%u", DEVICES - 1 - d);
    }
    world->env.attachments = world->attachments;
    world->env.attachment_count = held;
    world->process.usages = world->usages;
    world->process.usage_count = strangers;
    world->snapshot = (struct genv_snapshot){.devices = world->devices,
                                             .device_count = DEVICES,
                                             .envs = &world->env,
                                             .env_count = 1,
                                             .processes = &world->process,
                                             .process_count = 1};
}

static void available_devices_are_counted(void **state)
{
    const uint64_t gib = UINT64_C(1) << 30;
    struct world world;
    size_t quiet;

    (void)state;
    make(&world, 1, 0, 2);
    assert_int_equal(select_available(&world.snapshot, 0, &quiet), 3);
    assert_int_equal(quiet, 1);
    world.devices[2].state = GENV_DEVICE_LOST;
    assert_int_equal(select_available(&world.snapshot, 0, NULL), 2);
    make(&world, 4, 10 * gib, 0);
    assert_int_equal(select_available(&world.snapshot, 0, NULL), 0);
    assert_int_equal(select_available(&world.snapshot, 6 * gib, NULL), 4);
    assert_int_equal(select_available(&world.snapshot, 6 * gib + 1, NULL), 0);
    make(&world, 0, 0, 0);
    assert_int_equal(select_available(&world.snapshot, 17 * gib, NULL), 0);
}

/* Hosts with 4, 1, 2, 2, (silent), 0 devices free, of which strangers use 0, 0, 2, 0, -, 0. */
static void check(size_t gpus, enum placement_policy policy, const char *expected)
{
    static const size_t held[] = {0, 3, 2, 2, 0, 4}, strangers[] = {0, 0, 2, 0, 0, 0};
    const struct genv_snapshot *snapshots[ARRAY_SIZE(held)];
    struct world worlds[ARRAY_SIZE(held)];
    size_t order[ARRAY_SIZE(held)], count;
    char found[32] = "";

    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        make(&worlds[i], held[i], 0, strangers[i]);
        snapshots[i] = i == 4 ? NULL : &worlds[i].snapshot;
    }
    assert_int_equal(placement_order(snapshots, ARRAY_SIZE(held), gpus, 0, policy, order, &count), 0);
    for (size_t i = 0; i < count; i++)
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%zu", order[i]);
    assert_string_equal(found, expected);
}

static void the_host_with_the_least_left_over_comes_first(void **state)
{
    (void)state;
    check(1, PLACEMENT_PACK, "1302");
    check(2, PLACEMENT_PACK, "302");
    check(3, PLACEMENT_PACK, "0");
    check(5, PLACEMENT_PACK, "");
    check(0, PLACEMENT_PACK, "51230");
}

static void or_the_one_with_the_most(void **state)
{
    (void)state;
    check(1, PLACEMENT_SPREAD, "0312");
    check(2, PLACEMENT_SPREAD, "032");
    check(0, PLACEMENT_SPREAD, "02315");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(available_devices_are_counted),
    cmocka_unit_test(the_host_with_the_least_left_over_comes_first),
    cmocka_unit_test(or_the_one_with_the_most),
};

UNIT_MAIN(tests)
