/* The last hour, in its order, with its gaps, and no more than that. */
#include <string.h>

#include "../unit/unit.h"
#include "base/json.h"
#include "monitor/history.h"
#include "scene.h"

static json_t *look(struct history *history, struct scene *scene, time_t seconds)
{
    cleanup_free char *text = NULL;
    json_t *json;

    scene_pass(scene, seconds);
    assert_int_equal(history_learn(history, &scene->observation), 0);
    text = history_to_json(history);
    assert_non_null(text);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *values(const json_t *json, const char *host, const char *index, const char *what)
{
    return json_object_get(json_object_get(json_object_get(json_object_get(json, "hosts"), host), index), what);
}

static void test_points(void **state)
{
    cleanup_json json_t *first = NULL, *second = NULL, *third = NULL;
    struct history *history = history_new();
    struct scene scene;

    (void)state;
    scene_init(&scene);
    first = look(history, &scene, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "step")), 10);
    assert_int_equal(json_array_size(json_object_get(first, "times")), 1);
    assert_int_equal(json_integer_value(json_array_get(values(first, "one", "0", "memory"), 0)), 3 * GIB);
    assert_int_equal(json_integer_value(json_array_get(values(first, "one", "0", "utilization"), 0)), 70);
    scene.devices[0].sample.utilization = 5;
    second = look(history, &scene, 1); /* within the same point: the newest counts */
    assert_int_equal(json_array_size(json_object_get(second, "times")), 1);
    assert_int_equal(json_integer_value(json_array_get(values(second, "one", "0", "utilization"), 0)), 5);
    scene.devices[0].sample = (struct genv_sample){GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, 0, 0};
    third = look(history, &scene, 20); /* a point is missing between */
    assert_int_equal(json_array_size(json_object_get(third, "times")), 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(third, "times"), 1)) -
                         json_integer_value(json_array_get(json_object_get(third, "times"), 0)),
                     20);
    assert_true(json_is_null(json_array_get(values(third, "one", "0", "utilization"), 1)));
    assert_true(json_is_null(json_array_get(values(third, "one", "0", "memory"), 1)));
    assert_int_equal(json_integer_value(json_array_get(values(third, "one", "1", "utilization"), 1)), 0);
    history_free(history);
}

static void test_an_hour_and_no_more(void **state)
{
    struct history *history = history_new();
    cleanup_json json_t *last = NULL;
    struct scene scene;

    (void)state;
    scene_init(&scene);
    for (int i = 0; i < 1000; i++) {
        json_decref(last);
        scene.devices[0].sample.utilization = i % 100;
        last = look(history, &scene, 10);
    }
    assert_int_equal(json_array_size(json_object_get(last, "times")), HISTORY_POINTS);
    for (int i = 0; i < HISTORY_POINTS; i++) {
        int wanted = (1000 - HISTORY_POINTS + i) % 100;

        assert_int_equal(json_integer_value(json_array_get(values(last, "one", "0", "utilization"), (size_t)i)),
                         wanted);
    }
    json_decref(last);
    last = look(history, &scene, HISTORY_SECONDS); /* nobody looked for an hour */
    assert_int_equal(json_array_size(json_object_get(last, "times")), 1);
    history_free(history);
}

static void test_devices_come_and_go(void **state)
{
    cleanup_json json_t *before = NULL, *within = NULL, *after = NULL;
    struct history *history = history_new();
    struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.snapshot.device_count = 1;
    json_decref(look(history, &scene, 0));
    scene.snapshot.device_count = 2;
    before = look(history, &scene, 10);
    assert_true(json_is_null(json_array_get(values(before, "one", "1", "utilization"), 0)));
    assert_true(json_is_integer(json_array_get(values(before, "one", "1", "utilization"), 1)));
    scene.snapshot.device_count = 1;
    within = look(history, &scene, HISTORY_SECONDS / 2);
    assert_non_null(values(within, "one", "1", "utilization"));
    after = look(history, &scene, HISTORY_SECONDS / 2);
    assert_null(values(after, "one", "1", "utilization"));
    assert_non_null(values(after, "one", "0", "utilization"));
    history_free(history);
}

static void test_names_are_quoted(void **state)
{
    cleanup_json json_t *json = NULL;
    struct history *history = history_new();
    struct scene scene;

    (void)state;
    scene_init(&scene);
    snprintf(scene.host.name, sizeof(scene.host.name), "a\"b\\é");
    json = look(history, &scene, 0);
    assert_non_null(values(json, "a\"b\\é", "0", "memory"));
    history_free(history);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_points),
    cmocka_unit_test(test_an_hour_and_no_more),
    cmocka_unit_test(test_devices_come_and_go),
    cmocka_unit_test(test_names_are_quoted),
};

UNIT_MAIN(tests)
