/* A day of looks and scrapes does not grow the memory that they take. */
#include <malloc.h>
#include <string.h>

#include "../unit/unit.h"
#include "monitor/history.h"
#include "monitor/metrics.h"
#include "monitor/overview.h"
#include "scene.h"

#define DAY_LOOKS   (24 * 60 * 60 / 10)
#define SLACK_BYTES 1024 /* a single leak in each scrape would be thirty times that */

/* Another environment every hour, another device every other one; work on and off. */
static void move(struct scene *scene, int look)
{
    snprintf(scene->envs[1].eid, sizeof(scene->envs[1].eid), "play-%d", look / 360);
    scene->envs[1].created.tv_sec = look / 360;
    scene->devices[1].index = scene->play[0].index = 1 + look / 720;
    scene->devices[0].sample.utilization = look % 101;
    scene->snapshot.env_count = 1 + look / 90 % 2;
}

static void scrape(const struct scene *scene, const struct idle *idle, const struct history *history)
{
    size_t length;
    cleanup_free char *plain = metrics_render(&scene->observation, idle, false, METRICS_PROMETHEUS, &length);
    cleanup_free char *open = metrics_render(&scene->observation, idle, true, METRICS_OPENMETRICS, &length);
    cleanup_free char *overview = overview_to_json(&scene->observation, idle, false, 10);
    cleanup_free char *snapshots = snapshots_to_json(&scene->observation, true);
    cleanup_free char *points = history_to_json(history);

    assert_true(plain && open && overview && snapshots && points);
}

static void test_a_day(void **state)
{
    struct history *history = history_new();
    struct idle idle = {.count = 0};
    struct scene scene;
    size_t warm = 0;

    (void)state;
    scene_init(&scene);
    for (int look = 0; look < DAY_LOOKS; look++) {
        move(&scene, look);
        scene_pass(&scene, 10);
        assert_int_equal(idle_learn(&idle, &scene.observation), 0);
        assert_int_equal(history_learn(history, &scene.observation), 0);
        if (look % 5 == 0) /* it takes long, and a leak shows all the same */
            scrape(&scene, &idle, history);
        if (look == DAY_LOOKS / 3)
            warm = mallinfo2().uordblks;
    }
    print_message("# in use after eight hours: %zu bytes, after a day: %zu\n", warm, mallinfo2().uordblks);
    assert_true(mallinfo2().uordblks <= warm + SLACK_BYTES);
    idle_release(&idle);
    history_free(history);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_day),
};

UNIT_MAIN(tests)
