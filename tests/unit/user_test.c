/* Users and groups, by number and name. */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/text.h"
#include "base/user.h"

#define SKIPPED 77

static void a_number_without_a_name_is_the_name(void **state)
{
    cleanup_user struct user_entry user = {.buffer = NULL};
    char name[16];

    (void)state;
    assert_int_equal(user_find(USER_A, &user), -ENOENT);
    assert_int_equal(user_find_by_name("no-such-user", &user), -ENOENT);
    assert_null(user.buffer);
    user_name(USER_A, name, sizeof(name));
    assert_string_equal(name, "60601");
    assert_null(group_name(USER_A));
    assert_false(group_exists("no-such-group"));
}

/* For /etc: a user who has much to say, and one whose name would harm a terminal. */
static void write_users(const char *directory)
{
    cleanup_text struct text text = TEXT_INIT;

    text_add(&text, "talker:x:60601:60601:");
    for (int i = 0; i < 30000; i++)
        text_add(&text, "-");
    text_add(&text, ":/home/talker:/bin/sh\nred\x1b[31m:x:60602:60602::/:/bin/sh\n");
    assert_false(text.failed);
    unit_write(directory, "passwd", text.data);
    unit_write(directory, "group", "talkers:x:60601:\n");
}

static int look_among_these_users(void *data)
{
    struct user_entry user = {.buffer = NULL};
    char name[16], *group;

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(data, "/etc", NULL, MS_BIND, NULL) < 0)
        return SKIPPED;
    user_name(USER_A, name, sizeof(name));
    require(strcmp(name, "talker") == 0);
    require(user_find(USER_A, &user) == 0 && strcmp(user.passwd.pw_dir, "/home/talker") == 0);
    user_release(&user);
    require(user_find_by_name("talker", &user) == 0 && user.passwd.pw_uid == USER_A);
    user_release(&user);
    user_name(USER_B, name, sizeof(name));
    require(strcmp(name, "60602") == 0);
    group = group_name(USER_A);
    require(group && strcmp(group, "talkers") == 0 && group_exists("talkers"));
    free(group);
    return 0;
}

static void an_entry_may_be_long(void **state)
{
    int status;

    skip_unless_root();
    write_users(*state);
    status = unit_fork((uid_t)-1, look_among_these_users, *state);
    skip_unless(status != SKIPPED, "nothing can be mounted over /etc here");
    assert_int_equal(status, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_number_without_a_name_is_the_name),
    test_in_directory(an_entry_may_be_long),
};

UNIT_MAIN(tests)
