/* Screens as a whole: what a user sees of a machine that is made up. */
#include "scene.h"

#include <string.h>

#define expect_screen(picture, width, height, wanted)                                                                  \
    do {                                                                                                               \
        cleanup_free char *text_ = scene_draw(picture, width, height);                                                 \
        assert_string_equal(text_, wanted);                                                                            \
    } while (0)

#define GIB ((uint64_t)1 << 30)

static const char golden_small[] = "genv top  gpu-1  0 of 3 devices free  driver 550.163.01                 12:00:00\n"
                                   "Memory ██▎░░░░░░░ 62.0Gi/282Gi  Use ██████▉░░░  69%  Power 625W  2 users\n"
                                   "\n"
                                   "Devices 3  by index  NVIDIA H200\n"
                                   "GPU  MEMORY             USE          TEMP POWER  HELD BY\n"
                                   "  0  █▊░░░░ 40.0/141Gi  ██▎░░░  37%  52°C  312W  paul:train\n"
                                   "  1  ▉░░░░░ 22.0/141Gi  ██████ 100%  52°C  312W  paul:train, lisa:eval 4.0Gi\n"
                                   "  2  lost: needs a reset\n"
                                   "\n"
                                   "Environments 3  by memory\n"
                                   "ID            USER         NAME         GPUS      CAPACITY   MEMORY  PROCS   AGE\n"
                                   "1573          paul         train        0,1          whole   56.0Gi      1    3h\n"
                                   "1600          lisa         eval         1            4.0Gi   6.0Gi!      1    2m\n"
                                   "1700          lisa         学習モデル   -                -        0      0    5s\n"
                                   "\n"
                                   "Processes 3  by memory\n"
                                   "    PID  USER            ENVIRONMENT       GPUS        MEMORY  COMMAND\n"
                                   "     42  paul            train             0,1         56.0Gi  python train.py\n"
                                   "     43  lisa            eval              0!,1         6.0Gi  ./eval\n"
                                   "     44  mallory         none              1            1.0Gi  miner\n"
                                   "\n"
                                   "\n"
                                   "\n"
                                   "q Quit  ? Help  Tab Next list  s Sort  r Reverse  u User  e Environment\n";
static const char golden_whole[] = "genv top  gpu-1  0 of 3 devices free  driver 550.163.01                 12:00:00\n"
                                   "Memory ██▎░░░░░░░ 62.0Gi/282Gi  Use ██████▉░░░  69%  Power 625W  2 users\n"
                                   "\n"
                                   "Devices 3  by index  NVIDIA H200\n"
                                   "GPU  MEMORY             USE          TEMP POWER  HELD BY\n"
                                   "  0  █▊░░░░ 40.0/141Gi  ██▎░░░  37%  52°C  312W  paul:train\n"
                                   "  1  ▉░░░░░ 22.0/141Gi  ██████ 100%  52°C  312W  paul:train, lisa:eval 4.0Gi\n"
                                   "  2  lost: needs a reset\n"
                                   "\n"
                                   "Environments 3  by memory\n"
                                   "ID            USER         NAME         GPUS      CAPACITY   MEMORY  PROCS   AGE\n"
                                   "1573          paul         train        0,1          whole   56.0Gi      1    3h\n"
                                   "1600          lisa         eval         1            4.0Gi   6.0Gi!      1    2m\n"
                                   "1700          lisa         学習モデル   -                -        0      0    5s\n"
                                   "\n"
                                   "Processes 3  by memory\n"
                                   "    PID  USER            ENVIRONMENT       GPUS        MEMORY  COMMAND\n"
                                   "     42  paul            train             0,1         56.0Gi  python train.py\n"
                                   "     43  lisa            eval              0!,1         6.0Gi  ./eval\n"
                                   "     44  mallory         none              1            1.0Gi  miner\n";

static void test_sizes_of_memory(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0"},
                 {1, "1B"},
                 {999, "999B"},
                 {1000, "1.0Ki"},
                 {5 * GIB, "5.0Gi"},
                 {GIB * 999 / 10, "99.9Gi"},
                 {GIB * 9999 / 100, "100Gi"},
                 {141 * GIB, "141Gi"},
                 {1023 * GIB, "1.0Ti"},
                 {INT64_MAX, "8.0Ei"},
                 {GENV_UNKNOWN_U64, "-"}};
    char text[SIZE_TEXT], both[2 * SIZE_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        size_format(sizes[i].bytes, text);
        assert_string_equal(text, sizes[i].text);
    }
    sizes_format(GIB / 2, 16 * GIB, both);
    assert_string_equal(both, "0.5/16.0Gi");
    sizes_format(GIB / 64, 141 * GIB, both);
    assert_string_equal(both, "<0.1/141Gi");
    sizes_format(GENV_UNKNOWN_U64, 141 * GIB, both);
    assert_string_equal(both, "?/141Gi");
}

static void test_watts(void **state)
{
    char text[SIZE_TEXT];

    (void)state;
    watts_format(312400, text);
    assert_string_equal(text, "312W");
    watts_format(9999400, text);
    assert_string_equal(text, "9999W");
    watts_format(19993600, text);
    assert_string_equal(text, "20.0kW");
    watts_format(-1, text);
    assert_string_equal(text, "-");
}

static void test_ages(void **state)
{
    static const struct {
        long seconds;
        const char *text;
    } ages[] = {{-5, "0s"}, {59, "59s"}, {60, "1m"}, {7199, "1h"}, {86400, "1d"}, {86400L * 7 * 5, "5w"}};
    char text[SIZE_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
        age_format((struct timespec){.tv_sec = 1000000000 - ages[i].seconds}, (struct timespec){.tv_sec = 1000000000},
                   text);
        assert_string_equal(text, ages[i].text);
    }
}

/* A line of a text, without its end. */
static void copy_line(const char *text, int number, char *line, size_t size)
{
    for (; number > 0; number--)
        text = strchr(text, '\n') + 1;
    snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static void test_a_bar_is_as_long_as_its_part(void **state)
{
    static const struct {
        uint64_t part;
        const char *utf8, *ascii;
    } bars[] = {{0, "░░░░", "...."},  {25, "█░░░", "#..."},  {50, "██░░", "##.."},  {56, "██▎░", "##.."},
                {99, "████", "####"}, {100, "████", "####"}, {900, "████", "####"}, {GENV_UNKNOWN_U64, "░░░░", "...."}};
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture = scene_picture(NULL, &choice);

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_SIZE(bars); i++) {
        cleanup_frame struct frame *frame = frame_new(4, 1);
        struct canvas canvas = {.picture = &picture, .frame = frame};
        cleanup_free char *text = NULL;
        char line[32];

        picture.ascii = i % 2;
        draw_bar(&canvas, 0, 0, 4, STYLE_USE, bars[i / 2].part, 100);
        text = frame_to_text(frame, false);
        copy_line(text, 0, line, sizeof(line));
        assert_string_equal(line, picture.ascii ? bars[i / 2].ascii : bars[i / 2].utf8);
    }
}

static void test_a_graph_ends_with_now(void **state)
{
    struct trends *trends = trends_new();
    struct genv_device device = {.id.uuid = "A"};
    const struct genv_snapshot snapshot = {.devices = &device, .device_count = 1};
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture = scene_picture(NULL, &choice);
    cleanup_frame struct frame *frame = frame_new(12, 2);
    struct canvas canvas = {.picture = &picture, .frame = frame};
    cleanup_free char *text = NULL;

    (void)state;
    picture.trends = trends;
    for (long second = 0; second < 60; second++) { /* 12 columns: 10 seconds each */
        device.sample.utilization = (int)(second / 10 * 20);
        assert_int_equal(trends_learn(trends, &snapshot, second, 2), 0);
    }
    draw_graph_title(&canvas, 0, 0, 12, STYLE_PLAIN);
    draw_graph(&canvas, 1, 0, 12, "A");
    text = frame_to_text(frame, false);
    assert_string_equal(text, "LAST 2 MIN\n      ▁▂▄▅▇█\n");
    trends_free(trends);
}

static void test_a_small_machine_at_80_columns(void **state)
{
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(scene_small(), &choice);
    expect_screen(&picture, 80, 24, golden_small);
}

static void test_what_cannot_be_seen_is_held_all_the_same(void **state)
{
    const struct genv_snapshot *scene = scene_small();
    struct genv_attachment *attachment = &scene->envs[0].attachments[0];
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;
    cleanup_free char *text = NULL;

    (void)state;
    choice_init(&choice);
    attachment->index = -1;
    picture = scene_picture(scene, &choice);
    text = scene_draw(&picture, 80, 0);
    attachment->index = 0;
    assert_non_null(strstr(text, "1573          paul         train        ?,1          whole"));
}

static void test_the_same_without_unicode(void **state)
{
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;
    cleanup_free char *text = NULL;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(scene_small(), &choice);
    picture.ascii = true;
    text = scene_draw(&picture, 80, 24);
    for (const char *c = text; *c; c++)
        assert_true((unsigned char)*c < 0x80);
    assert_non_null(strstr(text, "??????????")); /* the wide name keeps its width */
}

static void test_all_of_it_as_a_text(void **state)
{
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(scene_small(), &choice);
    picture.once = true;
    expect_screen(&picture, 80, 0, golden_whole);
}

static void test_a_text_has_every_row(void **state)
{
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;
    cleanup_free char *text = NULL;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(scene_large(64, 1000, 1000), &choice);
    picture.once = true;
    text = scene_draw(&picture, 80, 0);
    for (int i = 0; i < 1000; i += 37) {
        char wanted[32];

        snprintf(wanted, sizeof(wanted), "\ne%d ", i);
        assert_non_null(strstr(text, wanted));
        snprintf(wanted, sizeof(wanted), " job %d\n", i);
        assert_non_null(strstr(text, wanted));
    }
}

static int count_lines(const char *text)
{
    int lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_no_screen_is_too_small(void **state)
{
    static const enum mode modes[] = {MODE_BROWSE, MODE_HELP, MODE_USER};
    struct choice choice = {.mode = MODE_BROWSE};

    (void)state;
    choice_init(&choice);
    for (int n = 0; n < 3 * 30 * 90; n++) {
        struct picture picture = scene_picture(n % 2 ? scene_small() : NULL, &choice);
        cleanup_free char *text = NULL;

        choice.mode = modes[n % 3];
        choice.focus = (enum pane)(n / 3 % 3);
        picture.warning = n % 5 ? NULL : "a warning that is longer than most screens of this test are wide";
        text = scene_draw(&picture, 1 + n / 90, 1 + n / 3 % 30);
        assert_int_equal(count_lines(text), 1 + n / 3 % 30);
    }
}

static void test_what_is_wrong_is_said(void **state)
{
    struct genv_env env = {.eid = "1573", .username = "user"};
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;
    cleanup_free char *late = NULL, *failed = NULL, *warned = NULL, *blind = NULL, *waiting = NULL;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(scene_small(), &choice);
    picture.age_seconds = 12.4;
    late = scene_draw(&picture, 80, 24);
    assert_non_null(strstr(late, "genv top  no response from the driver for 12 s  gpu-1"));
    picture.failure = "it broke";
    failed = scene_draw(&picture, 80, 24);
    assert_non_null(strstr(failed, "genv top  as of 12 s ago"));
    assert_non_null(strstr(failed, "\nit broke\n"));
    picture = scene_picture(scene_large(0, 0, 0), &choice);
    picture.warning = "no driver is loaded";
    warned = scene_draw(&picture, 80, 24);
    assert_non_null(strstr(warned, "\nno driver is loaded\n"));
    assert_non_null(strstr(warned, "There are no devices."));
    picture = scene_picture(&(struct genv_snapshot){.envs = &env, .env_count = 1}, &choice);
    picture.blind = true;
    picture.warning = "it hangs";
    blind = scene_draw(&picture, 80, 24);
    assert_non_null(strstr(blind, "1573          user                      ?"));
    assert_non_null(strstr(blind, "\nit hangs\n"));
    assert_non_null(strstr(blind, "The devices are unknown."));
    assert_non_null(strstr(blind, "The processes that use devices are unknown."));
    assert_null(strstr(blind, "There are no devices."));
    assert_null(strstr(blind, "devices free"));
    assert_null(strstr(blind, "Devices 0"));
    picture = scene_picture(NULL, &choice);
    waiting = scene_draw(&picture, 80, 24);
    assert_non_null(strstr(waiting, "Waiting for the driver ..."));
}

static void test_names_of_any_width_keep_the_columns(void **state)
{
    static struct genv_env envs[] = {
        {.eid = "a", .username = "user", .config = {.name = "plain"}},
        {.eid = "b", .username = "user", .config = {.name = "学習モデル学習モデル学習モデル学習モデル"}},
        {.eid = "c", .username = "user", .config = {.name = "e\xcc\x81\xcc\x82 🚀🚀"}},
        {.eid = "d", .username = "\xd0\xbf\xd0\xb0\xd0\xb2\xd0\xb5\xd0\xbb", .config = {.name = "ÄÖÜ"}},
    };
    const struct genv_snapshot snapshot = {.envs = envs, .env_count = 4};
    struct choice choice = {.mode = MODE_BROWSE};
    struct picture picture;
    cleanup_frame struct frame *frame = NULL;
    struct layout layout;
    int row;

    (void)state;
    choice_init(&choice);
    picture = scene_picture(&snapshot, &choice);
    assert_int_equal(draw_screen(&picture, 80, 24, &frame, &layout), 0);
    row = layout.panes[PANE_ENVS].row + 2;
    for (int i = 0; i < 4; i++) { /* the capacity "-" stands in the same column in each */
        int column = 0;

        while (column < 80 && strcmp(frame_cell(frame, row + i, column + 1)->glyph, "0") != 0)
            column++;
        assert_int_equal(column, frame->width - 1 - 4 - 2 - 5 - 2 - 1);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sizes_of_memory),
    cmocka_unit_test(test_watts),
    cmocka_unit_test(test_ages),
    cmocka_unit_test(test_a_bar_is_as_long_as_its_part),
    cmocka_unit_test(test_a_graph_ends_with_now),
    cmocka_unit_test(test_a_small_machine_at_80_columns),
    cmocka_unit_test(test_what_cannot_be_seen_is_held_all_the_same),
    cmocka_unit_test(test_the_same_without_unicode),
    cmocka_unit_test(test_all_of_it_as_a_text),
    cmocka_unit_test(test_a_text_has_every_row),
    cmocka_unit_test(test_no_screen_is_too_small),
    cmocka_unit_test(test_what_is_wrong_is_said),
    cmocka_unit_test(test_names_of_any_width_keep_the_columns),
};
UNIT_MAIN(tests)
