/* Several drivers as one, with fake ones. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "driver/set.h"

#define FAKES 3

/* What each does, and what was asked of it. */
static struct fake {
    struct driver driver;
    int open_error, list_error;
    unsigned devices;
    unsigned opened, closed, sampled, asked;
} fakes[FAKES];

static void name_device(size_t fake, unsigned number, char *uuid, size_t size)
{
    snprintf(uuid, size, "%c%u", (char)('a' + fake), number);
}

static int open_fake(size_t number, struct driver **ret_driver, struct genv_error *err)
{
    struct fake *fake = &fakes[number];

    if (fake->open_error)
        return error_set(err, fake->open_error, "driver %zu fails to open", number);
    fake->opened++;
    *ret_driver = &fake->driver;
    return 0;
}

static int open_0(struct driver **ret_driver, struct genv_error *err)
{
    return open_fake(0, ret_driver, err);
}

static int open_1(struct driver **ret_driver, struct genv_error *err)
{
    return open_fake(1, ret_driver, err);
}

static int open_2(struct driver **ret_driver, struct genv_error *err)
{
    return open_fake(2, ret_driver, err);
}

static int list(struct driver *driver, struct genv_device **ret_devices, size_t *ret_count, struct genv_error *err)
{
    struct fake *fake = (struct fake *)driver;
    struct genv_device *devices;

    if (fake->list_error)
        return error_set(err, fake->list_error, "driver %zu fails to list", (size_t)(fake - fakes));
    devices = calloc(fake->devices + 1, sizeof(*devices));
    for (unsigned i = 0; i < fake->devices; i++) {
        devices[i].index = i;
        name_device((size_t)(fake - fakes), i, devices[i].id.uuid, sizeof(devices[i].id.uuid));
    }
    *ret_devices = devices;
    *ret_count = fake->devices;
    return 0;
}

static void sample(struct driver *driver, struct genv_device *device)
{
    struct fake *fake = (struct fake *)driver;

    fake->sampled++;
    device->sample.utilization = (int)(10 + (fake - fakes));
}

/* NOLINTBEGIN(readability-non-const-parameter): the vtable has their types */
static int add_processes(struct driver *driver, const struct genv_device *device, struct driver_process **processes,
                         size_t *count, struct genv_error *err)
{
    (void)processes, (void)count, (void)err;
    ((struct fake *)driver)->asked += 1 + device->index;
    return 0;
}

static void close_fake(struct driver *driver)
{
    ((struct fake *)driver)->closed++;
}

static int fingerprint_5(uint64_t *ret_fingerprint)
{
    *ret_fingerprint = 5;
    return 0;
}

static int fingerprint_none(uint64_t *ret_fingerprint)
{
    (void)ret_fingerprint;
    return -ENOENT;
}
/* NOLINTEND(readability-non-const-parameter) */

#define FAKE(name_, open_, fingerprint_)                                                                               \
    {                                                                                                                  \
        .name = (name_), .open = (open_), .fingerprint = (fingerprint_), .list = list, .sample = sample,               \
        .add_processes = add_processes, .close = close_fake                                                            \
    }

static const struct driver_ops fake_ops[FAKES] = {FAKE("first", open_0, fingerprint_none),
                                                  FAKE("second", open_1, fingerprint_5),
                                                  FAKE("third", open_2, fingerprint_none)};
static const struct driver_ops *const candidates[FAKES] = {&fake_ops[0], &fake_ops[1], &fake_ops[2]};

static int reset(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAKES; i++)
        fakes[i] = (struct fake){.driver = {.ops = &fake_ops[i]}, .devices = 2};
    return 0;
}

#define test_of_fakes(test) cmocka_unit_test_setup(test, reset)

static struct driver *open_set(size_t count)
{
    struct driver *driver = NULL;

    assert_int_equal(driver_set_open(candidates, count, &driver, NULL), 0);
    return driver;
}

static void devices_are_counted_through_and_asked_of_their_own(void **state)
{
    struct driver *set = open_set(2);
    struct driver_member members[DRIVER_MEMBERS_MAX];
    cleanup_free struct genv_device *devices = NULL;
    size_t count;

    (void)state;
    fakes[0].devices = 3;
    assert_int_equal(set->ops->list(set, &devices, &count, NULL), 0);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        char uuid[GENV_UUID_SIZE];

        name_device(i >= 3, (unsigned)(i >= 3 ? i - 3 : i), uuid, sizeof(uuid));
        assert_int_equal(devices[i].index, i);
        assert_string_equal(devices[i].id.uuid, uuid);
        set->ops->sample(set, &devices[i]);
        assert_int_equal(devices[i].sample.utilization, i >= 3 ? 11 : 10);
        assert_int_equal(set->ops->add_processes(set, &devices[i], NULL, NULL, NULL), 0);
    }
    assert_int_equal(fakes[0].asked, 1 + 2 + 3);
    assert_int_equal(fakes[1].asked, 4 + 5);
    assert_int_equal(driver_set_members(set, count, members), 2);
    assert_ptr_equal(members[1].driver, &fakes[1].driver);
    assert_int_equal(members[0].device_count, 3);
    assert_int_equal(members[1].device_count, 2);
    assert_null(driver_set_complaint(set, 0));
    driver_close(set);
    assert_int_equal(fakes[0].closed + fakes[1].closed, 2);
}

/* One from an inventory of earlier, before the set has listed any; and one that nobody has. */
static void a_device_is_known_by_its_uuid_alone(void **state)
{
    struct genv_device known = {.index = 7, .id.uuid = "b1"}, gone = {.index = 0, .id.uuid = "x"},
                       nameless = {.index = 0};
    struct driver *set = open_set(2);

    (void)state;
    set->ops->sample(set, &known);
    assert_int_equal(known.sample.utilization, 11);
    set->ops->sample(set, &gone);
    set->ops->sample(set, &nameless);
    assert_int_equal(gone.sample.utilization, GENV_UNKNOWN_INT);
    assert_int_equal(set->ops->add_processes(set, &gone, NULL, NULL, NULL), 0);
    assert_int_equal(fakes[0].sampled + fakes[1].sampled, 1);
    driver_close(set);
}

static void a_driver_without_devices_moves_no_borders(void **state)
{
    struct genv_device device = {.id.uuid = "c0"};
    struct driver *set = open_set(3);

    (void)state;
    fakes[0].devices = fakes[1].devices = 0;
    set->ops->sample(set, &device);
    assert_int_equal(device.sample.utilization, 12);
    driver_close(set);
}

static void a_single_driver_is_itself(void **state)
{
    struct driver_member members[DRIVER_MEMBERS_MAX];
    struct driver *driver;

    (void)state;
    fakes[0].open_error = ENODEV;
    driver = open_set(2);
    assert_ptr_equal(driver, &fakes[1].driver);
    assert_int_equal(driver_set_members(driver, 2, members), 1);
    assert_int_equal(members[0].device_count, 2);
    assert_null(driver_set_complaint(driver, 0));
    driver_close(driver);
    assert_int_equal(fakes[1].closed, 1);
}

static void where_one_fails_the_others_are_served(void **state)
{
    struct driver *set;
    struct genv_device *devices;
    size_t count;

    (void)state;
    fakes[0].open_error = EIO;
    fakes[1].list_error = EACCES;
    set = open_set(3);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(set->ops->list(set, &devices, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_string_equal(devices[0].id.uuid, "c0");
        free(devices);
        assert_string_equal(driver_set_complaint(set, 0)->message, "driver 0 fails to open");
        assert_string_equal(driver_set_complaint(set, 1)->message, "driver 1 fails to list");
        assert_null(driver_set_complaint(set, 2));
    }
    driver_close(set);
}

static void where_all_fail_the_one_that_is_there_is_told(void **state)
{
    struct driver *driver = NULL;
    struct genv_error err = {0};
    struct genv_device *devices;
    size_t count;

    (void)state;
    fakes[0].open_error = fakes[1].open_error = fakes[2].open_error = ENODEV;
    assert_int_equal(driver_set_open(candidates, 3, &driver, &err), -ENODEV);
    assert_string_equal(err.message, "driver 0 fails to open");
    fakes[1].open_error = EACCES;
    assert_int_equal(driver_set_open(candidates, 3, &driver, &err), -EACCES);
    assert_string_equal(err.message, "driver 1 fails to open");
    assert_null(driver);
    reset(NULL);
    fakes[0].list_error = fakes[1].list_error = EIO;
    driver = open_set(2);
    assert_int_equal(driver->ops->list(driver, &devices, &count, &err), -EIO);
    assert_string_equal(err.message, "driver 0 fails to list");
    driver_close(driver);
}

static void fingerprints_are_joined(void **state)
{
    const struct driver_ops *const other_place[] = {&fake_ops[1]};
    uint64_t one = 0, other = 0, none = 7;

    (void)state;
    assert_int_equal(driver_set_fingerprint(candidates, 3, &one), 0);
    assert_int_equal(driver_set_fingerprint(other_place, 1, &other), 0);
    assert_true(one != other);
    assert_int_equal(driver_set_fingerprint(candidates, 1, &none), -ENOENT);
    assert_int_equal(none, 7);
}

static const struct CMUnitTest tests[] = {
    test_of_fakes(devices_are_counted_through_and_asked_of_their_own),
    test_of_fakes(a_device_is_known_by_its_uuid_alone),
    test_of_fakes(a_driver_without_devices_moves_no_borders),
    test_of_fakes(a_single_driver_is_itself),
    test_of_fakes(where_one_fails_the_others_are_served),
    test_of_fakes(where_all_fail_the_one_that_is_there_is_told),
    test_of_fakes(fingerprints_are_joined),
};

UNIT_MAIN(tests)
