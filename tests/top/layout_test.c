/* What goes where: for every size of a screen, and the sizes that matter. */
#include "scene.h"

#include <string.h>

static struct layout make(const struct genv_snapshot *snapshot, const struct choice *choice, int width, int height)
{
    cleanup_rows struct rows rows = {.user_count = 0};
    struct layout layout;

    assert_int_equal(rows_make(snapshot, choice, &rows), 0);
    layout_make(&rows, choice, false, width, height, &layout);
    return layout;
}

/* Nothing overlaps, nothing is outside, and what is selected is shown where its pane is. */
static void check(const struct layout *layout, const struct choice *choice, int width, int height)
{
    int end = layout->message >= 0 ? layout->message : layout->footer >= 0 ? layout->footer : height;
    int row = layout->header;
    bool any = false;

    assert_true(layout->width == width && layout->height == height);
    assert_true(layout->header <= height);
    for (enum pane pane = 0; pane < PANE_COUNT; pane++) {
        const struct place *place = &layout->panes[pane];
        size_t visible = (size_t)place->rows * (size_t)place->columns;

        if (!place->shown)
            continue;
        any = true;
        if (layout->tabs >= row)
            row = pane == PANE_DEVICES && layout->tabs > place->row ? row : layout->tabs + 1;
        assert_true(place->row >= row);
        assert_true(place->title + place->heading + place->rows == place->height);
        row = place->row + place->height;
        assert_true(row <= end);
        if (choice->focus == pane && visible)
            assert_true(place->selected >= place->first && place->selected < place->first + visible);
    }
    assert_true(any || height <= layout->header);
}

static void test_every_size_is_laid_out_without_overlap(void **state)
{
    static const struct {
        size_t devices, envs, processes;
    } scenes[] = {{0, 0, 0}, {1, 1, 1}, {4, 3, 5}, {8, 100, 100}, {64, 1000, 1000}, {64, 0, 0}, {0, 1000, 3}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
        const struct genv_snapshot *snapshot = scene_large(scenes[i].devices, scenes[i].envs, scenes[i].processes);
        struct choice choice;

        choice_init(&choice);
        for (int n = 0; n < 3 * 70 * 8; n++) {
            int height = 1 + n / 3 % 70, width = 1 + n / 210 * 31;
            struct layout layout;

            choice.focus = (enum pane)(n % 3);
            choice.lower = choice.focus == PANE_DEVICES ? choice.lower : choice.focus;
            choice.panes[choice.focus].selected = (size_t)n * 7 % 1500;
            layout = make(snapshot, &choice, width, height);
            check(&layout, &choice, width, height);
        }
    }
}

static void test_all_is_shown_where_there_is_room(void **state)
{
    struct choice choice;
    struct layout layout;

    (void)state;
    choice_init(&choice);
    layout = make(scene_large(4, 3, 5), &choice, 80, 24);
    assert_int_equal(layout.tabs, -1);
    assert_int_equal(layout.panes[PANE_DEVICES].rows, 4);
    assert_int_equal(layout.panes[PANE_ENVS].rows, 3);
    assert_true(layout.panes[PANE_PROCESSES].rows >= 5);
}

static void test_lists_that_are_long_share_the_screen(void **state)
{
    struct choice choice;
    struct layout layout;

    (void)state;
    choice_init(&choice);
    layout = make(scene_large(8, 1000, 1000), &choice, 200, 60);
    assert_int_equal(layout.panes[PANE_DEVICES].rows, 8);
    assert_true(abs(layout.panes[PANE_ENVS].rows - layout.panes[PANE_PROCESSES].rows) <= 1);
    layout = make(scene_large(8, 1000, 2), &choice, 200, 60);
    assert_int_equal(layout.panes[PANE_PROCESSES].rows, 2);
}

static void test_one_lower_list_at_a_time_where_there_is_no_room_for_two(void **state)
{
    struct choice choice;
    struct layout layout;

    (void)state;
    choice_init(&choice);
    layout = make(scene_large(16, 100, 100), &choice, 80, 24);
    assert_true(layout.tabs > 0);
    assert_true(layout.panes[PANE_DEVICES].shown && layout.panes[PANE_ENVS].shown);
    assert_false(layout.panes[PANE_PROCESSES].shown);
    choice.focus = choice.lower = PANE_PROCESSES;
    layout = make(scene_large(16, 100, 100), &choice, 80, 24);
    assert_true(layout.panes[PANE_PROCESSES].shown);
    assert_false(layout.panes[PANE_ENVS].shown);
    choice.focus = PANE_DEVICES; /* the lower list stays */
    layout = make(scene_large(16, 100, 100), &choice, 80, 24);
    assert_true(layout.panes[PANE_PROCESSES].shown);
}

static void test_many_devices_stand_beside_each_other_on_a_wide_screen(void **state)
{
    struct choice choice;
    struct layout layout;

    (void)state;
    choice_init(&choice);
    layout = make(scene_large(64, 1000, 1000), &choice, 200, 60);
    assert_int_equal(layout.panes[PANE_DEVICES].columns, 3);
    assert_true(layout.panes[PANE_DEVICES].rows * 3 >= 64);
    layout = make(scene_large(64, 1000, 1000), &choice, 80, 24);
    assert_int_equal(layout.panes[PANE_DEVICES].columns, 1);
    layout = make(scene_large(8, 3, 3), &choice, 200, 60);
    assert_int_equal(layout.panes[PANE_DEVICES].columns, 1);
}

static void test_a_tiny_screen_shows_the_list_of_the_keys(void **state)
{
    struct choice choice;
    struct layout layout;

    (void)state;
    choice_init(&choice);
    layout = make(scene_large(4, 10, 10), &choice, 10, 3);
    assert_int_equal(layout.header, 1);
    assert_true(layout.panes[PANE_ENVS].shown);
    assert_int_equal(layout.panes[PANE_ENVS].rows, 1);
    assert_false(layout.panes[PANE_DEVICES].shown);
}

static void test_scrolling_is_no_more_than_needed(void **state)
{
    const struct genv_snapshot *snapshot = scene_large(1, 100, 0);
    struct choice choice;
    struct layout layout;
    size_t visible;

    (void)state;
    choice_init(&choice);
    layout = make(snapshot, &choice, 80, 24);
    visible = (size_t)layout.panes[PANE_ENVS].rows;
    choice.panes[PANE_ENVS].selected = visible - 1;
    layout = make(snapshot, &choice, 80, 24);
    assert_int_equal(layout.panes[PANE_ENVS].first, 0);
    choice.panes[PANE_ENVS].selected = visible;
    layout = make(snapshot, &choice, 80, 24);
    assert_int_equal(layout.panes[PANE_ENVS].first, 1);
    choice_settle(&choice, &layout);
    choice.panes[PANE_ENVS].selected = 5;
    layout = make(snapshot, &choice, 80, 24);
    assert_int_equal(layout.panes[PANE_ENVS].first, 1);
    choice.panes[PANE_ENVS].selected = 5000;
    layout = make(snapshot, &choice, 80, 24);
    assert_int_equal(layout.panes[PANE_ENVS].selected, 99);
    assert_int_equal(layout.panes[PANE_ENVS].first + visible, 100);
}

static const struct column columns[] = {
    {"A", 3, 3, 0, 0, false, -1}, {"B", 5, 10, 2, 2, false, -1}, {"C", 4, 1000, 1, 1, false, -1}};

static void test_columns_grow_and_the_least_important_go(void **state)
{
    struct span spans[3];

    (void)state;
    columns_fit(columns, 3, 15, spans);
    assert_true(spans[0].start == 0 && spans[0].width == 3);
    assert_true(spans[1].start == 5 && spans[1].width == 5);
    assert_true(spans[2].start == 11 && spans[2].width == 4);
    columns_fit(columns, 3, 14, spans); /* B is the first to go, and C takes its place */
    assert_int_equal(spans[1].width, 0);
    assert_true(spans[2].start == 4 && spans[2].width == 10);
    columns_fit(columns, 3, 7, spans);
    assert_true(spans[1].width == 0 && spans[2].width == 0 && spans[0].width == 3);
    columns_fit(columns, 3, 1, spans); /* A never goes */
    assert_int_equal(spans[0].width, 3);
    columns_fit(columns, 3, 100, spans);
    assert_int_equal(spans[1].width, 10);
    assert_int_equal(spans[2].start + spans[2].width, 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_size_is_laid_out_without_overlap),
    cmocka_unit_test(test_all_is_shown_where_there_is_room),
    cmocka_unit_test(test_lists_that_are_long_share_the_screen),
    cmocka_unit_test(test_one_lower_list_at_a_time_where_there_is_no_room_for_two),
    cmocka_unit_test(test_many_devices_stand_beside_each_other_on_a_wide_screen),
    cmocka_unit_test(test_a_tiny_screen_shows_the_list_of_the_keys),
    cmocka_unit_test(test_scrolling_is_no_more_than_needed),
    cmocka_unit_test(test_columns_grow_and_the_least_important_go),
};
UNIT_MAIN(tests)
