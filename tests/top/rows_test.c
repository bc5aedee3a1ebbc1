/* Rows: what the filters let through, in which order, and what is added up. */
#include "scene.h"

#include <string.h>

static struct choice choice;
static struct rows rows;

static int begin(void **state)
{
    (void)state;
    choice_init(&choice);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rows_release(&rows);
    return 0;
}

static void make(const struct genv_snapshot *snapshot)
{
    rows_release(&rows);
    assert_int_equal(rows_make(snapshot, &choice, &rows), 0);
}

/* The rows of a pane by what identifies them: "1573 1600". */
static const char *ids(enum pane pane)
{
    static char text[256];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < rows.counts[pane]; i++) {
        char id[GENV_EID_MAX + 1];

        if (pane == PANE_DEVICES)
            snprintf(id, sizeof(id), "%u", rows.devices[i].device->index);
        else if (pane == PANE_ENVS)
            snprintf(id, sizeof(id), "%s", rows.envs[i]->env->eid);
        else
            snprintf(id, sizeof(id), "%d", rows.processes[i].process->pid);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? " " : "", id);
    }
    return text;
}

static void test_everything_without_a_filter(void **state)
{
    (void)state;
    make(scene_small());
    assert_string_equal(ids(PANE_DEVICES), "0 1 2");
    assert_string_equal(ids(PANE_ENVS), "1573 1600 1700"); /* by memory */
    assert_string_equal(ids(PANE_PROCESSES), "42 43 44");
    assert_int_equal(rows.user_count, 2);
}

static void test_usage_is_added_up(void **state)
{
    (void)state;
    make(scene_small());
    assert_true(rows.envs[0]->used_memory == (uint64_t)56 << 30);
    assert_int_equal(rows.envs[0]->process_count, 1);
    assert_false(rows.envs[0]->over); /* whole devices */
    assert_true(rows.envs[1]->over);  /* 5 GiB of 4 */
    assert_false(rows.envs[2]->over);
    assert_true(rows.processes[0].used_memory == (uint64_t)56 << 30);
}

static void test_devices_know_their_holders_and_strangers(void **state)
{
    (void)state;
    make(scene_small());
    assert_int_equal(rows.devices[0].holder_count, 1);
    assert_int_equal(rows.devices[1].holder_count, 2);
    assert_string_equal(rows.devices[1].holders[0]->env->eid, "1573");
    assert_string_equal(rows.devices[1].holders[1]->env->eid, "1600");
    assert_int_equal(rows.devices[1].strangers, 1);
    assert_int_equal(rows.devices[2].holder_count + rows.devices[2].strangers, 0);
}

static void test_a_user_is_found_by_a_part_of_the_name_in_any_case(void **state)
{
    (void)state;
    strcpy(choice.user, "LI"); /* NOLINT: it has room */
    make(scene_small());
    assert_string_equal(ids(PANE_DEVICES), "0 1"); /* her process uses 0, too */
    assert_string_equal(ids(PANE_ENVS), "1600 1700");
    assert_string_equal(ids(PANE_PROCESSES), "43");
    assert_int_equal(rows.totals[PANE_ENVS], 3);
    strcpy(choice.user, "mallory"); /* NOLINT: has a process, and no environment */
    make(scene_small());
    assert_string_equal(ids(PANE_DEVICES), "1");
    assert_string_equal(ids(PANE_ENVS), "");
    assert_string_equal(ids(PANE_PROCESSES), "44");
}

static void test_an_environment_is_found_by_identifier_or_name(void **state)
{
    (void)state;
    strcpy(choice.env, "16"); /* NOLINT: it has room */
    make(scene_small());
    assert_string_equal(ids(PANE_ENVS), "1600");
    assert_string_equal(ids(PANE_PROCESSES), "43");
    assert_string_equal(ids(PANE_DEVICES), "0 1");
    strcpy(choice.env, "学習"); /* NOLINT */
    make(scene_small());
    assert_string_equal(ids(PANE_ENVS), "1700");
    assert_string_equal(ids(PANE_DEVICES), "");
    strcpy(choice.env, "1"); /* NOLINT */
    choice.exact_env = true;
    make(scene_small());
    assert_string_equal(ids(PANE_ENVS), "");
}

static void test_both_filters_together(void **state)
{
    (void)state;
    strcpy(choice.env, "1");     /* NOLINT: it has room */
    strcpy(choice.user, "lisa"); /* NOLINT */
    make(scene_small());
    assert_string_equal(ids(PANE_ENVS), "1600 1700");
    strcpy(choice.user, "paul"); /* NOLINT */
    make(scene_small());
    assert_string_equal(ids(PANE_DEVICES), "0 1");
}

static void expect_order(enum pane pane, int sort, const char *order, const char *reversed)
{
    choice.panes[pane].sort = sort;
    choice.panes[pane].reverse = false;
    make(scene_small());
    assert_string_equal(ids(pane), order);
    choice.panes[pane].reverse = true;
    make(scene_small());
    assert_string_equal(ids(pane), reversed);
}

static void test_orders(void **state)
{
    (void)state;
    expect_order(PANE_DEVICES, DEVICE_INDEX, "0 1 2", "2 1 0");
    expect_order(PANE_DEVICES, DEVICE_MEMORY, "0 1 2", "2 1 0");
    expect_order(PANE_DEVICES, DEVICE_USE, "1 0 2", "2 0 1");
    expect_order(PANE_ENVS, ENV_ID, "1573 1600 1700", "1700 1600 1573");
    expect_order(PANE_ENVS, ENV_USER, "1700 1600 1573", "1573 1600 1700"); /* then the newest */
    expect_order(PANE_ENVS, ENV_NAME, "1600 1573 1700", "1700 1573 1600");
    expect_order(PANE_ENVS, ENV_DEVICES, "1573 1600 1700", "1700 1600 1573");
    expect_order(PANE_ENVS, ENV_AGE, "1700 1600 1573", "1573 1600 1700");
    expect_order(PANE_PROCESSES, PROCESS_PID, "42 43 44", "44 43 42");
    expect_order(PANE_PROCESSES, PROCESS_USER, "43 44 42", "42 44 43");
    expect_order(PANE_PROCESSES, PROCESS_ENV, "44 42 43", "43 42 44");
    expect_order(PANE_PROCESSES, PROCESS_COMMAND, "43 44 42", "42 44 43");
}

static void test_nothing(void **state)
{
    (void)state;
    make(NULL);
    for (enum pane pane = 0; pane < PANE_COUNT; pane++)
        assert_int_equal(rows.counts[pane] + rows.totals[pane], 0);
}

static void test_references_to_what_is_not_there(void **state)
{
    static struct genv_attachment gone[] = {{.device.uuid = "GPU-9", .index = -1},
                                            {.device.uuid = "GPU-8", .index = 8}};
    static struct genv_env env = {.eid = "a", .username = "u", .attachments = gone, .attachment_count = 2};
    static struct genv_usage usage[] = {{.uuid = "GPU-7", .index = 7, .used_memory = GENV_UNKNOWN_U64}};
    static struct genv_gpu_process process = {
        .pid = 1, .eid = "b", .uid = (uid_t)-1, .usages = usage, .usage_count = 1};
    const struct genv_snapshot snapshot = {.envs = &env, .env_count = 1, .processes = &process, .process_count = 1};

    (void)state;
    make(&snapshot);
    assert_int_equal(rows.counts[PANE_ENVS], 1);
    assert_null(rows.processes[0].env);
    assert_true(rows.processes[0].used_memory == GENV_UNKNOWN_U64);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

static const struct CMUnitTest tests[] = {
    TEST(test_everything_without_a_filter),
    TEST(test_usage_is_added_up),
    TEST(test_devices_know_their_holders_and_strangers),
    TEST(test_a_user_is_found_by_a_part_of_the_name_in_any_case),
    TEST(test_an_environment_is_found_by_identifier_or_name),
    TEST(test_both_filters_together),
    TEST(test_orders),
    TEST(test_nothing),
    TEST(test_references_to_what_is_not_there),
};
UNIT_MAIN(tests)
