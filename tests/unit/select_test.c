/* Which devices an environment gets: single cases, then thousands of random machines against the rule in words. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "policy/select.h"

#define G            ((uint64_t)1000000000)
#define MACHINE_SIZE 7
#define MACHINE_ENVS 6
#define SELF         0
#define NOW          ((struct timespec){.tv_sec = 1000})
#define EARLIER      ((struct timespec){.tv_sec = 500})

/* A machine, with room for attachments of every environment to every device. */
struct machine {
    struct genv_device devices[MACHINE_SIZE];
    bool busy[MACHINE_SIZE];
    struct genv_env envs[MACHINE_ENVS];
    struct genv_attachment attachments[MACHINE_ENVS][MACHINE_SIZE];
    struct env_list list;
    size_t size;
};

static void machine_make(struct machine *machine, size_t size, size_t env_count)
{
    memset(machine, 0, sizeof(*machine));
    machine->size = size;
    machine->list = (struct env_list){machine->envs, env_count};
    for (size_t d = 0; d < size; d++) {
        machine->devices[d] = (struct genv_device){.index = (unsigned)d, .total_memory = 16 * G};
        snprintf(machine->devices[d].id.uuid, GENV_UUID_SIZE, "GPU-%zu", d);
    }
    for (size_t e = 0; e < env_count; e++) {
        snprintf(machine->envs[e].eid, GENV_EID_MAX, "env%zu", e);
        machine->envs[e].attachments = machine->attachments[e];
        machine->envs[e].config.gpus = -1;
        machine->envs[e].uid = 4000000000;
    }
}

static void machine_attach(struct machine *machine, size_t e, size_t d, uint64_t capacity)
{
    struct genv_env *env = &machine->envs[e];
    struct genv_attachment *attachment = &env->attachments[env->attachment_count++];

    *attachment =
        (struct genv_attachment){.index = (int)machine->devices[d].index, .gpu_memory = capacity, .time = EARLIER};
    copy_string(attachment->device.uuid, sizeof(attachment->device.uuid), machine->devices[d].id.uuid);
}

static struct select_view view_of(const struct machine *machine, size_t self)
{
    return (struct select_view){machine->devices, machine->size,        machine->busy,
                                &machine->list,   &machine->envs[self], NOW};
}

/* That select_count() gives the devices "0,2" or, as "!", what @reason is part of. */
static void check_count(const struct machine *machine, int count, bool over_subscribe, const char *expected,
                        const char *reason)
{
    struct select_view view = view_of(machine, SELF);
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
    machine_make(&machine, 5, 2);
    machine_attach(&machine, 1, 0, 0);
    machine_attach(&machine, 1, 2, 0);
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
    machine_make(&machine, 5, 2);
    machine_attach(&machine, SELF, 4, 0);
    machine_attach(&machine, SELF, 3, 7 * G);
    machine_attach(&machine, SELF, 1, 0);
    check_count(&machine, 3, false, "1,3,4", NULL);
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 1, false, "1", NULL);
    check_count(&machine, 0, false, "", NULL);
    check_count(&machine, 4, false, "0,1,3,4", NULL);

    view = view_of(&machine, SELF);
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
    machine_make(&machine, 5, 3);
    machine.envs[SELF].config.gpu_memory = 4 * G;
    machine_attach(&machine, 1, 0, 13 * G); /* too little room */
    machine_attach(&machine, 1, 1, 6 * G);  /* 10 */
    machine_attach(&machine, 1, 2, 4 * G);  /* 4 with the next: just enough */
    machine_attach(&machine, 2, 2, 8 * G);
    machine_attach(&machine, 2, 4, 0); /* taken as a whole */
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
    machine_make(&machine, 2, 2);
    machine_attach(&machine, 1, 0, 1);
    check_count(&machine, 1, false, "1", NULL);
    check_count(&machine, 2, false, "!", "1 of 2 is available");
}

static void capacities_that_overflow_leave_no_room(void **state)
{
    struct machine machine;

    (void)state;
    machine_make(&machine, 1, 4);
    machine_attach(&machine, 1, 0, INT64_MAX);
    machine_attach(&machine, 2, 0, INT64_MAX);
    machine_attach(&machine, 3, 0, 2);
    machine.envs[SELF].config.gpu_memory = 1;
    check_count(&machine, 1, false, "!", "0 of 1 are available with room for 1");
    check_count(&machine, 1, true, "0", NULL);
}

static void busy_devices_come_last(void **state)
{
    struct machine machine;

    (void)state;
    machine_make(&machine, 4, 2);
    machine.busy[0] = machine.busy[2] = true;
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 3, false, "0,1,3", NULL);
    machine.envs[SELF].config.gpu_memory = 4 * G;
    machine_attach(&machine, 1, 2, 4 * G); /* the least room, but busy */
    check_count(&machine, 2, false, "1,3", NULL);
    check_count(&machine, 3, false, "1,2,3", NULL);
}

static void over_subscribing_takes_free_devices_then_those_with_the_fewest_environments(void **state)
{
    struct machine machine;

    (void)state;
    machine_make(&machine, 5, 4);
    machine_attach(&machine, 1, 0, 0);
    machine_attach(&machine, 2, 0, 0);
    machine_attach(&machine, 3, 0, 0);
    machine_attach(&machine, 1, 1, 0);
    machine_attach(&machine, 2, 1, 0);
    machine_attach(&machine, 3, 3, 0);
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
    machine_make(&machine, 4, 1);
    machine.devices[0].state = GENV_DEVICE_LOST;
    machine.devices[1].state = GENV_DEVICE_FORBIDDEN;
    machine.devices[2].id.uuid[0] = '\0';
    check_count(&machine, 1, false, "3", NULL);
    check_count(&machine, 2, false, "!", "cannot attach 2 devices: this machine has 4, and 3 of them do not work");
    check_count(&machine, 2, true, "!", "and 3 of them do not work");
    machine_attach(&machine, SELF, 0, 0);
    check_count(&machine, 1, false, "3", NULL); /* one that was lost meanwhile does not count */
    machine.devices[3].state = GENV_DEVICE_FAILED;
    check_count(&machine, 1, false, "!", "cannot attach 1 device: this machine has 4, and 4 of them do not work");
    machine_make(&machine, 2, 1);
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
    machine_make(&machine, 0, 1);
    check_count(&machine, 0, false, "", NULL);
    check_count(&machine, 1, false, "!", "cannot attach 1 device: this machine has none");
    check_count(&machine, 2, true, "!", "cannot attach 2 devices: this machine has none");
    view = view_of(&machine, SELF);
    assert_int_equal(select_device(&view, "0", true, &selection, &err), -ENODEV);
    assert_string_equal(err.message, "there is no device 0: this machine has no devices");
}

static void a_failure_leaves_the_result_alone(void **state)
{
    struct machine machine;
    struct select_view view;
    struct selection selection = {.count = 77};

    (void)state;
    machine_make(&machine, 1, 2);
    machine_attach(&machine, 1, 0, 0);
    view = view_of(&machine, SELF);
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
    struct select_view view = view_of(machine, SELF);
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
    machine_make(&machine, 4, 3);
    machine.devices[3].index = 9;
    machine_attach(&machine, SELF, 2, 3 * G);
    machine_attach(&machine, 1, 1, 0);
    copy_string(machine.envs[1].config.name, 8, "Help!");
    check_index(&machine, 0, false, "0,2", 0, "");
    check_index(&machine, 9, false, "2,9", 0, "");
    check_index(&machine, 2, false, "2", 0, "");
    check_index(&machine, 1, true, "1,2", 0, "");
    check_index(
        &machine, 1, false, "", EBUSY,
        "device 1 is held by environment env1 (Help!) of 4000000000: pick another device, wait, or share it (-o)");
    check_index(&machine, 3, false, "", ENODEV, "there is no device 3: this machine has devices 0 to 9");
    check_index(&machine, 65535, true, "", ENODEV, "there is no device 65535: this machine has devices 0 to 9");
    machine.envs[SELF].config.gpu_memory = 4 * G;
    check_index(&machine, 1, false, "", EBUSY,
                "device 1 holds 16g of 16g; 4g are needed: pick another device, wait, or share it (-o)");
    machine.envs[1].attachments[0].gpu_memory = 13 * G;
    check_index(&machine, 1, false, "", EBUSY,
                "device 1 holds 13g of 16g; 4g are needed: pick another device, wait, or share it (-o)");
    machine.envs[SELF].config.gpu_memory = 3 * G;
    check_index(&machine, 1, false, "1,2", 0, "");
}

static void an_index_that_does_not_work_is_refused(void **state)
{
    struct machine machine;

    (void)state;
    machine_make(&machine, 4, 1);
    machine.devices[0].state = GENV_DEVICE_LOST;
    machine.devices[1].state = GENV_DEVICE_FORBIDDEN;
    machine.devices[2].state = GENV_DEVICE_FAILED;
    machine.devices[3].id.uuid[0] = '\0';
    check_index(&machine, 0, true, "", ENODEV, "device 0 is lost: it fell off the bus or needs a reset");
    check_index(&machine, 1, true, "", ENODEV, "device 1 cannot be opened: permission denied");
    check_index(&machine, 2, false, "", ENODEV, "device 2 does not respond to the driver");
    check_index(&machine, 3, true, "", ENODEV, "device 3 has no UUID");
    machine_attach(&machine, SELF, 0, 0);
    check_index(&machine, 0, false, "0", 0, ""); /* attached already: no effect */
}

/* select_capacity() */

static void a_capacity_applies_to_all_that_is_attached(void **state)
{
    struct machine machine;
    struct select_view view;
    struct selection selection = {0};
    struct genv_error err = {0};

    (void)state;
    machine_make(&machine, 3, 3);
    machine_attach(&machine, SELF, 0, 4 * G);
    machine_attach(&machine, SELF, 1, 4 * G);
    machine_attach(&machine, 1, 1, 10 * G);
    view = view_of(&machine, SELF);
    assert_int_equal(select_capacity(&view, 6 * G, &selection, NULL), 0);
    assert_int_equal(selection.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(selection.attachments[i].gpu_memory, 6 * G);
        assert_int_equal(selection.attachments[i].time.tv_sec, EARLIER.tv_sec);
    }
    free(selection.attachments);
    selection = (struct selection){.count = 77};
    assert_int_equal(select_capacity(&view, 6 * G + 1, &selection, &err), -EBUSY);
    assert_string_equal(
        err.message,
        "cannot raise the capacity on device 1 to 6000000001: others leave 6g of it; detach the device first");
    assert_int_equal(select_capacity(&view, 0, &selection, &err), -EBUSY);
    assert_string_equal(
        err.message,
        "cannot raise the capacity on device 1 to the whole device: others leave 6g of it; detach the device first");
    assert_int_equal(selection.count, 77);
    machine_attach(&machine, 2, 1, 0); /* over-subscribed: nothing is left, and yet less is no harm to anyone */
    assert_int_equal(select_capacity(&view, 4 * G + 1, &selection, NULL), -EBUSY);
    assert_int_equal(select_capacity(&view, 3 * G, &selection, NULL), 0);
    assert_int_equal(selection.attachments[1].gpu_memory, 3 * G);
    free(selection.attachments);
    machine.devices[1].state = GENV_DEVICE_LOST; /* nobody uses memory there */
    assert_int_equal(select_capacity(&view, 0, &selection, NULL), 0);
    assert_int_equal(selection.count, 2);
    free(selection.attachments);
}

/* Random machines, and the rule in words */

static bool works(const struct machine *machine, size_t d)
{
    return machine->devices[d].state == GENV_DEVICE_OK && *machine->devices[d].id.uuid;
}

static const struct genv_attachment *attachment_of(const struct machine *machine, size_t e, size_t d)
{
    return genv_env_attachment(&machine->envs[e], machine->devices[d].id.uuid);
}

static size_t count_others(const struct machine *machine, size_t self, size_t d)
{
    size_t others = 0;

    for (size_t e = 0; e < machine->list.count; e++)
        others += e != self && attachment_of(machine, e, d);
    return others;
}

/* What is left of the device, or less than nothing. */
static __int128 room_beside_others(const struct machine *machine, size_t self, size_t d)
{
    __int128 room = machine->devices[d].total_memory;

    for (size_t e = 0; e < machine->list.count; e++) {
        const struct genv_attachment *attachment = e == self ? NULL : attachment_of(machine, e, d);

        if (attachment)
            room -= attachment->gpu_memory ? attachment->gpu_memory : machine->devices[d].total_memory;
    }
    return room;
}

/* SPEC section 1: "available". */
static bool is_free_for(const struct machine *machine, size_t self, size_t d)
{
    uint64_t capacity = machine->envs[self].config.gpu_memory;

    if (!works(machine, d))
        return false;
    return capacity ? room_beside_others(machine, self, d) >= capacity : count_others(machine, self, d) == 0;
}

/* SPEC section 4: whether device @a is picked before device @b. */
static bool comes_before(const struct machine *machine, size_t self, size_t a, size_t b)
{
    bool a_is_free = is_free_for(machine, self, a), b_is_free = is_free_for(machine, self, b);

    if (a_is_free != b_is_free)
        return a_is_free;
    if (machine->busy[a] != machine->busy[b])
        return machine->busy[b];
    if (a_is_free && machine->envs[self].config.gpu_memory) {
        __int128 a_room = room_beside_others(machine, self, a), b_room = room_beside_others(machine, self, b);

        if (a_room != b_room)
            return a_room < b_room;
    }
    if (!a_is_free && count_others(machine, self, a) != count_others(machine, self, b))
        return count_others(machine, self, a) < count_others(machine, self, b);
    return machine->devices[a].index < machine->devices[b].index;
}

static uint64_t random_capacity(uint64_t *seed)
{
    static const uint64_t capacities[] = {0, 0, 1, 2 * G, 4 * G, 8 * G, 12 * G, 16 * G, 17 * G, INT64_MAX};

    return capacities[unit_random(seed) % ARRAY_SIZE(capacities)];
}

/* Anything that can be, over-subscribed and broken devices too. */
static void make_random(uint64_t *seed, struct machine *machine)
{
    machine_make(machine, unit_random(seed) % (MACHINE_SIZE + 1), 1 + unit_random(seed) % MACHINE_ENVS);
    for (size_t d = 0; d < machine->size; d++) {
        struct genv_device *device = &machine->devices[d];

        device->index = d ? machine->devices[d - 1].index + 1 + (unit_random(seed) % 5 == 0) : 0;
        device->total_memory = (unit_random(seed) % 3 + 1) * 8 * G;
        if (unit_random(seed) % 8 == 0)
            device->state = (enum genv_device_state)(unit_random(seed) % 4);
        machine->busy[d] = unit_random(seed) % 4 == 0;
    }
    for (size_t e = 0; e < machine->list.count; e++) {
        machine->envs[e].config.gpu_memory = random_capacity(seed);
        for (size_t d = 0; d < machine->size; d++) {
            if (unit_random(seed) % 3 == 0)
                machine_attach(machine, e, d, random_capacity(seed));
        }
    }
}

static bool has_index(const struct selection *selection, unsigned index)
{
    for (size_t i = 0; i < selection->count; i++) {
        if (selection->attachments[i].index == (int)index)
            return true;
    }
    return false;
}

/* The selection against the rule: what stayed, what came, and that nothing better was passed over. */
static void check_selection(const struct machine *machine, size_t count, bool over_subscribe,
                            const struct selection *selection)
{
    size_t kept = 0;

    assert_int_equal(selection->count, count);
    for (size_t i = 1; i < count; i++)
        assert_true(selection->attachments[i - 1].index < selection->attachments[i].index);
    for (size_t d = 0; d < machine->size; d++) {
        const struct genv_attachment *before = attachment_of(machine, SELF, d);
        bool given = has_index(selection, machine->devices[d].index);

        assert_true(!given || works(machine, d));
        if (before && works(machine, d)) {
            assert_int_equal(given, kept < count); /* the lowest stay */
            kept += given;
            continue;
        }
        assert_true(!given || over_subscribe || is_free_for(machine, SELF, d));
        for (size_t other = 0; given && other < machine->size; other++) {
            bool could = works(machine, other) && !attachment_of(machine, SELF, other) &&
                         (over_subscribe || is_free_for(machine, SELF, other));

            if (could && !has_index(selection, machine->devices[other].index))
                assert_false(comes_before(machine, SELF, other, d));
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct genv_attachment *after = &selection->attachments[i];
        const struct genv_attachment *before = genv_env_attachment(&machine->envs[SELF], after->device.uuid);

        assert_true(after->gpu_memory == (before ? before->gpu_memory : machine->envs[SELF].config.gpu_memory));
        assert_int_equal(after->time.tv_sec, before ? EARLIER.tv_sec : NOW.tv_sec);
    }
}

static int expected_result(const struct machine *machine, size_t count, bool over_subscribe)
{
    size_t working = 0, kept = 0, givable = 0;

    for (size_t d = 0; d < machine->size; d++) {
        bool attached = attachment_of(machine, SELF, d);

        working += works(machine, d);
        kept += works(machine, d) && attached;
        givable += works(machine, d) && !attached && (over_subscribe || is_free_for(machine, SELF, d));
    }
    if (count > working)
        return -ENODEV;
    return count > kept && count - kept > givable ? -EBUSY : 0;
}

static void random_machines_follow_the_rule_by_count(void **state)
{
    uint64_t seed = 1;
    size_t results[3] = {0};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct machine machine;
        struct selection selection = {0};
        struct select_view view;
        bool over_subscribe = unit_random(&seed) % 3 == 0;
        size_t count;
        int r;

        make_random(&seed, &machine);
        count = unit_random(&seed) % (machine.size + 2);
        view = view_of(&machine, SELF);
        r = select_count(&view, (int)count, over_subscribe, &selection, NULL);
        assert_int_equal(r, expected_result(&machine, count, over_subscribe));
        if (r == 0)
            check_selection(&machine, count, over_subscribe, &selection);
        results[r == 0 ? 0 : r == -EBUSY ? 1 : 2]++;
        free(selection.attachments);
    }
    for (size_t i = 0; i < ARRAY_SIZE(results); i++)
        assert_true(results[i] > 1000); /* the machines are not all alike */
}

static void random_machines_follow_the_rule_by_index(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct machine machine;
        struct selection selection = {0};
        struct select_view view;
        bool over_subscribe = unit_random(&seed) % 3 == 0, attached;
        size_t d, before;
        int r;

        make_random(&seed, &machine);
        if (machine.size == 0)
            continue;
        d = unit_random(&seed) % machine.size;
        before = machine.envs[SELF].attachment_count;
        attached = attachment_of(&machine, SELF, d);
        view = view_of(&machine, SELF);
        r = select_device(&view, machine.devices[d].id.uuid, over_subscribe, &selection, NULL);
        if (attached)
            assert_int_equal(r, 0);
        else if (!works(&machine, d))
            assert_int_equal(r, -ENODEV);
        else
            assert_int_equal(r, over_subscribe || is_free_for(&machine, SELF, d) ? 0 : -EBUSY);
        if (r == 0) {
            assert_int_equal(selection.count, before + !attached);
            assert_true(has_index(&selection, machine.devices[d].index));
            for (size_t a = 0; a < before; a++)
                assert_true(has_index(&selection, (unsigned)machine.envs[SELF].attachments[a].index));
        }
        free(selection.attachments);
    }
}

/* A capacity of 0 is the whole device. */
static bool is_no_more(uint64_t capacity, uint64_t than, uint64_t total)
{
    return capacity != 0 && capacity <= (than ? than : total);
}

static void random_machines_follow_the_rule_by_capacity(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct machine machine;
        struct selection selection = {0};
        struct select_view view;
        uint64_t capacity;
        bool fits = true;
        int r;

        make_random(&seed, &machine);
        capacity = random_capacity(&seed);
        view = view_of(&machine, SELF);
        machine.envs[SELF].config.gpu_memory = capacity; /* for is_free_for(); select_capacity() has its argument */
        for (size_t d = 0; d < machine.size; d++)
            fits &= !attachment_of(&machine, SELF, d) || !works(&machine, d) || is_free_for(&machine, SELF, d) ||
                    is_no_more(capacity, attachment_of(&machine, SELF, d)->gpu_memory, machine.devices[d].total_memory);
        machine.envs[SELF].config.gpu_memory = random_capacity(&seed);
        r = select_capacity(&view, capacity, &selection, NULL);
        assert_int_equal(r, fits ? 0 : -EBUSY);
        assert_int_equal(selection.count, fits ? machine.envs[SELF].attachment_count : 0);
        for (size_t a = 0; a < selection.count; a++)
            assert_true(selection.attachments[a].gpu_memory == capacity);
        free(selection.attachments);
    }
}

/* Nobody over-subscribes: then nothing is ever given twice, and no device promises more than it has. */
static void check_promises(const struct machine *machine)
{
    for (size_t d = 0; d < machine->size; d++) {
        uint64_t promised = 0;
        size_t holders = 0, whole = 0;

        for (size_t e = 0; e < machine->list.count; e++) {
            const struct genv_attachment *attachment = attachment_of(machine, e, d);

            if (!attachment)
                continue;
            holders++;
            whole += attachment->gpu_memory == 0;
            promised += attachment->gpu_memory;
        }
        assert_true(whole == 0 || holders == 1);
        assert_true(promised <= machine->devices[d].total_memory);
    }
}

static void adopt(struct genv_env *env, struct selection *selection)
{
    if (selection->count)
        memcpy(env->attachments, selection->attachments, selection->count * sizeof(*env->attachments));
    env->attachment_count = selection->count;
    free(selection->attachments);
}

/* A step of one environment in a machine where everybody keeps to the rules; returns whether it succeeded. */
static bool step(uint64_t *seed, struct machine *machine)
{
    size_t self = unit_random(seed) % machine->list.count;
    struct genv_env *env = &machine->envs[self];
    struct select_view view = view_of(machine, self);
    struct selection selection = {0};
    uint64_t capacity;
    int r;

    switch (unit_random(seed) % 8) {
    case 0:
        env->attachment_count = 0;
        return true;
    case 1:
        capacity = random_capacity(seed);
        r = select_capacity(&view, capacity, &selection, NULL);
        if (r == 0)
            env->config.gpu_memory = capacity;
        break;
    case 2:
    case 3:
        r = select_device(&view, machine->devices[unit_random(seed) % machine->size].id.uuid, false, &selection, NULL);
        break;
    default:
        r = select_count(&view, (int)(unit_random(seed) % (machine->size + 1)), false, &selection, NULL);
    }
    if (r == 0)
        adopt(env, &selection);
    return r == 0;
}

static void nothing_is_promised_twice_whatever_environments_do(void **state)
{
    uint64_t seed = 4;
    size_t successes = 0, steps = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        struct machine machine;

        machine_make(&machine, 1 + unit_random(&seed) % MACHINE_SIZE, 2 + unit_random(&seed) % (MACHINE_ENVS - 1));
        for (size_t d = 0; d < machine.size; d++)
            machine.busy[d] = unit_random(&seed) % 4 == 0;
        for (int k = 0; k < 60; k++, steps++) {
            successes += step(&seed, &machine);
            check_promises(&machine);
        }
    }
    assert_true(successes > steps / 4 && successes < steps * 3 / 4);
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
    cmocka_unit_test(a_failure_leaves_the_result_alone),
    cmocka_unit_test(an_index_comes_besides_what_is_attached),
    cmocka_unit_test(an_index_that_does_not_work_is_refused),
    cmocka_unit_test(a_capacity_applies_to_all_that_is_attached),
    cmocka_unit_test(random_machines_follow_the_rule_by_count),
    cmocka_unit_test(random_machines_follow_the_rule_by_index),
    cmocka_unit_test(random_machines_follow_the_rule_by_capacity),
    cmocka_unit_test(nothing_is_promised_twice_whatever_environments_do),
};

UNIT_MAIN(tests)
