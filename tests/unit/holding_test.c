/* What a user's environments hold. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "policy/holding.h"

#define GIB     (UINT64_C(1) << 30)
#define DEVICES 3

static struct genv_device devices[2][DEVICES]; /* two hosts, whose devices have the same UUIDs */

static int make(void **state)
{
    (void)state;
    memset(devices, 0, sizeof(devices));
    for (unsigned host = 0; host < 2; host++) {
        for (unsigned d = 0; d < DEVICES; d++) {
            devices[host][d] = (struct genv_device){.index = d, .total_memory = 16 * GIB};
            snprintf(devices[host][d].id.uuid, GENV_UUID_SIZE, "GPU-%u", d);
        }
    }
    return 0;
}

/* Adds an environment that has been attached to one device since then. */
static void add(struct holding *holding, size_t host, unsigned device, uint64_t capacity, time_t since)
{
    struct genv_attachment attachment = {.index = (int)device, .gpu_memory = capacity, .time = {.tv_sec = since}};
    struct genv_env env = {.attachments = &attachment, .attachment_count = 1};

    copy_string(attachment.device.uuid, GENV_UUID_SIZE, devices[host][device].id.uuid);
    assert_int_equal(holding_add(holding, host, &env, devices[host], DEVICES), 0);
}

static void check(const struct holding *holding, uint64_t count, uint64_t memory)
{
    assert_int_equal(holding_total(holding, LIMIT_DEVICES), count);
    assert_true(holding_total(holding, LIMIT_MEMORY) == memory);
}

static void nothing_holds_nothing(void **state)
{
    cleanup_holding struct holding holding = {0};
    struct genv_env env = {.uid = 0};

    (void)state;
    assert_int_equal(holding_add(&holding, 0, &env, devices[0], DEVICES), 0);
    assert_int_equal(holding_add(&holding, 0, &env, NULL, 0), 0);
    check(&holding, 0, 0);
}

static void a_device_counts_whole_or_as_its_capacity(void **state)
{
    cleanup_holding struct holding holding = {0};

    (void)state;
    add(&holding, 0, 0, 0, 1);
    check(&holding, 1, 16 * GIB);
    add(&holding, 0, 1, 5 * GIB, 1);
    check(&holding, 2, 21 * GIB);
    assert_true(held_device_share(&holding.devices[1], LIMIT_MEMORY) == 5 * GIB);
    assert_int_equal(held_device_share(&holding.devices[1], LIMIT_DEVICES), 1);
}

static void a_shared_device_counts_once(void **state)
{
    cleanup_holding struct holding holding = {0};

    (void)state;
    add(&holding, 0, 0, 4 * GIB, 7);
    add(&holding, 0, 0, 5 * GIB, 3);
    check(&holding, 1, 9 * GIB);
    assert_int_equal(holding.devices[0].since.tv_sec, 3); /* the oldest attachment */
    add(&holding, 0, 0, 5 * GIB, 9);
    assert_int_equal(holding.devices[0].since.tv_sec, 3);
    check(&holding, 1, 14 * GIB);
    add(&holding, 0, 0, 5 * GIB, 9); /* no more than there is */
    check(&holding, 1, 16 * GIB);
    add(&holding, 0, 0, 0, 9);
    add(&holding, 0, 0, UINT64_MAX, 9);
    check(&holding, 1, 16 * GIB);
}

static void hosts_are_kept_apart(void **state)
{
    cleanup_holding struct holding holding = {0};

    (void)state;
    add(&holding, 0, 0, 4 * GIB, 1);
    add(&holding, 1, 0, 4 * GIB, 1);
    check(&holding, 2, 8 * GIB);
    assert_int_equal(holding.devices[1].host, 1);
    assert_ptr_equal(holding.devices[1].device, &devices[1][0]);
}

static void what_the_machine_has_lost_is_not_held(void **state)
{
    cleanup_holding struct holding holding = {0};
    struct genv_attachment gone = {.device.uuid = "GPU-gone", .index = -1};
    struct genv_env env = {.attachments = &gone, .attachment_count = 1};

    (void)state;
    assert_int_equal(holding_add(&holding, 0, &env, devices[0], DEVICES), 0);
    check(&holding, 0, 0);
    devices[0][0].id.uuid[0] = '\0'; /* the driver does not tell which it is */
    gone.device.uuid[0] = '\0';
    assert_int_equal(holding_add(&holding, 0, &env, devices[0], DEVICES), 0);
    check(&holding, 0, 0);
}

static void a_capacity_counts_where_the_total_is_unknown(void **state)
{
    cleanup_holding struct holding holding = {0};

    (void)state;
    devices[0][0].total_memory = 0;
    add(&holding, 0, 0, 4 * GIB, 1);
    check(&holding, 1, 4 * GIB);
    add(&holding, 0, 0, 4 * GIB, 1);
    add(&holding, 0, 0, 0, 1); /* the whole device, however much that is */
    check(&holding, 1, 8 * GIB);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(nothing_holds_nothing, make),
    cmocka_unit_test_setup(a_device_counts_whole_or_as_its_capacity, make),
    cmocka_unit_test_setup(a_shared_device_counts_once, make),
    cmocka_unit_test_setup(hosts_are_kept_apart, make),
    cmocka_unit_test_setup(what_the_machine_has_lost_is_not_held, make),
    cmocka_unit_test_setup(a_capacity_counts_where_the_total_is_unknown, make),
};

UNIT_MAIN(tests)
