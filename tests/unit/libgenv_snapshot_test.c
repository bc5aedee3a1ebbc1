/* Snapshots, the doctor, and the small things of the API. */
#include "machine.h"

#include <sys/stat.h>

#include "base/json.h"
#include "store/membership.h"

#define G ((uint64_t)1000000000)

static struct genv_snapshot *take(struct genv *g, enum genv_depth depth)
{
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    if (genv_snapshot_take(g, depth, &snapshot, &err) < 0)
        fail_msg("%s", err.message);
    return snapshot;
}

static void an_empty_machine_has_an_empty_snapshot(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_snapshot *snapshot = take(g, GENV_DEPTH_ENVS);

    assert_int_equal(snapshot->env_count, 0);
    assert_int_equal(snapshot->device_count, 0);
    assert_true(*snapshot->hostname && snapshot->time.tv_sec > 1700000000);
    assert_null(genv_snapshot_env(snapshot, "a"));
    genv_snapshot_free(snapshot);
    genv_snapshot_free(NULL);
    assert_int_equal(unit_count_entries(*state), 0); /* looking makes nothing */
}

static void each_depth_includes_the_one_before(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_attach(g, "b", 2, NULL), 0);
    for (enum genv_depth depth = GENV_DEPTH_ENVS; depth <= GENV_DEPTH_LIVE; depth++) {
        struct genv_snapshot *snapshot = take(g, depth);

        assert_int_equal(snapshot->env_count, 2);
        assert_string_equal(snapshot->envs[0].eid, "a");
        assert_int_equal(genv_snapshot_env(snapshot, "b")->attachment_count, 2);
        assert_int_equal(genv_snapshot_env(snapshot, "b")->attachments[1].index, 1);
        if (depth >= GENV_DEPTH_DEVICES)
            assert_int_equal(snapshot->device_count, 4);
        assert_string_equal(snapshot->driver, depth == GENV_DEPTH_LIVE ? "simulated" : "");
        if (depth == GENV_DEPTH_LIVE)
            assert_true(snapshot->devices[3].sample.used_memory == 0);
        genv_snapshot_free(snapshot);
    }
}

static void a_wrong_number_of_devices_is_told(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    setenv("GENV_DEVICES", "-1", 1);
    assert_int_equal(genv_snapshot_take(g, GENV_DEPTH_LIVE, &snapshot, &err), -EINVAL);
    machine_check_error(&err, EINVAL, "GENV_DEVICES is '-1'");
    assert_int_equal(genv_snapshot_take(g, GENV_DEPTH_DEVICES, &snapshot, &err), -EINVAL);
    assert_null(snapshot);
    snapshot = take(g, GENV_DEPTH_ENVS);
    genv_snapshot_free(snapshot);
}

static void a_snapshot_is_json(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_snapshot *snapshot;
    cleanup_free char *text = NULL, *envs = NULL, *devices = NULL;
    cleanup_json json_t *json = NULL;

    machine_activate(g, "a");
    assert_int_equal(machine_attach_index(g, "a", 2, false, NULL), 0);
    snapshot = take(g, GENV_DEPTH_LIVE);
    text = genv_snapshot_to_json(snapshot);
    envs = genv_snapshot_envs_to_json(snapshot);
    devices = genv_snapshot_devices_to_json(snapshot);
    genv_snapshot_free(snapshot);
    json = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(json, "devices")), 4);
    assert_int_equal(
        json_array_size(json_object_get(json_array_get(json_object_get(json, "devices"), 2), "attachments")), 1);
    assert_int_equal(*envs, '[');
    assert_int_equal(*devices, '[');
}

/* The doctor */

static struct genv_finding findings[16];
static size_t finding_count;

static void remember_finding(const struct genv_finding *finding, void *data)
{
    assert_ptr_equal(data, findings);
    assert_true(finding_count < ARRAY_SIZE(findings));
    findings[finding_count++] = *finding;
}

/* That the doctor finds something with @part in it of this level. */
static void check_finding(struct genv *g, enum genv_finding_level level, const char *part)
{
    finding_count = 0;
    genv_diagnose(g, remember_finding, findings);
    for (size_t i = 0; i < finding_count; i++) {
        if (!strstr(findings[i].text, part))
            continue;
        assert_int_equal(findings[i].level, level);
        assert_true(*findings[i].subject);
        return;
    }
    fail_msg("no word of \"%s\"", part);
}

static void the_doctor_looks_at_driver_and_directory(void **state)
{
    cleanup_free char *path = unit_path(*state, "state"), *envs = unit_path(*state, "state/envs");
    cleanup_genv struct genv *g = machine_open(*state);

    check_finding(g, GENV_FINDING_OK, "simulated: 4 devices");
    check_finding(g, GENV_FINDING_OK, "state: does not exist yet");
    assert_int_equal(unit_count_entries(*state), 0); /* looking makes nothing */
    machine_activate(g, "a");
    check_finding(g, GENV_FINDING_OK, "state: 1 environment");
    check_finding(g, GENV_FINDING_OK, "state/envs: shared, sticky, owned by ");
    assert_int_equal(chmod(envs, 0777), 0);
    check_finding(g, GENV_FINDING_ERROR, "envs is not sticky: anyone can remove anyone's environments");
    assert_int_equal(chmod(envs, 0755), 0);
    check_finding(g, GENV_FINDING_WARNING, "envs is not shared: only ");
    assert_int_equal(chmod(envs, 01777), 0);
    setenv("GENV_DEVICES", "0", 1);
    check_finding(g, GENV_FINDING_WARNING, "no devices");
    setenv("GENV_DEVICES", "x", 1);
    check_finding(g, GENV_FINDING_ERROR, "GENV_DEVICES");
    if (unit_can_be_others()) {
        assert_int_equal(chown(path, USER_A, USER_A), 0);
        check_finding(g, GENV_FINDING_WARNING, "state belongs to 60601, who can remove anyone's environments");
    }
}

/* Small things */

static void the_small_things_of_the_api_work(void **state)
{
    struct genv_error err = {0};
    char amount[GENV_AMOUNT_SIZE], name[GENV_USERNAME_SIZE];
    uint64_t bytes;
    char rest;
    int patch;

    (void)state;
    assert_int_equal(sscanf(genv_version(), "%*d.%*d.%d%c", &patch, &rest), 1);
    assert_int_equal(genv_amount_parse("4gi", &bytes, &err), 0);
    genv_amount_format(bytes, amount);
    assert_string_equal(amount, "4gi");
    assert_int_equal(genv_amount_parse("4q", &bytes, NULL), -EINVAL);
    assert_int_equal(genv_eid_validate("a", &err), 0);
    assert_int_equal(genv_eid_validate("/", &err), -EINVAL);
    assert_int_equal(genv_name_validate("a b", &err), 0);
    assert_int_equal(genv_name_validate("", NULL), -EINVAL);
    genv_user_name(0, name);
    assert_string_equal(name, "root");
    genv_user_name(4000000000, name);
    assert_string_equal(name, "4000000000");
}

static void the_directory_comes_from_the_caller_or_the_environment(void **state)
{
    cleanup_free char *path = unit_path(*state, "by-variable"), *envs = unit_path(*state, "by-variable/envs");
    struct genv_options options = {.state_dir = NULL};
    struct genv *g;

    setenv("GENV_TMPDIR", path, 1);
    assert_int_equal(genv_open(&options, &g, NULL), 0);
    machine_activate(g, "a");
    genv_close(g);
    assert_int_equal(genv_open(NULL, &g, NULL), 0);
    machine_activate(g, "b");
    genv_close(g);
    unsetenv("GENV_TMPDIR");
    assert_int_equal(unit_count_entries(envs), 2);
    genv_close(NULL);
}

static const struct CMUnitTest tests[] = {
    TEST(an_empty_machine_has_an_empty_snapshot),
    TEST(each_depth_includes_the_one_before),
    TEST(a_wrong_number_of_devices_is_told),
    TEST(a_snapshot_is_json),
    TEST(the_doctor_looks_at_driver_and_directory),
    cmocka_unit_test(the_small_things_of_the_api_work),
    TEST(the_directory_comes_from_the_caller_or_the_environment),
};

UNIT_MAIN(tests)
