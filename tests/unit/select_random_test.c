/* Which devices an environment gets: thousands of random machines against the rule in words. */
#include "select_world.h"

#include <errno.h>
#include <string.h>

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

static bool can_open(const struct machine *machine, size_t self, size_t d)
{
    const struct genv_env *env = &machine->envs[self];
    bool can = !env->isolated;

    for (size_t i = 0; i < env->openable_count; i++)
        can |= strcmp(env->openable[i].uuid, machine->devices[d].id.uuid) == 0;
    return can;
}

/* Whether it may be added to what is attached. */
static bool may_come(const struct machine *machine, size_t d, bool over_subscribe)
{
    return works(machine, d) && !attachment_of(machine, SELF, d) && can_open(machine, SELF, d) &&
           (over_subscribe || is_free_for(machine, SELF, d));
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
    world_make_machine(machine, unit_random(seed) % (MACHINE_SIZE + 1), 1 + unit_random(seed) % MACHINE_ENVS);
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
                world_attach(machine, e, d, random_capacity(seed));
        }
    }
    if (unit_random(seed) % 2)
        world_isolate(machine, SELF, (unsigned)unit_random(seed));
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
        assert_true(!given || may_come(machine, d, over_subscribe));
        for (size_t other = 0; given && other < machine->size; other++) {
            if (may_come(machine, other, over_subscribe) && !has_index(selection, machine->devices[other].index))
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
        givable += may_come(machine, d, over_subscribe);
    }
    if (count > working)
        return -ENODEV;
    if (count > kept && machine->envs[SELF].isolated && count > machine->envs[SELF].openable_count)
        return -EPERM;
    return count > kept && count - kept > givable ? -EBUSY : 0;
}

static void random_machines_follow_the_rule_by_count(void **state)
{
    uint64_t seed = 1;
    size_t results[4] = {0};

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
        view = world_view(&machine, SELF);
        r = select_count(&view, (int)count, over_subscribe, &selection, NULL);
        assert_int_equal(r, expected_result(&machine, count, over_subscribe));
        if (r == 0)
            check_selection(&machine, count, over_subscribe, &selection);
        results[r == 0 ? 0 : r == -EBUSY ? 1 : r == -EPERM ? 2 : 3]++;
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
        view = world_view(&machine, SELF);
        r = select_device(&view, machine.devices[d].id.uuid, over_subscribe, &selection, NULL);
        if (attached)
            assert_int_equal(r, 0);
        else if (!works(&machine, d))
            assert_int_equal(r, -ENODEV);
        else if (!can_open(&machine, SELF, d))
            assert_int_equal(r, -EPERM);
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
        view = world_view(&machine, SELF);
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
    struct select_view view = world_view(machine, self);
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

        world_make_machine(&machine, 1 + unit_random(&seed) % MACHINE_SIZE,
                           2 + unit_random(&seed) % (MACHINE_ENVS - 1));
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
    cmocka_unit_test(random_machines_follow_the_rule_by_count),
    cmocka_unit_test(random_machines_follow_the_rule_by_index),
    cmocka_unit_test(random_machines_follow_the_rule_by_capacity),
    cmocka_unit_test(nothing_is_promised_twice_whatever_environments_do),
};

UNIT_MAIN(tests)
