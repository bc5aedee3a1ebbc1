/* Frames: widths, edges, styles. */
#include "scene.h"

#include <string.h>

static char *text_of(struct frame *frame, bool colours)
{
    char *text = frame_to_text(frame, colours);

    assert_non_null(text);
    return text;
}

#define expect_text(frame, wanted)                                                                                     \
    do {                                                                                                               \
        cleanup_free char *text_ = text_of(frame, false);                                                              \
        assert_string_equal(text_, wanted);                                                                            \
    } while (0)

static void test_text_is_clipped_at_its_width_and_at_the_edges(void **state)
{
    cleanup_frame struct frame *frame = frame_new(8, 2);

    (void)state;
    assert_int_equal(frame_put(frame, 0, 0, 3, STYLE_PLAIN, "abcdef"), 3);
    assert_int_equal(frame_put(frame, 0, 6, 10, STYLE_PLAIN, "xyz"), 2);
    assert_int_equal(frame_put(frame, 1, 0, 0, STYLE_PLAIN, "no"), 0);
    frame_put(frame, 2, 0, 8, STYLE_PLAIN, "below");
    frame_put(frame, -1, 0, 8, STYLE_PLAIN, "above");
    frame_put(frame, 0, 9, 8, STYLE_PLAIN, "beside");
    expect_text(frame, "abc   xy\n\n");
}

static void test_wide_characters_are_not_cut_in_two(void **state)
{
    cleanup_frame struct frame *frame = frame_new(6, 3);

    (void)state;
    assert_int_equal(frame_text_width(frame, "学a"), 3);
    assert_int_equal(frame_put(frame, 0, 0, 3, STYLE_PLAIN, "学習"), 2);
    assert_int_equal(frame_put(frame, 1, 5, 6, STYLE_PLAIN, "学"), 0);
    frame_put(frame, 2, 0, 6, STYLE_PLAIN, "学習学");
    frame_put(frame, 2, 1, 1, STYLE_PLAIN, "|"); /* over the second half of the first, which goes */
    frame_put(frame, 2, 4, 1, STYLE_PLAIN, "|"); /* over the first half of the last */
    expect_text(frame, "学\n\n |習|\n");
}

static void test_what_combines_takes_no_column(void **state)
{
    cleanup_frame struct frame *frame = frame_new(4, 1);

    (void)state;
    assert_int_equal(frame_put(frame, 0, 0, 4, STYLE_PLAIN, "e\xcc\x81x"), 2);
    expect_text(frame, "e\xcc\x81x\n");
}

static void test_endless_combining_characters_are_dropped(void **state)
{
    cleanup_frame struct frame *frame = frame_new(2, 1);
    char text[128] = "e";

    (void)state;
    for (int i = 0; i < 50; i++)
        strcat(text, "\xcc\x81"); /* NOLINT: it has room */
    assert_int_equal(frame_put(frame, 0, 0, 2, STYLE_PLAIN, text), 1);
    assert_true(strlen(frame_cell(frame, 0, 0)->glyph) < GLYPH_SIZE);
}

static void test_control_characters_and_stray_bytes_become_question_marks(void **state)
{
    cleanup_frame struct frame *frame = frame_new(8, 1);

    (void)state;
    frame_put(frame, 0, 0, 8, STYLE_PLAIN, "a\x1b[\xff\xc3");
    expect_text(frame, "a?[??\n");
}

static void test_short_texts_end_in_dots(void **state)
{
    cleanup_frame struct frame *frame = frame_new(10, 4);

    (void)state;
    assert_int_equal(frame_put_short(frame, 0, 0, 5, STYLE_PLAIN, "abcdef"), 5);
    assert_int_equal(frame_put_short(frame, 1, 0, 6, STYLE_PLAIN, "abcdef"), 6);
    assert_int_equal(frame_put_short(frame, 2, 0, 4, STYLE_PLAIN, "学習学習"), 3); /* the half column stays empty */
    frame->ascii = true;
    frame_put_short(frame, 3, 0, 5, STYLE_PLAIN, "abcdef");
    expect_text(frame, "abcd…\nabcdef\n学…\nabc..\n");
}

static void test_ascii_replaces_by_width(void **state)
{
    cleanup_frame struct frame *frame = frame_new(8, 1);

    (void)state;
    frame->replace = true;
    assert_int_equal(frame_put(frame, 0, 0, 8, STYLE_PLAIN, "é学x"), 4);
    expect_text(frame, "???x\n");
}

static void test_colours_are_set_and_reset(void **state)
{
    cleanup_frame struct frame *frame = frame_new(4, 2);
    cleanup_free char *text = NULL;

    (void)state;
    frame_put(frame, 0, 0, 4, STYLE_GOOD, "ok");
    frame_put(frame, 0, 2, 4, STYLE_PLAIN, "!");
    frame_put(frame, 1, 0, 4, STYLE_BAD, "no");
    text = text_of(frame, true);
    assert_string_equal(text, "\033[0;32mok\033[0m!\n\033[0;1;31mno\033[0m\n");
}

static void test_a_frame_of_nothing(void **state)
{
    cleanup_frame struct frame *frame = frame_new(0, -3);

    (void)state;
    frame_put(frame, 0, 0, 10, STYLE_PLAIN, "x");
    expect_text(frame, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_text_is_clipped_at_its_width_and_at_the_edges),
    cmocka_unit_test(test_wide_characters_are_not_cut_in_two),
    cmocka_unit_test(test_what_combines_takes_no_column),
    cmocka_unit_test(test_endless_combining_characters_are_dropped),
    cmocka_unit_test(test_control_characters_and_stray_bytes_become_question_marks),
    cmocka_unit_test(test_short_texts_end_in_dots),
    cmocka_unit_test(test_ascii_replaces_by_width),
    cmocka_unit_test(test_colours_are_set_and_reset),
    cmocka_unit_test(test_a_frame_of_nothing),
};
UNIT_MAIN(tests)
