/* The utilisation of the last minutes. */
#include "scene.h"

#include <string.h>

static struct genv_device devices[2] = {{.id.uuid = "A"}, {.id.uuid = "B"}};
static const struct genv_snapshot snapshot = {.devices = devices, .device_count = 2};

static void learn(struct trends *trends, long now, int a, int b)
{
    devices[0].sample.utilization = a;
    devices[1].sample.utilization = b;
    assert_int_equal(trends_learn(trends, &snapshot, now, 5), 0);
}

static int make(void **state)
{
    memset(devices, 0, sizeof(devices));
    strcpy(devices[0].id.uuid, "A"); /* NOLINT: they have room */
    strcpy(devices[1].id.uuid, "B"); /* NOLINT */
    *state = trends_new();
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    trends_free(*state);
    return 0;
}

static void test_a_look_counts_for_the_time_since_the_last_one(void **state)
{
    learn(*state, 100, 10, 0);
    learn(*state, 102, 30, 0);
    assert_int_equal(trends_value(*state, "A", 1, 0), 30);
    assert_int_equal(trends_value(*state, "A", 1, 1), 30); /* second 101 */
    assert_int_equal(trends_value(*state, "A", 1, 2), 10);
    assert_int_equal(trends_value(*state, "A", 1, 3), TRENDS_UNKNOWN);
}

static void test_time_that_nobody_looked_at_is_unknown(void **state)
{
    learn(*state, 100, 10, 0);
    learn(*state, 110, 30, 0); /* longer than it is held */
    assert_int_equal(trends_value(*state, "A", 1, 0), 30);
    assert_int_equal(trends_value(*state, "A", 1, 1), TRENDS_UNKNOWN);
    assert_int_equal(trends_value(*state, "A", 1, 10), 10);
}

static void test_steps_are_means_that_stay_where_they_are(void **state)
{
    for (long second = 100; second < 120; second++)
        learn(*state, second, second < 110 ? 20 : 60, 0);
    assert_int_equal(trends_value(*state, "A", 10, 0), 60);
    assert_int_equal(trends_value(*state, "A", 10, 1), 20);
    learn(*state, 120, 100, 0); /* a new step begins */
    assert_int_equal(trends_value(*state, "A", 10, 0), 100);
    assert_int_equal(trends_value(*state, "A", 10, 1), 60);
    assert_int_equal(trends_value(*state, "A", 10, 2), 20);
}

static void test_the_mean_of_all_leaves_out_the_unknown(void **state)
{
    learn(*state, 100, 10, 51);
    assert_int_equal(trends_value(*state, TRENDS_ALL, 1, 0), 31);
    learn(*state, 101, 10, GENV_UNKNOWN_INT);
    assert_int_equal(trends_value(*state, TRENDS_ALL, 1, 0), 10);
    assert_int_equal(trends_value(*state, "B", 1, 0), TRENDS_UNKNOWN);
    devices[0].state = GENV_DEVICE_LOST;
    learn(*state, 102, 10, 4);
    assert_int_equal(trends_value(*state, TRENDS_ALL, 1, 0), 4);
    assert_int_equal(trends_value(*state, "A", 1, 0), TRENDS_UNKNOWN);
}

static void test_what_is_longer_ago_than_the_ring_is_forgotten(void **state)
{
    for (long second = 0; second <= TRENDS_SECONDS + 50; second++)
        learn(*state, second, (int)(second % 100), 0);
    assert_int_equal(trends_value(*state, "A", 1, TRENDS_SECONDS - 1), 51);
    assert_int_equal(trends_value(*state, "A", 1, TRENDS_SECONDS), TRENDS_UNKNOWN);
    learn(*state, 10L * TRENDS_SECONDS, 5, 0);
    for (long back = 1; back < TRENDS_SECONDS; back++)
        assert_int_equal(trends_value(*state, "A", 1, back), TRENDS_UNKNOWN);
}

static void test_devices_come_and_go_without_mixing(void **state)
{
    const struct genv_snapshot one = {.devices = &devices[1], .device_count = 1}, none = {.device_count = 0};

    learn(*state, 100, 10, 90);
    assert_int_equal(trends_learn(*state, &one, 101, 5), 0);
    assert_int_equal(trends_value(*state, "A", 1, 0), TRENDS_UNKNOWN);
    assert_int_equal(trends_value(*state, "B", 1, 1), 90);
    assert_int_equal(trends_learn(*state, &none, 102, 5), 0);
    assert_int_equal(trends_value(*state, TRENDS_ALL, 1, 0), TRENDS_UNKNOWN);
    learn(*state, 103, 10, 90);
    assert_int_equal(trends_value(*state, "A", 1, 3), TRENDS_UNKNOWN);
}

static void test_a_device_without_identity_has_no_trend(void **state)
{
    devices[1].id.uuid[0] = '\0';
    learn(*state, 100, 10, 90);
    assert_int_equal(trends_value(*state, "", 1, 0), TRENDS_UNKNOWN);
    assert_int_equal(trends_value(NULL, "A", 1, 0), TRENDS_UNKNOWN);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, make, drop)

static const struct CMUnitTest tests[] = {
    TEST(test_a_look_counts_for_the_time_since_the_last_one), TEST(test_time_that_nobody_looked_at_is_unknown),
    TEST(test_steps_are_means_that_stay_where_they_are),      TEST(test_the_mean_of_all_leaves_out_the_unknown),
    TEST(test_what_is_longer_ago_than_the_ring_is_forgotten), TEST(test_devices_come_and_go_without_mixing),
    TEST(test_a_device_without_identity_has_no_trend),
};
UNIT_MAIN(tests)
