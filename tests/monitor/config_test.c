/* The configuration files name metrics that exist, and places that are filled in. */
#include <string.h>

#include "../unit/unit.h"
#include "base/json.h"
#include "monitor/config.h"
#include "monitor/metrics.h"

static const char *file_text(const char *path)
{
    for (const struct config_file *file = config_files; file->path; file++) {
        if (strcmp(file->path, path) == 0)
            return file->text;
    }
    fail_msg("no file %s", path);
    return NULL;
}

static bool is_metric(const char *name, size_t length)
{
    for (const char *const *metric = metric_names; *metric; metric++) {
        if (strlen(*metric) == length && memcmp(*metric, name, length) == 0)
            return true;
    }
    return false;
}

/* Fails on a word that begins like a metric and is none; returns how many there are. */
static size_t check_words(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";
    size_t count = 0;

    while (*(text += strcspn(text, letters))) {
        size_t length = strspn(text, letters);

        if (strncmp(text, "genv_", strlen("genv_")) == 0) {
            if (!is_metric(text, length))
                fail_msg("there is no metric %.*s", (int)length, text);
            count++;
        }
        text += length;
    }
    return count;
}

/* Every query in @json, however deep: texts with the keys "expr" and "query". */
static size_t check_queries(json_t *json)
{
    size_t count = 0, index;
    const char *key;
    json_t *value;

    json_array_foreach (json, index, value)
        count += check_queries(value);
    json_object_foreach (json, key, value) {
        bool query = strcmp(key, "expr") == 0 || strcmp(key, "query") == 0;

        if (query && json_is_string(value)) {
            size_t names = check_words(json_string_value(value));

            assert_true(names > 0);
            count += names;
        } else {
            count += check_queries(value);
        }
    }
    return count;
}

static void test_dashboard_queries(void **state)
{
    const char *text = file_text("grafana/dashboards/overview.json");
    cleanup_json json_t *dashboard = json_loads(text, 0, NULL);

    (void)state;
    assert_non_null(dashboard);
    assert_true(check_queries(dashboard) >= json_array_size(json_object_get(dashboard, "panels")));
}

static void test_alerts(void **state)
{
    (void)state;
    assert_true(check_words(file_text("prometheus/alerts.yml")) >= 5);
}

/* Panels with the same number, or over each other, are not shown as they are meant. */
static void test_dashboard_panels(void **state)
{
    cleanup_json json_t *dashboard = json_loads(file_text("grafana/dashboards/overview.json"), 0, NULL);
    json_t *panels = json_object_get(dashboard, "panels");
    bool taken[64][24] = {{false}};
    uint64_t ids = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(panels); i++) {
        const json_t *panel = json_array_get(panels, i), *place = json_object_get(panel, "gridPos");
        json_int_t x = json_integer_value(json_object_get(place, "x")),
                   y = json_integer_value(json_object_get(place, "y"));
        json_int_t id = json_integer_value(json_object_get(panel, "id"));

        assert_false(ids >> id & 1);
        ids |= UINT64_C(1) << id;
        for (json_int_t row = y; row < y + json_integer_value(json_object_get(place, "h")); row++) {
            for (json_int_t column = x; column < x + json_integer_value(json_object_get(place, "w")); column++) {
                assert_true(row < 64 && column < 24);
                assert_false(taken[row][column]);
                taken[row][column] = true;
            }
        }
    }
}

static void test_places(void **state)
{
    static const char *const places[] = {"TARGET@", "INTERVAL@", "DIRECTORY@"};

    (void)state;
    for (const struct config_file *file = config_files; file->path; file++) {
        for (const char *at = strchr(file->text, '@'); at; at = strchr(strchr(at + 1, '@') + 1, '@')) {
            size_t i = 0;

            while (i < ARRAY_SIZE(places) && strncmp(at + 1, places[i], strlen(places[i])) != 0)
                i++;
            assert_true(i < ARRAY_SIZE(places));
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_dashboard_queries),
    cmocka_unit_test(test_alerts),
    cmocka_unit_test(test_dashboard_panels),
    cmocka_unit_test(test_places),
};

UNIT_MAIN(tests)
