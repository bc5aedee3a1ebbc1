/* Whose grace is over: nobody gains time by putting something else in the place of what broke a rule. */
#include "unit.h"

#include "base/text.h"
#include "policy/grace.h"

#define GRACE_MS 1000

/* A process @pid of user @uid in environment @eid that uses the device with @uuid. */
static struct violation use(uid_t uid, pid_t pid, const char *eid, const char *uuid)
{
    struct violation violation = {.rule = *eid ? RULE_ENV_DEVICES : RULE_NON_ENV_PROCESSES,
                                  .remedy = REMEDY_TERMINATE,
                                  .uid = uid,
                                  .pid = pid,
                                  .start_time = 7};

    copy_string(violation.eid, sizeof(violation.eid), eid);
    copy_string(violation.uuid, sizeof(violation.uuid), uuid);
    return violation;
}

static struct violation hold(const char *username, const char *eid, const char *uuid)
{
    struct violation violation = {.rule = RULE_MAX_DEVICES, .remedy = REMEDY_DETACH, .uid = 1};

    copy_string(violation.username, sizeof(violation.username), username);
    copy_string(violation.eid, sizeof(violation.eid), eid);
    copy_string(violation.uuid, sizeof(violation.uuid), uuid);
    return violation;
}

/* That at @now_ms, where @found and perhaps @also are there, they are so since then. */
static void check_both(struct graces *graces, int64_t now_ms, const struct violation *found, int64_t since_ms,
                       const struct violation *also, int64_t also_since_ms)
{
    cleanup_violation_list struct violation_list list = {0};
    int64_t since[2] = {0};

    assert_int_equal(violation_list_add(&list, found), 0);
    if (also)
        assert_int_equal(violation_list_add(&list, also), 0);
    assert_int_equal(graces_look(graces, &list, now_ms, GRACE_MS, since), 0);
    assert_int_equal(since[0], since_ms);
    if (also)
        assert_int_equal(since[1], also_since_ms);
}

static void check(struct graces *graces, int64_t now_ms, struct violation found, int64_t since_ms)
{
    check_both(graces, now_ms, &found, since_ms, NULL, 0);
}

static void nothing(struct graces *graces, int64_t now_ms)
{
    const struct violation_list none = {0};

    assert_int_equal(graces_look(graces, &none, now_ms, GRACE_MS, NULL), 0);
}

static void starting_anew_gains_no_time(void **state)
{
    struct graces graces = {0};

    (void)state;
    check(&graces, 5000, use(1, 10, "", "GPU-0"), 5000);
    check(&graces, 5400, use(1, 11, "", "GPU-0"), 5000); /* another process */
    nothing(&graces, 5500);
    check(&graces, 5900, use(1, 12, "", "GPU-0"), 5000);  /* there for a moment, now and then */
    check(&graces, 6300, use(1, 12, "a", "GPU-0"), 5000); /* registered, and under another name */
    check(&graces, 6700, use(1, 12, "b", "GPU-0"), 5000);
    check(&graces, 7100, use(1, 13, "", "GPU-0"), 5000); /* another rule */
    graces_release(&graces);
}

static void nor_does_going_to_and_fro(void **state)
{
    static const char *const uuids[] = {"GPU-0", "GPU-1", "GPU-2", "GPU-3"};
    struct graces graces = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        check(&graces, 5000 + 400 * i, use(1, 10, i % 2 ? "a" : "", uuids[i % 4]), 5000);
    check(&graces, 13000, use(1, 11, "", "GPU-3"), 5000); /* who follows takes it over */
    graces_release(&graces);
}

static void what_was_over_for_a_grace_is_forgotten(void **state)
{
    struct graces graces = {0};

    (void)state;
    check(&graces, 5000, use(1, 10, "", "GPU-0"), 5000);
    check(&graces, 9000, use(1, 10, "", "GPU-0"), 5000); /* there at the last look, however long ago */
    nothing(&graces, 9999);
    check(&graces, 10000, use(1, 10, "", "GPU-0"), 10000);
    nothing(&graces, 10100);
    nothing(&graces, 11000);
    assert_int_equal(graces.count, 0);
    graces_release(&graces);
}

static void others_have_their_own(void **state)
{
    const struct violation theirs = use(2, 20, "", "GPU-0"), unknown = use((uid_t)-1, 30, "", "GPU-0");
    struct violation mine = use(1, 10, "", "GPU-0"), elsewhere = mine;
    struct graces graces = {0};

    (void)state;
    check(&graces, 5000, mine, 5000);
    check_both(&graces, 5100, &mine, 5000, &theirs, 5100);
    elsewhere.host = 1;
    check_both(&graces, 5200, &mine, 5000, &elsewhere, 5200);
    check(&graces, 5300, use(1, 11, "", "GPU-1"), 5300); /* another process on another device */
    check(&graces, 5400, unknown, 5400);
    check(&graces, 5500, use((uid_t)-1, 31, "", "GPU-0"), 5500); /* nobody knows that it is the same user's */
    graces_release(&graces);
}

static void a_maximum_is_broken_by_its_user(void **state)
{
    struct violation more = hold("paul", "b", "GPU-1");
    struct graces graces = {0};

    (void)state;
    check(&graces, 5000, hold("paul", "a", "GPU-0"), 5000);
    more.host = 1;
    check(&graces, 5500, more, 5000);
    check(&graces, 5600, hold("mary", "c", "GPU-0"), 5600);
    more.rule = RULE_MAX_MEMORY;
    check(&graces, 5700, more, 5700);
    graces_release(&graces);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(starting_anew_gains_no_time),
    cmocka_unit_test(nor_does_going_to_and_fro),
    cmocka_unit_test(what_was_over_for_a_grace_is_forgotten),
    cmocka_unit_test(others_have_their_own),
    cmocka_unit_test(a_maximum_is_broken_by_its_user),
};

UNIT_MAIN(tests)
