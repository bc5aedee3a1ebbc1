/* Keys. */
#include "scene.h"

#include <string.h>

static struct choice choice;

static int begin(void **state)
{
    (void)state;
    choice_init(&choice);
    return 0;
}

/* Presses a key as the loop does it: on what is shown, then drawn anew. */
static bool press(const struct genv_snapshot *snapshot, uint32_t key)
{
    struct layout layout;
    struct rows rows;
    bool goes_on;

    assert_int_equal(rows_make(snapshot, &choice, &rows), 0);
    layout_make(&rows, &choice, false, 80, 24, &layout);
    goes_on = choice_apply(&choice, &layout, &rows, key);
    rows_release(&rows);
    assert_int_equal(rows_make(snapshot, &choice, &rows), 0);
    layout_make(&rows, &choice, false, 80, 24, &layout);
    choice_settle(&choice, &layout);
    rows_release(&rows);
    return goes_on;
}

static void type_text(const char *text)
{
    for (; *text; text++)
        assert_true(press(scene_small(), (unsigned char)*text));
}

static void test_q_quits_unless_it_is_typed(void **state)
{
    (void)state;
    assert_false(press(scene_small(), 'q'));
    press(scene_small(), 'u');
    assert_true(press(scene_small(), 'q'));
    assert_string_equal(choice.user, "q");
}

static void test_tab_goes_round(void **state)
{
    (void)state;
    assert_int_equal(choice.focus, PANE_ENVS);
    press(scene_small(), KEY_CODE_TAB);
    assert_int_equal(choice.focus, PANE_PROCESSES);
    assert_int_equal(choice.lower, PANE_PROCESSES);
    press(scene_small(), KEY_CODE_TAB);
    assert_int_equal(choice.focus, PANE_DEVICES);
    assert_int_equal(choice.lower, PANE_PROCESSES);
    press(scene_small(), KEY_CODE_BACK_TAB);
    assert_int_equal(choice.focus, PANE_PROCESSES);
    press(scene_small(), '1');
    assert_int_equal(choice.focus, PANE_DEVICES);
}

static void test_sorting_goes_round_in_the_list_of_the_keys(void **state)
{
    int first = choice.panes[PANE_ENVS].sort;

    (void)state;
    for (int i = 0; i < sort_count(PANE_ENVS); i++) {
        assert_non_null(sort_name(PANE_ENVS, choice.panes[PANE_ENVS].sort));
        press(scene_small(), i % 2 ? 's' : KEY_CODE_RIGHT);
    }
    assert_int_equal(choice.panes[PANE_ENVS].sort, first);
    press(scene_small(), 'r');
    assert_true(choice.panes[PANE_ENVS].reverse);
    press(scene_small(), KEY_CODE_LEFT);
    assert_false(choice.panes[PANE_ENVS].reverse);
    press(scene_small(), 's');
    assert_int_equal(choice.panes[PANE_ENVS].sort, first);
    assert_int_equal(choice.panes[PANE_PROCESSES].sort, PROCESS_MEMORY);
}

static void test_moving_stays_in_the_list(void **state)
{
    const struct genv_snapshot *snapshot = scene_large(4, 100, 10);
    size_t *selected = &choice.panes[PANE_ENVS].selected;

    (void)state;
    press(snapshot, KEY_CODE_UP);
    assert_int_equal(*selected, 0);
    press(snapshot, 'j');
    press(snapshot, KEY_CODE_DOWN);
    press(snapshot, 'k');
    assert_int_equal(*selected, 1);
    press(snapshot, KEY_CODE_PAGE_DOWN);
    assert_in_range(*selected, 3, 30);
    press(snapshot, KEY_CODE_END);
    assert_int_equal(*selected, 99);
    press(snapshot, KEY_CODE_DOWN);
    assert_int_equal(*selected, 99);
    press(snapshot, KEY_CODE_HOME);
    assert_int_equal(*selected, 0);
    press(scene_large(0, 0, 0), KEY_CODE_END);
    assert_int_equal(*selected, 0);
}

static void test_the_selection_moves_up_when_the_list_shrinks(void **state)
{
    (void)state;
    press(scene_large(4, 100, 10), KEY_CODE_END);
    press(scene_small(), KEY_CODE_OTHER);
    assert_int_equal(choice.panes[PANE_ENVS].selected, 2);
}

static void test_a_filter_is_typed_corrected_kept_and_dropped(void **state)
{
    (void)state;
    press(scene_small(), 'e');
    type_text("tx");
    press(scene_small(), KEY_CODE_ERASE);
    press(scene_small(), 0x5b66); /* 学 */
    assert_string_equal(choice.env, "t学");
    press(scene_small(), KEY_CODE_ERASE);
    assert_string_equal(choice.env, "t");
    press(scene_small(), KEY_CODE_DOWN); /* means nothing here */
    press(scene_small(), 0x202e);        /* reorders text */
    assert_string_equal(choice.env, "t");
    press(scene_small(), KEY_CODE_ENTER);
    assert_int_equal(choice.mode, MODE_BROWSE);
    assert_string_equal(choice.env, "t");
    press(scene_small(), 'u');
    type_text("paul");
    press(scene_small(), KEY_CODE_ESCAPE); /* this filter alone */
    assert_string_equal(choice.user, "");
    assert_string_equal(choice.env, "t");
    press(scene_small(), KEY_CODE_ESCAPE);
    assert_string_equal(choice.env, "");
}

static void test_a_filter_is_only_so_long(void **state)
{
    (void)state;
    press(scene_small(), 'u');
    for (int i = 0; i < 200; i++)
        press(scene_small(), 0x5b66);
    assert_true(strlen(choice.user) < FILTER_SIZE);
    assert_int_equal(strlen(choice.user) % 3, 0);
    press(scene_small(), KEY_CODE_CLEAR);
    press(scene_small(), KEY_CODE_ERASE);
    assert_string_equal(choice.user, "");
}

static void test_enter_shows_the_selected_environment_only(void **state)
{
    (void)state;
    press(scene_small(), KEY_CODE_DOWN);
    press(scene_small(), KEY_CODE_ENTER);
    assert_string_equal(choice.env, "1600");
    assert_true(choice.exact_env);
    press(scene_small(), KEY_CODE_ESCAPE);
    press(scene_small(), '3');
    press(scene_small(), KEY_CODE_END); /* the stranger */
    press(scene_small(), KEY_CODE_ENTER);
    assert_string_equal(choice.env, "");
    press(scene_small(), '1');
    press(scene_small(), KEY_CODE_ENTER);
    assert_string_equal(choice.env, "1573");
    press(scene_small(), 'e'); /* typing again means parts again */
    type_text("15");
    assert_false(choice.exact_env);
}

static void test_any_key_leaves_the_help(void **state)
{
    (void)state;
    press(scene_small(), '?');
    assert_int_equal(choice.mode, MODE_HELP);
    assert_true(press(scene_small(), 'q'));
    assert_int_equal(choice.mode, MODE_BROWSE);
}

#define TEST(test) cmocka_unit_test_setup(test, begin)

static const struct CMUnitTest tests[] = {
    TEST(test_q_quits_unless_it_is_typed),
    TEST(test_tab_goes_round),
    TEST(test_sorting_goes_round_in_the_list_of_the_keys),
    TEST(test_moving_stays_in_the_list),
    TEST(test_the_selection_moves_up_when_the_list_shrinks),
    TEST(test_a_filter_is_typed_corrected_kept_and_dropped),
    TEST(test_a_filter_is_only_so_long),
    TEST(test_enter_shows_the_selected_environment_only),
    TEST(test_any_key_leaves_the_help),
};
UNIT_MAIN(tests)
