/* Directories that other programs are told of by their path: those in which others have a hand are not used. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/trust.h"

/* Makes the directory @state/@name, which the caller may free(). */
static char *make(void **state, const char *name, mode_t mode, uid_t uid)
{
    char *path = unit_path(*state, name);

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, uid, (gid_t)-1), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static int resolve(const char *path)
{
    cleanup_free char *resolved = NULL;

    return trust_resolve(path, &resolved);
}

static void others_on_the_way_are_noticed(void **state)
{
    cleanup_free char *way = make(state, "way", 0755, geteuid()), *below = make(state, "way/below", 0700, geteuid());
    static const mode_t safe[] = {0755, 0700, 01777, 01770}, unsafe[] = {0777, 0775, 0757, 02775};

    assert_int_equal(chmod(*state, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(safe); i++) {
        assert_int_equal(chmod(way, safe[i]), 0);
        assert_int_equal(resolve(way), 0);
        assert_int_equal(resolve(below), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(unsafe); i++) {
        assert_int_equal(chmod(way, unsafe[i]), 0);
        assert_int_equal(resolve(way), -EPERM);
        assert_int_equal(resolve(below), -EPERM);
    }
    assert_int_equal(chmod(way, 0755), 0);
    assert_int_equal(chmod(*state, 0777), 0);
    assert_int_equal(resolve(below), -EPERM);
    assert_int_equal(resolve("/nowhere/at/all"), -ENOENT);
}

/* Who owns a directory can rename what is in it, whoever that belongs to, sticky or not. */
static void a_strangers_directory_on_the_way_is_noticed(void **state)
{
    cleanup_free char *way = NULL, *below = NULL;

    skip_unless_root();
    assert_int_equal(chmod(*state, 0755), 0);
    way = make(state, "way", 0755, USER_A);
    below = make(state, "way/below", 0700, geteuid());
    assert_int_equal(resolve(below), -EPERM);
    assert_int_equal(chmod(way, 01777), 0);
    assert_int_equal(resolve(below), -EPERM);
}

/* What counts is where a link leads; the path that is told has none. */
static void links_are_resolved(void **state)
{
    cleanup_free char *real = make(state, "real", 0755, geteuid()), *link = unit_path(*state, "link"), *path = NULL;

    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(symlink(real, link), 0);
    assert_int_equal(trust_resolve(link, &path), 0);
    assert_string_equal(path, real);
    assert_int_equal(chmod(real, 0777), 0);
    assert_int_equal(resolve(link), -EPERM);
}

static int open_private(void **state, const char *name)
{
    cleanup_close int fd = -1;

    return trust_open_private(*state, name, &fd);
}

static void a_private_directory_is_made(void **state)
{
    cleanup_free char *path = unit_path(*state, "private");
    mode_t mask = umask(0);
    struct stat st;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_private(state, "private"), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(chmod(path, 0755), 0);
    }
    umask(mask);
}

static void what_others_may_have_planted_is_refused(void **state)
{
    cleanup_free char *open_to_all = make(state, "open", 0777, geteuid()), *link = unit_path(*state, "link");

    assert_int_equal(open_private(state, "open"), -EPERM);
    assert_int_equal(chmod(open_to_all, 0770), 0);
    assert_int_equal(open_private(state, "open"), -EPERM);
    assert_int_equal(chmod(open_to_all, 0700), 0);
    assert_int_equal(symlink(open_to_all, link), 0);
    assert_int_equal(open_private(state, "link"), -ENOTDIR);
    unit_write(*state, "file", "");
    assert_int_equal(open_private(state, "file"), -ENOTDIR);
    if (unit_can_be_others()) {
        free(make(state, "theirs", 0700, USER_A));
        assert_int_equal(open_private(state, "theirs"), -EPERM);
    }
}

static int try_open(void **state, const char *name)
{
    cleanup_free char *path = unit_path(*state, name);
    cleanup_close int fd = -1;
    uid_t stranger;

    return trust_open(path, &fd, &stranger);
}

static void ones_own_and_roots_are_opened_by_links_too(void **state)
{
    static const char *const targets[] = {"own", "./own", "way/../own", "/etc"};
    cleanup_free char *link = unit_path(*state, "link");

    free(make(state, "own", 0700, geteuid()));
    free(make(state, "way", 0755, geteuid()));
    assert_int_equal(try_open(state, "own"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        assert_int_equal(symlink(targets[i], link), 0);
        assert_int_equal(try_open(state, "link"), 0);
        assert_int_equal(unlink(link), 0);
    }
    assert_int_equal(symlink("nowhere", link), 0);
    assert_int_equal(try_open(state, "link"), -ENOENT);
    assert_int_equal(try_open(state, "nowhere"), -ENOENT);
    unit_write(*state, "file", "");
    assert_int_equal(try_open(state, "file"), -ENOTDIR);
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("own", link), 0);
    assert_int_equal(trust_open("link", &(int){-1}, &(uid_t){0}), 0);
}

static void of_a_link_both_ends_count(void **state)
{
    cleanup_free char *own = make(state, "own", 0700, geteuid()), *link = unit_path(*state, "link");

    skip_unless_root();
    assert_int_equal(symlink(own, link), 0);
    assert_int_equal(lchown(link, USER_A, USER_A), 0);
    assert_int_equal(try_open(state, "link"), -EPERM);
    assert_int_equal(lchown(link, 0, 0), 0);
    assert_int_equal(chown(own, USER_A, USER_A), 0);
    assert_int_equal(try_open(state, "link"), -EPERM);
    assert_int_equal(try_open(state, "own"), -EPERM);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(others_on_the_way_are_noticed),
    test_in_directory(a_strangers_directory_on_the_way_is_noticed),
    test_in_directory(links_are_resolved),
    test_in_directory(a_private_directory_is_made),
    test_in_directory(what_others_may_have_planted_is_refused),
    test_in_directory(ones_own_and_roots_are_opened_by_links_too),
    test_in_directory(of_a_link_both_ends_count),
};

UNIT_MAIN(tests)
