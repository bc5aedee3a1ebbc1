/* In which order violations are acted on. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "policy/violation.h"

/* Adds a violation by @username: of process @pid, or else of the environment @eid. */
static void add(struct violation_list *list, const char *username, pid_t pid, const char *eid)
{
    struct violation violation = {.remedy = pid ? REMEDY_TERMINATE : REMEDY_DETACH, .pid = pid, .index = 0};

    copy_string(violation.username, sizeof(violation.username), username);
    copy_string(violation.eid, sizeof(violation.eid), eid);
    for (size_t i = 0; i < list->count; i++)
        violation.index += list->items[i].remedy == violation.remedy && strcmp(list->items[i].eid, eid) == 0;
    assert_int_equal(violation_list_add(list, &violation), 0);
}

/* That they come as @expected: "PID " each, or "EID/which of its own ". */
static void check(struct violation_list *list, const char *expected)
{
    cleanup_text struct text text = TEXT_INIT;

    assert_int_equal(violation_list_take_turns(list), 0);
    text_add(&text, "");
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].pid)
            text_addf(&text, "%d ", (int)list->items[i].pid);
        else
            text_addf(&text, "%s/%u ", list->items[i].eid, list->items[i].index);
    }
    assert_string_equal(text.data, expected);
}

static void nothing_stays_nothing(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    check(&list, "");
}

static void processes_end_before_anything_is_detached(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    add(&list, "paul", 0, "a");
    add(&list, "paul", 7, "a");
    add(&list, "paul", 0, "b");
    add(&list, "paul", 8, "");
    check(&list, "7 8 a/0 b/0 ");
}

static void what_one_piles_up_keeps_nobody_waiting(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    add(&list, "alice", 1, "");
    add(&list, "alice", 2, "");
    add(&list, "alice", 3, "");
    add(&list, "alice", 0, "a");
    add(&list, "alice", 0, "b");
    add(&list, "bob", 9, "");
    add(&list, "bob", 0, "x");
    check(&list, "1 9 2 3 a/0 x/0 b/0 ");
    check(&list, "1 9 2 3 a/0 x/0 b/0 ");
}

static void of_an_environment_all_goes_at_once(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    add(&list, "alice", 0, "b");
    add(&list, "alice", 0, "a");
    add(&list, "alice", 0, "b");
    add(&list, "bob", 0, "x");
    add(&list, "bob", 0, "y");
    add(&list, "alice", 0, "a");
    add(&list, "bob", 0, "x");
    check(&list, "b/0 b/1 x/0 x/1 a/0 a/1 y/0 ");
}

static void users_without_a_name_are_told_apart(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    for (pid_t pid = 1; pid <= 3; pid++)
        add(&list, "", pid, "");
    list.items[2].uid = 5;
    check(&list, "1 3 2 ");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_stays_nothing),
    cmocka_unit_test(processes_end_before_anything_is_detached),
    cmocka_unit_test(what_one_piles_up_keeps_nobody_waiting),
    cmocka_unit_test(of_an_environment_all_goes_at_once),
    cmocka_unit_test(users_without_a_name_are_told_apart),
};

UNIT_MAIN(tests)
