/* The limits file: what is read, what is refused, and whom it applies to. */
#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/text.h"
#include "model/env.h"
#include "store/limits_file.h"

static struct limits parse(const char *text)
{
    struct limits limits = {0};
    struct genv_error err = {0};

    if (limits_parse(text, &limits, &err) < 0)
        fail_msg("%s", err.message);
    return limits;
}

/* That @text is refused, in a line that begins with @start and has @part in it. */
static void check_refused(const char *text, const char *start, const char *part)
{
    struct limits limits = {.count = 7};
    struct genv_error err = {0};

    assert_int_equal(limits_parse(text, &limits, &err), -EINVAL);
    assert_int_equal(limits.count, 7);
    assert_int_equal(err.code, EINVAL);
    assert_true(utf8_is_printable(err.message));
    if (strncmp(err.message, start, strlen(start)) != 0 || !strstr(err.message, part))
        fail_msg("\"%s\" is not \"%s…%s\"", err.message, start, part);
}

static uint64_t maximum_of(const struct limits *limits, enum limit_kind kind, const char *username, const char *group)
{
    return limits_of(limits, username, &group, group ? 1 : 0).maximum[kind];
}

static void lines_say_who_what_and_how_much(void **state)
{
    cleanup_limits struct limits limits = parse("# the machine in room 7\n"
                                                "\n"
                                                "paul\tdevices   4 # until May\r\n"
                                                "  @students memory 40g\n"
                                                "*  devices 2#\n"
                                                "#paul memory 1\n"
                                                "j\303\274rgen memory 0\n"
                                                "root devices unlimited");

    (void)state;
    assert_int_equal(limits.count, 5);
    assert_int_equal(limits.items[0].subject, LIMIT_USER);
    assert_string_equal(limits.items[0].name, "paul");
    assert_int_equal(limits.items[0].maximum, 4);
    assert_int_equal(limits.items[0].line, 3);
    assert_int_equal(limits.items[1].subject, LIMIT_GROUP);
    assert_string_equal(limits.items[1].name, "students");
    assert_int_equal(limits.items[1].kind, LIMIT_MEMORY);
    assert_true(limits.items[1].maximum == 40000000000);
    assert_int_equal(limits.items[2].subject, LIMIT_ANYONE);
    assert_int_equal(limits.items[2].maximum, 2);
    assert_string_equal(limits.items[3].name, "j\303\274rgen");
    assert_int_equal(limits.items[3].maximum, 0);
    assert_true(limits.items[4].maximum == LIMIT_NONE);
    assert_int_equal(limits.items[4].line, 8);
}

static void an_empty_file_limits_nothing(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# nothing", " \t\r\n#\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_limits struct limits limits = parse(texts[i]);

        assert_int_equal(limits.count, 0);
        assert_true(maximum_of(&limits, LIMIT_DEVICES, "paul", "students") == LIMIT_NONE);
        assert_true(maximum_of(&limits, LIMIT_MEMORY, "paul", NULL) == LIMIT_NONE);
    }
}

static void what_a_later_version_limits_is_ignored(void **state)
{
    static const char *const texts[] = {"paul device 4", "paul Devices 4", "paul dev\033ices 4",
                                        "@a lease 3 days or so"};
    static const char *const words[] = {"device", "Devices", "dev?ices", "lease"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_limits struct limits limits = {0};
        char text[128];

        snprintf(text, sizeof(text), "* devices 2\n%s\n* later 1\npaul environments 7", texts[i]);
        assert_int_equal(limits_parse(text, &limits, NULL), 0);
        assert_int_equal(limits.count, 2);
        assert_int_equal(limits.unknown_line, 2);
        assert_string_equal(limits.unknown, words[i]);
        assert_true(maximum_of(&limits, LIMIT_ENVIRONMENTS, "paul", NULL) == 7);
        assert_true(maximum_of(&limits, LIMIT_ENVIRONMENTS, "john", NULL) == LIMIT_ENVIRONMENTS_DEFAULT);
    }
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    cleanup_limits struct limits longest = {0};
    char text[256];

    (void)state;
    check_refused("paul devices", "line 1: ", "as in 'paul devices 4'");
    check_refused("\n\npaul devices 4 5", "line 3: ", "as in 'paul devices 4'");
    check_refused("paul devices 4 5 6 7 8", "line 1: ", "as in 'paul devices 4'");
    check_refused("paul", "line 1: ", "as in 'paul devices 4'");
    check_refused("devices 3", "line 1: ", "as in 'paul devices 4'");
    check_refused("paul 3 devices", "line 1: ", "as in 'paul devices 4'");
    check_refused("* devices 1\npaul devices -1", "line 2: ", "'-1'");
    check_refused("paul devices 4x", "line 1: ", "'4x'");
    check_refused("paul devices 65536", "line 1: ", "'65536'");
    check_refused("paul devices 99999999999999999999999", "line 1: ", "is not a limit on devices");
    check_refused("paul devices Unlimited", "line 1: ", "unlimited");
    check_refused("paul memory 4q", "line 1: ", "is not a limit on memory");
    check_refused("paul memory 1.5g", "line 1: ", "'1.5g'");
    check_refused("paul memory 00", "line 1: ", "'00'");
    check_refused("paul memory 9223372036854775808", "line 1: ", "memory");
    check_refused("@ devices 4", "line 1: ", "'@'");
    check_refused("p\001ul devices 4", "line 1: ", "'p?ul'");
    check_refused("p\377ul devices 4", "line 1: ", "'p?ul'");
    check_refused("paul environments 4g", "line 1: ", "'4g' is not a limit on environments: expected a number");
    check_refused("paul later 4\npaul devices x", "line 2: ", "'x'");
    snprintf(text, sizeof(text), "%0100d devices 4", 7);
    check_refused(text, "line 1: ", "expected a user, @group or *, not '");
    snprintf(text, sizeof(text), "@%063d devices 4\n%063d devices 65535", 7, 7);
    longest = parse(text);
    assert_int_equal(longest.count, 2);
}

static void nothing_is_said_twice(void **state)
{
    (void)state;
    check_refused("paul devices 4\n@paul devices 4\n* devices 4\npaul memory 4\npaul devices 4", "line 5: ", "line 1");
    check_refused("@a devices 4\n\n@a devices 5", "line 3: ", "line 1");
    check_refused("* memory unlimited\n* memory unlimited", "line 2: ", "line 1");
}

static void the_nearest_line_counts(void **state)
{
    static const char *const groups[] = {"nobody", "students", "staff", "guests"};
    cleanup_limits struct limits limits = parse("* devices 1\n"
                                                "@students devices 3\n"
                                                "@staff devices 5\n"
                                                "@guests devices 0\n"
                                                "@students memory unlimited\n"
                                                "@staff memory 10g\n"
                                                "paul devices 2\n"
                                                "mary devices unlimited\n");
    struct allowance allowance;

    (void)state;
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "paul", "staff"), 2); /* his own, though it is less */
    assert_true(maximum_of(&limits, LIMIT_DEVICES, "mary", "guests") == LIMIT_NONE);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "john", "staff"), 5);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "john", "guests"), 0); /* less than anyone: it is nearer */
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "john", "nobody"), 1);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "students", NULL), 1); /* a user of a group's name */
    allowance = limits_of(&limits, "john", groups, ARRAY_SIZE(groups));
    assert_int_equal(allowance.maximum[LIMIT_DEVICES], 5); /* the most generous of his groups */
    assert_true(allowance.maximum[LIMIT_MEMORY] == LIMIT_NONE);
    allowance = limits_of(&limits, "paul", groups, ARRAY_SIZE(groups)); /* nothing of his own about memory */
    assert_true(allowance.maximum[LIMIT_MEMORY] == LIMIT_NONE);
    assert_true(maximum_of(&limits, LIMIT_MEMORY, "paul", "staff") == 10000000000);
    assert_true(maximum_of(&limits, LIMIT_MEMORY, "paul", NULL) == LIMIT_NONE);
}

static void an_option_replaces_a_line(void **state)
{
    cleanup_limits struct limits limits = parse("paul devices 2\n* devices 9");
    struct limit limit = {.subject = LIMIT_USER, .kind = LIMIT_DEVICES, .name = "paul", .maximum = 7};

    (void)state;
    assert_int_equal(limits_set(&limits, &limit, NULL), 0);
    assert_int_equal(limits.count, 2);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "paul", NULL), 7);
    limit.kind = LIMIT_MEMORY;
    limit.maximum = LIMIT_NONE;
    assert_int_equal(limits_set(&limits, &limit, NULL), 0);
    assert_int_equal(limits.count, 3);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "paul", NULL), 7);
    assert_int_equal(maximum_of(&limits, LIMIT_DEVICES, "mary", NULL), 9);
}

static void a_file_is_read_or_missing(void **state)
{
    cleanup_free char *path = unit_path(*state, "limits.conf"), *link = unit_path(*state, "link");
    cleanup_free char *below = unit_path(path, "below");
    struct limits limits = {.count = 7};
    struct genv_error err = {0};

    assert_int_equal(limits_load(path, &limits, NULL), 0);
    assert_int_equal(limits.count, 0);
    unit_write(*state, "limits.conf", "paul devices 2\n");
    assert_int_equal(symlink("limits.conf", link), 0);
    assert_int_equal(limits_load(link, &limits, NULL), 0); /* an administrator's, who may use links */
    assert_int_equal(limits.count, 1);
    limits_release(&limits);
    assert_int_equal(limits_load(below, &limits, NULL), 0);
    assert_int_equal(limits.count, 0);
    unit_write(*state, "limits.conf", "\n* devices many\n");
    assert_int_equal(limits_load(path, &limits, &err), -EINVAL);
    assert_int_equal(strncmp(err.message, path, strlen(path)), 0);
    assert_non_null(strstr(err.message, ": line 2: 'many'"));
}

static int load_as_user(void *data)
{
    struct limits limits = {0};
    struct genv_error err = {0};

    require(limits_load(data, &limits, &err) == -EACCES && strstr(err.message, data));
    return 0;
}

static void what_is_no_file_is_refused(void **state)
{
    cleanup_free char *fifo = unit_path(*state, "fifo"), *huge = unit_path(*state, "huge");
    struct limits limits = {.count = 7};
    struct genv_error err = {0};

    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(limits_load(fifo, &limits, &err), -EINVAL);
    assert_int_equal(limits_load(*state, &limits, &err), -EINVAL);
    unit_write(*state, "huge", "");
    assert_int_equal(truncate(huge, LIMITS_SIZE_MAX + 1), 0);
    assert_true(limits_load(huge, &limits, &err) < 0);
    assert_int_equal(limits.count, 7);
    skip_unless_root();
    assert_int_equal(chmod(huge, 0600), 0);
    assert_int_equal(unit_fork(USER_A, load_as_user, huge), 0);
}

static void users_are_in_the_groups_of_this_machine(void **state)
{
    const struct passwd *user = getpwuid(0);
    const struct group *group = user ? getgrgid(user->pw_gid) : NULL;
    cleanup_limits struct limits limits = {0};
    cleanup_free char *username = NULL, *text = NULL;

    (void)state;
    skip_unless(group, "user 0 or his group has no name");
    username = strdup(user->pw_name);
    assert_true(asprintf(&text, "@%s devices 3\n* devices 1\n@%s memory 5g", group->gr_name, group->gr_name) > 0);
    limits = parse(text);
    assert_int_equal(limits_allowance(&limits, username).maximum[LIMIT_DEVICES], 3);
    assert_true(limits_allowance(&limits, username).maximum[LIMIT_MEMORY] == 5000000000);
    assert_int_equal(limits_allowance(&limits, "no-such-user").maximum[LIMIT_DEVICES], 1);
    assert_int_equal(limits_allowance(&limits, "").maximum[LIMIT_DEVICES], 1);
    assert_true(limits_allowance(&limits, "60601").maximum[LIMIT_MEMORY] == LIMIT_NONE);
}

#define MEMBERS 5000
#define GROUPS  300

/* For /etc: root's groups, one of very many members, and very many of his own. */
static void write_groups(const char *directory)
{
    struct text text = TEXT_INIT;

    text_add(&text, "root:x:0:\ncrowd:x:70000:");
    for (int i = 0; i < MEMBERS; i++)
        text_addf(&text, "user%d,", i);
    text_add(&text, "root\n");
    for (int i = 1; i <= GROUPS; i++)
        text_addf(&text, "group%d:x:%d:root\n", i, 70000 + i);
    assert_non_null(text.data);
    unit_write(directory, "group", text.data);
    unit_write(directory, "passwd", "root:x:0:0::/:/bin/sh\n");
    text_release(&text);
}

static int look_among_these_groups(void *data)
{
    struct limits limits = {0};

    /* Not over the file: what replaces /etc/group meanwhile, such as useradd(8), would take the mount off. */
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(data, "/etc", NULL, MS_BIND, NULL) < 0)
        return 77;
    require(limits_parse("* devices 1\n@crowd devices 3\n@group300 memory 5g", &limits, NULL) == 0);
    require(limits_allowance(&limits, "root").maximum[LIMIT_DEVICES] == 3);
    require(limits_allowance(&limits, "root").maximum[LIMIT_MEMORY] == 5000000000);
    limits_release(&limits);
    return 0;
}

static void crowds_are_groups_too(void **state)
{
    const struct passwd *user = getpwnam("root");
    int status;

    skip_unless_root();
    skip_unless(user && user->pw_uid == 0, "there is no root here");
    write_groups(*state);
    status = unit_fork((uid_t)-1, look_among_these_groups, *state);
    skip_unless(status != 77, "nothing can be mounted over /etc here");
    assert_int_equal(status, 0);
}

static void add_line(const char *message, void *data)
{
    text_addf(data, "%s\n", message);
}

static void check_warnings(const struct limits *limits, bool users, const char *wanted)
{
    cleanup_text struct text warnings = TEXT_INIT;

    text_add(&warnings, "");
    limits_check_subjects(limits, "/limits", users, add_line, &warnings);
    assert_string_equal(warnings.data, wanted);
}

static void unknown_users_and_groups_are_warned_of(void **state)
{
    cleanup_limits struct limits known = parse("* devices 1\n"), option = {0};
    cleanup_limits struct limits file = parse("\nno-such-user devices 1\nroot devices 1\n@no-such-group memory 1g");
    struct limit limit = {.subject = LIMIT_USER, .kind = LIMIT_DEVICES, .name = "no-such-user"};

    (void)state;
    check_warnings(&known, true, "");
    check_warnings(&file, true,
                   "/limits: line 2: there is no user 'no-such-user' here: check the name\n"
                   "/limits: line 4: there is no group 'no-such-group' here: check the name\n");
    check_warnings(&file, false, "/limits: line 4: there is no group 'no-such-group' here: check the name\n");
    assert_int_equal(limits_set(&option, &limit, NULL), 0);
    check_warnings(&option, true, "there is no user 'no-such-user' here: check the name\n");
    check_warnings(&option, false, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lines_say_who_what_and_how_much),
    cmocka_unit_test(an_empty_file_limits_nothing),
    cmocka_unit_test(what_a_later_version_limits_is_ignored),
    cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
    cmocka_unit_test(nothing_is_said_twice),
    cmocka_unit_test(the_nearest_line_counts),
    cmocka_unit_test(an_option_replaces_a_line),
    test_in_directory(a_file_is_read_or_missing),
    test_in_directory(what_is_no_file_is_refused),
    cmocka_unit_test(users_are_in_the_groups_of_this_machine),
    test_in_directory(crowds_are_groups_too),
    cmocka_unit_test(unknown_users_and_groups_are_warned_of),
};

UNIT_MAIN(tests)
