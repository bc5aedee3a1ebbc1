/* Claims: whose a container is, which nobody else can say. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "store/cgroup.h"
#include "store/claim.h"

struct made {
    int directory;
    int pipe;
};

static int make_one(void *data)
{
    const struct made *made = data;
    char claim[GENV_CLAIM_SIZE];

    if (claim_make(made->directory, "", claim, NULL) < 0)
        return 1;
    return write(made->pipe, claim, sizeof(claim)) == sizeof(claim) ? 0 : 2;
}

/* A claim of user @uid. */
static void make(int directory, uid_t uid, char claim[static GENV_CLAIM_SIZE])
{
    int ends[2];
    struct made made = {.directory = directory};

    assert_int_equal(pipe(ends), 0);
    made.pipe = ends[1];
    assert_int_equal(unit_fork(uid, make_one, &made), 0);
    assert_int_equal(read(ends[0], claim, GENV_CLAIM_SIZE), GENV_CLAIM_SIZE);
    close(ends[0]);
    close(ends[1]);
}

static int open_state(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(directory >= 0);
    assert_int_equal(fchmod(directory, 01777), 0);
    return directory;
}

static void a_claim_is_its_users_for_one_container(void **state)
{
    cleanup_close int directory = open_state(*state);
    char claim[GENV_CLAIM_SIZE], other[GENV_CLAIM_SIZE];
    struct genv_error err = {0};
    uid_t uid = 0;

    skip_unless_root();
    make(directory, USER_A, claim);
    make(directory, USER_B, other);
    assert_string_not_equal(claim, other);
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, &err), 0);
    assert_int_equal(uid, USER_A);
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, NULL), 0); /* started again */
    assert_int_equal(claim_redeem(directory, "", claim, "c2", &uid, &err), -EPERM);
    assert_int_equal(claim_redeem(directory, "", other, "c1", &uid, NULL), 0); /* another container of that name */
    assert_int_equal(uid, USER_B);
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, NULL), -EPERM);
}

static void nobody_else_can_make_or_guess_one(void **state)
{
    cleanup_close int directory = open_state(*state);
    char claim[GENV_CLAIM_SIZE], path[4096];
    struct stat st;
    uid_t uid = 77;

    skip_unless_root();
    make(directory, USER_A, claim);
    snprintf(path, sizeof(path), "%s/claims/%.16s", (const char *)*state, claim);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, USER_A);
    assert_int_equal(st.st_mode & ALLPERMS, 0600);
    claim[20] = claim[20] == '0' ? '1' : '0';
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, NULL), -EPERM);
    claim[20] = claim[20] == '0' ? '1' : '0';
    assert_int_equal(chmod(path, 0644), 0); /* others may have read it, or it is another file */
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, NULL), -EPERM);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(uid, 77);
}

static void what_is_no_claim_is_refused(void **state)
{
    static const char *const claims[] = {"",
                                         "x",
                                         "../../../../etc/passwd",
                                         "0123456789abcdef.0123456789abcdef0123456789abcdeg",
                                         "0123456789abcdef/0123456789abcdef0123456789abcdef",
                                         "0123456789ABCDEF.0123456789abcdef0123456789abcdef"};
    static const char claim[] = "0123456789abcdef.0123456789abcdef0123456789abcdef";
    static const char *const containers[] = {"", ".", "..", "a/b", ".hidden", "a b", "a\nb"};
    cleanup_close int directory = open_state(*state);
    uid_t uid = 77;

    skip_unless_root();
    for (size_t i = 0; i < ARRAY_SIZE(claims); i++)
        assert_int_equal(claim_redeem(directory, "", claims[i], "c1", &uid, NULL), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(containers); i++)
        assert_int_equal(claim_redeem(directory, "", claim, containers[i], &uid, NULL), -EINVAL);
    assert_int_equal(claim_redeem(directory, "", claim, "c1", &uid, NULL), -EPERM);
    assert_int_equal(uid, 77);
}

static void old_claims_go(void **state)
{
    cleanup_close int directory = open_state(*state);
    const struct timeval old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    char claim[GENV_CLAIM_SIZE], path[4096];

    assert_int_equal(claim_make(directory, "", claim, NULL), 0);
    snprintf(path, sizeof(path), "%s/claims/%.16s", (const char *)*state, claim);
    assert_int_equal(utimes(path, old), 0);
    assert_int_equal(claim_make(directory, "", claim, NULL), 0);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/claims", (const char *)*state);
    assert_int_equal(unit_count_entries(path), 1);
}

static void a_container_is_its_cgroup_and_what_is_below(void **state)
{
    (void)state;
    assert_true(cgroup_is_in(":/docker/c1", ":/docker/c1"));
    assert_true(cgroup_is_in(":/docker/c1/system.slice/x", ":/docker/c1"));
    assert_false(cgroup_is_in(":/docker/c10", ":/docker/c1"));
    assert_false(cgroup_is_in(":/docker", ":/docker/c1"));
    assert_false(cgroup_is_in("devices:/docker/c1", ":/docker/c1"));
    assert_true(cgroup_is_in(":/docker/c1/system.slice/x", ":/docker/c1/init.scope")); /* systemd in it */
    assert_false(cgroup_is_in(":/docker/c2", ":/docker/c1/init.scope"));
}

static const struct CMUnitTest tests[] = {
    test_in_directory(a_claim_is_its_users_for_one_container),
    test_in_directory(nobody_else_can_make_or_guess_one),
    test_in_directory(what_is_no_claim_is_refused),
    test_in_directory(old_claims_go),
    cmocka_unit_test(a_container_is_its_cgroup_and_what_is_below),
};

UNIT_MAIN(tests)
