/* What the exposition says of a host, whole and of each part, and how it is written. */
#include <string.h>

#include "../unit/unit.h"
#include "base/text.h"
#include "monitor/metrics.h"
#include "scene.h"

static const struct idle busy;

static char *render(const struct scene *scene, bool hostnames, enum metrics_format format)
{
    size_t length = 0;
    char *text = metrics_render(&scene->observation, &busy, hostnames, format, &length);

    assert_non_null(text);
    assert_int_equal(strlen(text), length);
    return text;
}

/* Whether @text has the line, whole. */
static bool has(const char *text, const char *line)
{
    size_t length = strlen(line);

    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && at[length] == '\n')
            return true;
    }
    return false;
}

/* Fails unless the scene's metrics have each of @lines, which end with NULL. */
static void expect(const struct scene *scene, bool hostnames, const char *const *lines)
{
    cleanup_free char *text = render(scene, hostnames, METRICS_PROMETHEUS);

    for (; *lines; lines++) {
        if (!has(text, *lines))
            fail_msg("not there: %s\n%s", *lines, text);
    }
}

static void expect_no_series(const struct scene *scene, const char *start)
{
    cleanup_free char *text = render(scene, false, METRICS_PROMETHEUS);
    cleanup_text struct text line = TEXT_INIT;

    text_addf(&line, "\n%s", start);
    if (strstr(text, line.data))
        fail_msg("there is a series %s\n%s", start, text);
}

static void test_everything(void **state)
{
    static const char *const lines[] = {
        "genv_build_info{version=\"0.1.0\"} 1",
        "genv_snapshot_duration_seconds 0.25",
        "genv_host_up 1",
        "genv_is_installed 1",
        "genv_environments_total 2",
        "genv_processes_total 2",
        "genv_attached_devices_total 2",
        "genv_users_total 2",
        "genv_device_info{index=\"1\",uuid=\"GPU-1\",name=\"Test GPU\"} 1",
        "genv_device_temperature{index=\"0\"} 40",
        "genv_device_utilization{index=\"0\"} 70",
        "genv_device_power_watts{index=\"0\"} 60.5",
        "genv_device_memory_used_bytes{index=\"0\"} 3221225472",
        "genv_device_memory_total_bytes{index=\"0\"} 17179869184",
        "genv_device_attached{index=\"0\"} 1",
        "genv_environment_info{eid=\"train\",name=\"name of train\",username=\"ann\"} 1",
        "genv_environment_processes_total{eid=\"train\"} 1",
        "genv_environment_processes_total{eid=\"play\"} 0",
        "genv_environment_attached_devices_total{eid=\"train\"} 1",
        "genv_environment_memory_held_bytes{eid=\"train\"} 4294967296",
        "genv_environment_memory_held_bytes{eid=\"play\"} 17179869184",
        "genv_environment_device_memory_held_bytes{eid=\"train\",device=\"0\"} 4294967296",
        "genv_environment_memory_used_bytes{eid=\"train\"} 3221225472",
        "genv_environment_idle_seconds{eid=\"train\"} 0",
        "genv_process_devices_total{pid=\"41\",eid=\"train\"} 1",
        "genv_process_devices_total{pid=\"42\",eid=\"\"} 1",
        "genv_process_used_gpu_memory_bytes{pid=\"41\",eid=\"train\",device=\"0\"} 3221225472",
        "genv_user_environments_total{username=\"ann\"} 1",
        "genv_user_processes_total{username=\"ann\"} 1",
        "genv_user_attached_devices_total{username=\"ann\"} 1",
        "genv_user_memory_held_bytes{username=\"bob\"} 17179869184",
        "genv_user_memory_used_bytes{username=\"bob\"} 0",
        "# TYPE genv_environments_total untyped",
        "# TYPE genv_device_temperature gauge",
        NULL,
    };
    struct scene scene;

    (void)state;
    scene_init(&scene);
    expect(&scene, false, lines);
}

static void test_names_are_those_rendered(void **state)
{
    struct scene scene;
    size_t types = 0, names = 0;
    cleanup_free char *text = NULL;

    (void)state;
    scene_init(&scene);
    text = render(&scene, false, METRICS_PROMETHEUS);
    for (const char *at = strstr(text, "# TYPE "); at; at = strstr(at + 1, "# TYPE "))
        types++;
    for (const char *const *name = metric_names; *name; name++) {
        cleanup_text struct text line = TEXT_INIT;

        names++;
        text_addf(&line, "# TYPE %s ", *name);
        assert_non_null(strstr(text, line.data));
        /* And the scene is rich enough to have a series of each. */
        line.length = 0;
        text_addf(&line, "\n%s", *name);
        assert_true(strcspn(strstr(text, line.data) + line.length, "{ ") == 0);
    }
    assert_int_equal(types, names);
}

static void test_users_count_devices_once(void **state)
{
    static const char *const lines[] = {
        "genv_users_total 1",
        "genv_user_environments_total{username=\"ann\"} 2",
        "genv_user_attached_devices_total{username=\"ann\"} 2",
        "genv_user_memory_held_bytes{username=\"ann\"} 25769803776",
        "genv_environment_attached_devices_total{eid=\"train\"} 2",
        "genv_attached_devices_total 2",
        NULL,
    };
    struct scene scene;

    (void)state;
    scene_init(&scene);
    snprintf(scene.envs[1].username, sizeof(scene.envs[1].username), "ann");
    scene.envs[0].attachment_count = 2; /* 4 GiB of each device, and play has all of the second */
    expect(&scene, false, lines);
}

static void test_unknown_values_have_no_series(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    scene.devices[1].sample = (struct genv_sample){GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT, -1};
    scene.devices[1].total_memory = 0;
    scene.usages[0].used_memory = GENV_UNKNOWN_U64;
    expect_no_series(&scene, "genv_device_temperature{index=\"1\"}");
    expect_no_series(&scene, "genv_device_utilization{index=\"1\"}");
    expect_no_series(&scene, "genv_device_power_watts{index=\"1\"}");
    expect_no_series(&scene, "genv_device_memory_used_bytes{index=\"1\"}");
    expect_no_series(&scene, "genv_device_memory_total_bytes{index=\"1\"}");
    expect_no_series(&scene, "genv_environment_memory_held_bytes{eid=\"play\"}");
    expect_no_series(&scene, "genv_user_memory_held_bytes{username=\"bob\"}");
    expect_no_series(&scene, "genv_environment_memory_used_bytes{eid=\"train\"}");
    expect_no_series(&scene, "genv_user_memory_used_bytes{username=\"ann\"}");
    expect_no_series(&scene, "genv_process_used_gpu_memory_bytes{pid=\"41\"");
}

static void test_hosts(void **state)
{
    static const char *const lines[] = {
        "genv_host_up{hostname=\"one\"} 1",
        "genv_host_up{hostname=\"bare\"} 1",
        "genv_host_up{hostname=\"gone\"} 0",
        "genv_is_installed{hostname=\"bare\"} 0",
        "genv_device_utilization{hostname=\"bare\",index=\"0\"} 70",
        "genv_environment_info{hostname=\"one\",eid=\"play\",name=\"name of play\",username=\"bob\"} 1",
        NULL,
    };
    struct scene scene;
    struct observed_host hosts[3];
    cleanup_free char *text = NULL;

    (void)state;
    scene_init(&scene);
    hosts[0] = hosts[1] = hosts[2] = scene.host;
    snprintf(hosts[1].name, sizeof(hosts[1].name), "bare");
    hosts[1].has_genv = false;
    snprintf(hosts[2].name, sizeof(hosts[2].name), "gone");
    hosts[2].up = false;
    hosts[2].snapshot = NULL;
    scene.observation.hosts = hosts;
    scene.observation.host_count = ARRAY_SIZE(hosts);
    expect(&scene, true, lines);
    text = render(&scene, true, METRICS_PROMETHEUS);
    assert_null(strstr(text, "genv_is_installed{hostname=\"gone\"}"));
    assert_null(strstr(text, "genv_environments_total{hostname=\"bare\"}"));
    assert_null(strstr(text, "genv_device_attached{hostname=\"bare\""));
    assert_null(strstr(text, "genv_device_utilization{hostname=\"gone\""));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(*line == '#' || strncmp(strchr(line, '{'), "{hostname=\"", strlen("{hostname=\"")) == 0);
}

static void test_labels_are_escaped(void **state)
{
    static const char *const lines[] = {
        "genv_environment_info{eid=\"train\",name=\"\\\\ \\\"q\\\" \\n é 深 ?\",username=\"ann\"} 1",
        NULL,
    };
    struct scene scene;

    (void)state;
    scene_init(&scene);
    snprintf(scene.envs[0].config.name, sizeof(scene.envs[0].config.name), "\\ \"q\" \n é 深 \xff");
    expect(&scene, false, lines);
}

static void test_openmetrics(void **state)
{
    static const char end[] = "# EOF\n";
    struct scene scene;
    cleanup_free char *text = NULL;

    (void)state;
    scene_init(&scene);
    text = render(&scene, false, METRICS_OPENMETRICS);
    assert_string_equal(text + strlen(text) - strlen(end), end);
    assert_true(has(text, "# TYPE genv_environments_total unknown"));
    assert_true(has(text, "# TYPE genv_environment info"));
    assert_true(has(text, "genv_environment_info{eid=\"play\",name=\"name of play\",username=\"bob\"} 1"));
    assert_null(strstr(text, "untyped"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_everything),
    cmocka_unit_test(test_names_are_those_rendered),
    cmocka_unit_test(test_users_count_devices_once),
    cmocka_unit_test(test_unknown_values_have_no_series),
    cmocka_unit_test(test_hosts),
    cmocka_unit_test(test_labels_are_escaped),
    cmocka_unit_test(test_openmetrics),
};

UNIT_MAIN(tests)
