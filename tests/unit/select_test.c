/* Which devices an environment gets: single cases. */
#include "select_world.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* That select_count() gives the devices "0,2" or, as "!", what @reason is part of. */
static void check_count(const struct machine *machine, int count, bool over_subscribe, const char *expected,
                        const char *reason)
{
    struct select_view view = world_view(machine, SELF);
    struct selection selection = {0};
    struct genv_error err = {0};
    cleanup_text struct text indices = TEXT_INIT;
    int r = select_count(&view, count, over_subscribe, &selection, &err);

    for (size_t i = 0; i < selection.count; i++)
        text_addf(&indices, "%s%d", i ? "," : "", selection.attachments[i].index);
    text_add(&indices, r < 0 ? "!" : "");
    free(selection.attachments);
    assert_string_equal(indices.data, expected);
    if (reason && !strstr(err.message, reason))
        fail_msg("\"%s\" instead of \"%s\"", err.message, reason);
    assert_true(utf8_is_printable(err.message));
    if (r < 0)
        assert_int_equal(-r, err.code);
}

static void the_lowest_free_indices_are_given(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 5, 2);
    world_attach(&machine, 1, 0, 0);
    world_attach(&machine, 1, 2, 0);
    check_count(&machine, 0, false, "", NULL);
    check_count(&machine, 1, false, "1", NULL);
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 3, false, "1,3,4", NULL);
    check_count(&machine, 4, false, "!", "cannot attach 4 devices: 3 of 5 are available; ask for fewer, wait");
    check_count(&machine, 6, false, "!", "cannot attach 6 devices: this machine has 5");
    check_count(&machine, 65535, true, "!", "this machine has 5");
}

static void what_is_attached_stays_and_the_surplus_goes_from_the_top(void **state)
{
    struct machine machine;
    struct selection selection;
    struct select_view view;

    (void)state;
    world_make_machine(&machine, 5, 2);
    world_attach(&machine, SELF, 4, 0);
    world_attach(&machine, SELF, 3, 7 * G);
    world_attach(&machine, SELF, 1, 0);
    check_count(&machine, 3, false, "1,3,4", NULL);
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 1, false, "1", NULL);
    check_count(&machine, 0, false, "", NULL);
    check_count(&machine, 4, false, "0,1,3,4", NULL);

    view = world_view(&machine, SELF);
    assert_int_equal(select_count(&view, 4, false, &selection, NULL), 0);
    assert_int_equal(selection.attachments[0].time.tv_sec, NOW.tv_sec);
    assert_int_equal(selection.attachments[2].time.tv_sec, EARLIER.tv_sec);
    assert_int_equal(selection.attachments[2].gpu_memory, 7 * G);
    free(selection.attachments);
}

static void a_capacity_takes_the_least_room_that_suffices(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 5, 3);
    machine.envs[SELF].config.gpu_memory = 4 * G;
    world_attach(&machine, 1, 0, 13 * G); /* too little room */
    world_attach(&machine, 1, 1, 6 * G);  /* 10 */
    world_attach(&machine, 1, 2, 4 * G);  /* 4 with the next: just enough */
    world_attach(&machine, 2, 2, 8 * G);
    world_attach(&machine, 2, 4, 0); /* taken as a whole */
    check_count(&machine, 1, false, "2", NULL);
    check_count(&machine, 2, false, "1,2", NULL);
    check_count(&machine, 3, false, "1,2,3", NULL); /* a free device last: whole devices stay whole for others */
    check_count(
        &machine, 4, false, "!",
        "cannot attach 4 devices: 3 of 5 are available with room for 4g; ask for fewer, ask for less memory, wait");
    machine.envs[SELF].config.gpu_memory = 17 * G;
    check_count(&machine, 1, false, "!", "cannot attach 1 device with 17g: the largest device has 16g");
    machine.envs[SELF].config.gpu_memory = 16 * G;
    check_count(&machine, 1, false, "3", NULL);
}

static void a_whole_device_is_not_taken_from_those_that_share_it(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 2, 2);
    world_attach(&machine, 1, 0, 1);
    check_count(&machine, 1, false, "1", NULL);
    check_count(&machine, 2, false, "!", "1 of 2 is available");
}

static void capacities_that_overflow_leave_no_room(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 1, 4);
    world_attach(&machine, 1, 0, INT64_MAX);
    world_attach(&machine, 2, 0, INT64_MAX);
    world_attach(&machine, 3, 0, 2);
    machine.envs[SELF].config.gpu_memory = 1;
    check_count(&machine, 1, false, "!", "0 of 1 are available with room for 1");
    check_count(&machine, 1, true, "0", NULL);
}

static void busy_devices_come_last(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 4, 2);
    machine.busy[0] = machine.busy[2] = true;
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 3, false, "0,1,3", NULL);
    machine.envs[SELF].config.gpu_memory = 4 * G;
    world_attach(&machine, 1, 2, 4 * G); /* the least room, but busy */
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 3, false, "1,2,3", NULL);
}

static void over_subscribing_takes_free_devices_then_those_with_the_fewest_environments(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 5, 4);
    world_attach(&machine, 1, 0, 0);
    world_attach(&machine, 2, 0, 0);
    world_attach(&machine, 3, 0, 0);
    world_attach(&machine, 1, 1, 0);
    world_attach(&machine, 2, 1, 0);
    world_attach(&machine, 3, 3, 0);
    check_count(&machine, 2, true, "2,4", NULL);
    check_count(&machine, 3, true, "2,3,4", NULL);
    check_count(&machine, 4, true, "1,2,3,4", NULL);
    check_count(&machine, 5, true, "0,1,2,3,4", NULL);
    check_count(&machine, 6, true, "!", "cannot attach 6 devices: this machine has 5");
    machine.busy[4] = true; /* strangers use it, but nobody reserved it */
    check_count(&machine, 1, true, "2", NULL);
    check_count(&machine, 2, true, "2,4", NULL);
    machine.busy[3] = true;
    check_count(&machine, 3, true, "1,2,4", NULL);
}

static void devices_that_do_not_work_are_never_given(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 4, 1);
    machine.devices[0].state = GENV_DEVICE_LOST;
    machine.devices[1].state = GENV_DEVICE_FORBIDDEN;
    machine.devices[2].id.uuid[0] = '\0';
    check_count(&machine, 1, false, "3", NULL);
    check_count(&machine, 2, false, "!", "cannot attach 2 devices: this machine has 4, and 3 of them do not work");
    check_count(&machine, 2, true, "!", "and 3 of them do not work");
    world_attach(&machine, SELF, 0, 0);
    check_count(&machine, 1, false, "3", NULL); /* one that was lost meanwhile does not count */
    machine.devices[3].state = GENV_DEVICE_FAILED;
    check_count(&machine, 1, false, "!", "cannot attach 1 device: this machine has 4, and 4 of them do not work");
    world_make_machine(&machine, 2, 1);
    machine.devices[1].state = GENV_DEVICE_LOST;
    check_count(&machine, 2, false, "!", "and 1 of them does not work");
}

static void a_machine_without_devices_says_so(void **state)
{
    struct machine machine;
    struct select_view view;
    struct selection selection;
    struct genv_error err = {0};

    (void)state;
    world_make_machine(&machine, 0, 1);
    check_count(&machine, 0, false, "", NULL);
    check_count(&machine, 1, false, "!", "cannot attach 1 device: this machine has none");
    check_count(&machine, 2, true, "!", "cannot attach 2 devices: this machine has none");
    view = world_view(&machine, SELF);
    assert_int_equal(select_device(&view, "0", true, &selection, &err), -ENODEV);
    assert_string_equal(err.message, "there is no device 0: this machine has no devices");
}

static void a_failure_leaves_the_result_alone(void **state)
{
    struct machine machine;
    struct select_view view;
    struct selection selection = {.count = 77};

    (void)state;
    world_make_machine(&machine, 1, 2);
    world_attach(&machine, 1, 0, 0);
    view = world_view(&machine, SELF);
    assert_int_equal(select_count(&view, 1, false, &selection, NULL), -EBUSY);
    assert_int_equal(select_count(&view, 2, false, &selection, NULL), -ENODEV);
    assert_int_equal(select_device(&view, "0", false, &selection, NULL), -EBUSY);
    assert_int_equal(select_device(&view, "1", false, &selection, NULL), -ENODEV);
    assert_int_equal(selection.count, 77);
}

/* select_device() */

static void check_index(const struct machine *machine, int index, bool over_subscribe, const char *expected, int code,
                        const char *reason)
{
    struct select_view view = world_view(machine, SELF);
    struct selection selection = {0};
    struct genv_error err = {0};
    cleanup_text struct text indices = TEXT_INIT;
    char name[16];

    snprintf(name, sizeof(name), "%d", index);
    assert_int_equal(select_device(&view, name, over_subscribe, &selection, &err), -code);
    text_add(&indices, "");
    for (size_t i = 0; i < selection.count; i++)
        text_addf(&indices, "%s%d", i ? "," : "", selection.attachments[i].index);
    free(selection.attachments);
    assert_string_equal(indices.data, expected);
    assert_string_equal(err.message, reason);
}

static void an_index_comes_besides_what_is_attached(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 4, 3);
    machine.devices[3].index = 9;
    world_attach(&machine, SELF, 2, 3 * G);
    world_attach(&machine, 1, 1, 0);
    copy_string(machine.envs[1].config.name, 8, "Help!");
    check_index(&machine, 0, false, "0,2", 0, "");
    check_index(&machine, 9, false, "2,9", 0, "");
    check_index(&machine, 2, false, "2", 0, "");
    check_index(&machine, 1, true, "1,2", 0, "");
    check_index(&machine, 1, false, "", EBUSY,
                "device 1 is held by environment env1 (Help!) of 4000000000: pick another device, wait, or attach it "
                "anyway (-o)");
    check_index(&machine, 3, false, "", ENODEV, "there is no device 3: this machine has devices 0 to 9");
    check_index(&machine, 65535, true, "", ENODEV, "there is no device 65535: this machine has devices 0 to 9");
    machine.envs[SELF].config.gpu_memory = 4 * G;
    check_index(&machine, 1, false, "", EBUSY,
                "device 1 holds 16g of 16g; 4g are needed: pick another device, wait, or attach it anyway (-o)");
    machine.envs[1].attachments[0].gpu_memory = 13 * G;
    check_index(&machine, 1, false, "", EBUSY,
                "device 1 holds 13g of 16g; 4g are needed: pick another device, wait, or attach it anyway (-o)");
    machine.envs[SELF].config.gpu_memory = 3 * G;
    check_index(&machine, 1, false, "1,2", 0, "");
}

static void an_index_that_does_not_work_is_refused(void **state)
{
    struct machine machine;

    (void)state;
    world_make_machine(&machine, 4, 1);
    machine.devices[0].state = GENV_DEVICE_LOST;
    machine.devices[1].state = GENV_DEVICE_FORBIDDEN;
    machine.devices[2].state = GENV_DEVICE_FAILED;
    machine.devices[3].id.uuid[0] = '\0';
    check_index(&machine, 0, true, "", ENODEV, "device 0 is lost: it fell off the bus or needs a reset");
    check_index(&machine, 1, true, "", ENODEV, "device 1 cannot be opened: permission denied");
    check_index(&machine, 2, false, "", ENODEV, "device 2 does not respond to the driver");
    check_index(&machine, 3, true, "", ENODEV, "device 3 has no UUID");
    world_attach(&machine, SELF, 0, 0);
    check_index(&machine, 0, false, "0", 0, ""); /* attached already: no effect */
}

/* select_capacity() */

/* All sets of four devices: what an isolated environment began with, by what it has of that now, by count. */
static void an_isolated_environment_gets_what_it_began_with(void **state)
{
    (void)state;
    for (unsigned began = 0; began < 16; began++) {
        struct machine machine;
        size_t room;

        world_make_machine(&machine, 4, 2);
        world_isolate(&machine, SELF, began);
        room = machine.envs[SELF].openable_count;
        for (unsigned count = 0; count <= 4; count++) {
            cleanup_text struct text expected = TEXT_INIT;
            unsigned given = 0;

            text_add(&expected, count > room ? "!" : "");
            for (unsigned d = 0; count <= room && d < 4; d++) {
                if (began >> d & 1 && given < count)
                    text_addf(&expected, "%s%u", given++ ? "," : "", d);
            }
            check_count(&machine, (int)count, false, expected.data, count > room ? "is isolated" : NULL);
            check_count(&machine, (int)count, true, expected.data, count > room ? "is isolated" : NULL);
        }
        for (int d = 0; d < 4; d++) {
            char index[2] = {(char)('0' + d)};
            bool can = began >> d & 1;
            char reason[128];

            snprintf(reason, sizeof(reason),
                     "environment env0 is isolated: it can only have the devices that it had at its start (%zu): start "
                     "another one",
                     room);
            check_index(&machine, d, true, can ? index : "", can ? 0 : EPERM, can ? "" : reason);
        }
    }
}

static void a_capacity_applies_to_all_that_is_attached(void **state)
{
    struct machine machine;
    struct select_view view;
    struct selection selection = {0};
    struct genv_error err = {0};

    (void)state;
    world_make_machine(&machine, 3, 3);
    world_attach(&machine, SELF, 0, 4 * G);
    world_attach(&machine, SELF, 1, 4 * G);
    world_attach(&machine, 1, 1, 10 * G);
    view = world_view(&machine, SELF);
    assert_int_equal(select_capacity(&view, 6 * G, &selection, NULL), 0);
    assert_int_equal(selection.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(selection.attachments[i].gpu_memory, 6 * G);
        assert_int_equal(selection.attachments[i].time.tv_sec, EARLIER.tv_sec);
    }
    free(selection.attachments);
    selection = (struct selection){.count = 77};
    assert_int_equal(select_capacity(&view, 6 * G + 1, &selection, &err), -EBUSY);
    assert_string_equal(err.message, "cannot raise the memory capacity on device 1 to 6000000001: other environments "
                                     "leave 6g of it; detach the device first");
    assert_int_equal(select_capacity(&view, 0, &selection, &err), -EBUSY);
    assert_string_equal(err.message, "cannot raise the memory capacity on device 1 to the whole device: other "
                                     "environments leave 6g of it; detach the device first");
    assert_int_equal(selection.count, 77);
    world_attach(&machine, 2, 1, 0); /* over-subscribed: nothing is left, and yet less is no harm to anyone */
    assert_int_equal(select_capacity(&view, 4 * G + 1, &selection, NULL), -EBUSY);
    assert_int_equal(select_capacity(&view, 3 * G, &selection, NULL), 0);
    assert_int_equal(selection.attachments[1].gpu_memory, 3 * G);
    free(selection.attachments);
    machine.devices[1].state = GENV_DEVICE_LOST; /* nobody uses memory there */
    assert_int_equal(select_capacity(&view, 0, &selection, NULL), 0);
    assert_int_equal(selection.count, 2);
    free(selection.attachments);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_lowest_free_indices_are_given),
    cmocka_unit_test(what_is_attached_stays_and_the_surplus_goes_from_the_top),
    cmocka_unit_test(a_capacity_takes_the_least_room_that_suffices),
    cmocka_unit_test(a_whole_device_is_not_taken_from_those_that_share_it),
    cmocka_unit_test(capacities_that_overflow_leave_no_room),
    cmocka_unit_test(busy_devices_come_last),
    cmocka_unit_test(over_subscribing_takes_free_devices_then_those_with_the_fewest_environments),
    cmocka_unit_test(devices_that_do_not_work_are_never_given),
    cmocka_unit_test(a_machine_without_devices_says_so),
    cmocka_unit_test(an_isolated_environment_gets_what_it_began_with),
    cmocka_unit_test(a_failure_leaves_the_result_alone),
    cmocka_unit_test(an_index_comes_besides_what_is_attached),
    cmocka_unit_test(an_index_that_does_not_work_is_refused),
    cmocka_unit_test(a_capacity_applies_to_all_that_is_attached),
};

UNIT_MAIN(tests)
