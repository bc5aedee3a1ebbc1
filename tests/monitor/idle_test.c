/* Since when an environment has been attached and idle. */
#include <string.h>

#include "../unit/unit.h"
#include "monitor/observation.h"
#include "scene.h"

#define TRAIN 0
#define PLAY  1

/* Goes on by @seconds, looks, and returns how long environment @env has been idle then. */
static double look(struct idle *idle, struct scene *scene, time_t seconds, size_t env)
{
    scene_pass(scene, seconds);
    assert_int_equal(idle_learn(idle, &scene->observation), 0);
    return idle_seconds(idle, &scene->observation, scene->host.name, &scene->envs[env]);
}

static void test_idle_grows_and_ends(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    assert_true(look(&idle, &scene, 0, PLAY) == 0);
    assert_true(look(&idle, &scene, 10, PLAY) == 10);
    assert_true(look(&idle, &scene, 3600, PLAY) == 3610);
    assert_true(idle_seconds(&idle, &scene.observation, "one", &scene.envs[TRAIN]) == 0);
    snprintf(scene.processes[1].eid, sizeof(scene.processes[1].eid), "play"); /* is on the device, which does nothing */
    assert_true(look(&idle, &scene, 10, PLAY) == 3620);
    scene.devices[1].sample.utilization = 1;
    assert_true(look(&idle, &scene, 10, PLAY) == 0);
    scene.devices[1].sample.utilization = 0;
    assert_true(look(&idle, &scene, 10, PLAY) == 0);
    assert_true(look(&idle, &scene, 10, PLAY) == 10);
    idle_release(&idle);
}

static void test_others_work_does_not_count(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.devices[1].sample.utilization = 90; /* by process 42, of nobody */
    look(&idle, &scene, 0, PLAY);
    assert_true(look(&idle, &scene, 10, PLAY) == 10);
    snprintf(scene.processes[0].eid, sizeof(scene.processes[0].eid),
             "play"); /* on a device that it is not attached to */
    assert_true(look(&idle, &scene, 10, PLAY) == 20);
    idle_release(&idle);
}

static void test_unknown_work_is_work(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.devices[0].sample.utilization = GENV_UNKNOWN_INT;
    look(&idle, &scene, 0, TRAIN);
    assert_true(look(&idle, &scene, 10, TRAIN) == 0);
    idle_release(&idle);
}

static void test_detached_is_not_idle(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    look(&idle, &scene, 0, PLAY);
    look(&idle, &scene, 10, PLAY);
    scene.envs[PLAY].attachment_count = 0;
    assert_true(look(&idle, &scene, 10, PLAY) == 0);
    scene.envs[PLAY].attachment_count = 1;
    assert_true(look(&idle, &scene, 10, PLAY) == 0);
    idle_release(&idle);
}

static void test_another_one_of_that_name(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    look(&idle, &scene, 0, PLAY);
    scene.envs[PLAY].created.tv_nsec++;
    assert_true(look(&idle, &scene, 10, PLAY) == 0);
    assert_true(look(&idle, &scene, 10, PLAY) == 10);
    idle_release(&idle);
}

static void test_a_host_that_is_away(void **state)
{
    struct idle idle = {.count = 0};
    struct scene scene;

    (void)state;
    scene_init(&scene);
    look(&idle, &scene, 0, PLAY);
    scene.host.snapshot = NULL;
    look(&idle, &scene, 10, PLAY);
    scene.host.snapshot = &scene.snapshot;
    assert_true(look(&idle, &scene, 10, PLAY) == 20);
    scene.observation.host_count = 0; /* nobody asks it any more */
    look(&idle, &scene, 10, PLAY);
    assert_int_equal(idle.count, 0);
    idle_release(&idle);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_idle_grows_and_ends),      cmocka_unit_test(test_others_work_does_not_count),
    cmocka_unit_test(test_unknown_work_is_work),     cmocka_unit_test(test_detached_is_not_idle),
    cmocka_unit_test(test_another_one_of_that_name), cmocka_unit_test(test_a_host_that_is_away),
};

UNIT_MAIN(tests)
