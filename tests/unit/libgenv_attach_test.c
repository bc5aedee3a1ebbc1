/* Environments get devices, and give them back. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>

#define G ((uint64_t)1000000000)

/* Of simulated devices. */
#define UUID_2 "GPU-b6bf613d-bebb-45dc-d177-07977078336c"
#define UUID_3 "GPU-12ae3023-7b17-df14-d56b-1fbb9ceba9e8"

static void a_count_is_met_exactly(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);

    machine_activate(g, "a");
    assert_string_equal(machine_indices(g, "a"), "");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0,1");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0,1");
    assert_int_equal(machine_attach(g, "a", 4, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0,1,2,3");
    assert_int_equal(machine_attach(g, "a", 1, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0");
    assert_int_equal(machine_attach(g, "a", 0, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "");
    assert_string_equal(machine_warnings(), "");
}

static void without_a_count_the_configured_one_counts(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    const struct genv_attach_request request = GENV_ATTACH_INIT;
    const struct genv_config config = {.gpus = 3};
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(machine_attach_index(g, "a", 2, false, NULL), 0);
    assert_int_equal(genv_attach(g, "a", &request, NULL, &err), -EINVAL);
    machine_check_error(&err, EINVAL, "environment a has no device count: set one (genv config gpus N)");
    assert_string_equal(machine_indices(g, "a"), "2");
    assert_int_equal(genv_configure(g, "a", &config, GENV_CONFIG_GPUS, NULL, NULL), 0);
    assert_int_equal(genv_attach(g, "a", &request, NULL, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0,1,2");
}

static void a_count_that_can_not_be_met_leaves_nothing_attached(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    assert_int_equal(machine_attach(g, "b", 1, NULL), 0);
    assert_int_equal(machine_attach(g, "a", 4, &err), -EBUSY);
    machine_check_error(&err, EBUSY, "cannot attach 4 devices: 3 of 4 are available");
    assert_string_equal(machine_indices(g, "a"), "");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    assert_int_equal(machine_attach(g, "a", 5, &err), -ENODEV);
    machine_check_error(&err, ENODEV, "cannot attach 5 devices: this machine has 4");
    assert_string_equal(machine_indices(g, "a"), "");
    assert_string_equal(machine_indices(g, "b"), "2");
}

static void an_index_comes_on_top_and_a_failing_one_changes_nothing(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_attach_index(g, "a", 3, false, NULL), 0);
    assert_int_equal(machine_attach_index(g, "a", 1, false, NULL), 0);
    assert_int_equal(machine_attach_index(g, "a", 1, false, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "1,3");
    assert_int_equal(machine_attach_index(g, "b", 3, false, &err), -EBUSY);
    machine_check_error(&err, EBUSY, "device 3 is held by environment a of ");
    assert_int_equal(machine_attach_index(g, "b", 4, false, &err), -ENODEV);
    machine_check_error(&err, ENODEV, "there is no device 4: this machine has devices 0 to 3");
    assert_string_equal(machine_indices(g, "b"), "");
    assert_int_equal(machine_attach_index(g, "b", 3, true, NULL), 0);
    assert_string_equal(machine_indices(g, "b"), "3");
    assert_string_equal(machine_indices(g, "a"), "1,3");
}

static void numbers_that_mean_nothing_are_refused(void **state)
{
    static const char *const devices[] = {"",         "-1", "-5", "65536", "1,0", "99999999999999999999",
                                          "GPU-none", "+1", " 1"};
    static const struct genv_attach_request refused[] = {
        {.count = -2}, {.count = 65536}, {.count = 1, .device = "1"}, {.count = INT32_MAX}, {.count = INT32_MIN},
    };
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 2, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        assert_int_equal(genv_attach(g, "a", &refused[i], NULL, &err), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        const struct genv_attach_request request = {.count = -1, .device = devices[i]};

        assert_int_equal(genv_attach(g, "a", &request, NULL, &err), -ENODEV);
        assert_int_equal(genv_detach(g, "a", devices[i], NULL, &err), -ENODEV); /* and not: all */
    }
    assert_string_equal(machine_indices(g, "a"), "0,1");
    assert_int_equal(machine_attach(g, "none", 1, &err), -ENOENT);
    assert_int_equal(machine_attach(g, "../a", 1, &err), -EINVAL);
    assert_int_equal(genv_detach(g, "none", NULL, NULL, &err), -ENOENT);
}

static void detaching_takes_one_or_all(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(machine_attach(g, "a", 4, NULL), 0);
    assert_int_equal(genv_detach(g, "a", "1", NULL, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0,2,3");
    assert_int_equal(genv_detach(g, "a", "1", NULL, &err), -ENODEV);
    machine_check_error(&err, ENODEV, "device 1 is not attached");
    assert_int_equal(genv_detach(g, "a", "77", NULL, &err), -ENODEV);
    assert_string_equal(machine_indices(g, "a"), "0,2,3");
    assert_int_equal(genv_detach(g, "a", NULL, NULL, NULL), 0);
    assert_int_equal(genv_detach(g, "a", NULL, NULL, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "");
}

static void the_environment_comes_back_as_it_is_then(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    const struct genv_attach_request two = {.count = 2}, five = {.count = 5};
    struct genv_env *env = NULL;

    machine_activate(g, "a");
    assert_int_equal(genv_attach(g, "a", &two, &env, NULL), 0);
    assert_string_equal(env->eid, "a");
    assert_int_equal(env->attachment_count, 2);
    assert_int_equal(env->attachments[1].index, 1);
    assert_int_equal(env->process_count, 1);
    genv_env_free(env);
    assert_int_equal(genv_detach(g, "a", "0", &env, NULL), 0);
    assert_int_equal(env->attachment_count, 1);
    assert_int_equal(env->attachments[0].index, 1);
    genv_env_free(env);
    env = NULL;
    assert_int_equal(genv_attach(g, "a", &five, &env, NULL), -ENODEV);
    assert_int_equal(genv_detach(g, "a", "0", &env, NULL), -ENODEV);
    assert_null(env);
    genv_env_free(NULL);
}

static void at_least_a_count_releases_nothing(void **state)
{
    static const struct {
        int configured, count;
        const char *indices; /* afterwards */
    } steps[] = {{-1, 1, "0"}, {-1, 2, "0,1"}, {-1, 1, "0,1"}, {1, -1, "0,1"}, {3, -1, "0,1,2"}, {3, 0, "0,1,2"}};
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_attach_request request = {.count = -1, .at_least = true};
    struct genv_config config = GENV_CONFIG_INIT;
    struct genv_error err = {0};

    machine_activate(g, "a");
    assert_int_equal(genv_attach(g, "a", &request, NULL, &err), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct genv_env *env = NULL;

        config.gpus = steps[i].configured;
        request.count = steps[i].count;
        assert_int_equal(genv_configure(g, "a", &config, GENV_CONFIG_GPUS, NULL, NULL), 0);
        assert_int_equal(genv_attach(g, "a", &request, &env, NULL), 0);
        assert_non_null(env);
        assert_string_equal(machine_indices(g, "a"), steps[i].indices);
        genv_env_free(env);
    }
}

static void memory_is_shared_until_it_is_full(void **state)
{
    static const struct {
        const char *eid;
        uint64_t capacity;
        const char *indices; /* NULL: refused */
    } steps[] = {
        {"a", 10 * G, "0"}, /* of 17.18 */
        {"b", 4 * G, "0"},  /* the least room that suffices, 7.18, and not a whole device */
        {"c", 4 * G, "1"},  /* 3.18 are left there */
        {"d", 3 * G, "0"},  {"e", 0, NULL}, {"f", 13 * G, "1"}, {"g", 1 * G, NULL},
    };
    cleanup_genv struct genv *g = machine_open(*state);

    setenv("GENV_DEVICES", "2", 1);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct genv_error err = {0};
        int r;

        machine_activate(g, steps[i].eid);
        assert_int_equal(machine_set_capacity(g, steps[i].eid, steps[i].capacity, NULL), 0);
        r = machine_attach(g, steps[i].eid, 1, &err);
        assert_int_equal(r, steps[i].indices ? 0 : -EBUSY);
        assert_string_equal(machine_indices(g, steps[i].eid), steps[i].indices ? steps[i].indices : "");
    }
}

static void a_machine_that_loses_devices_is_dealt_with(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    struct genv_error err = {0};

    machine_activate(g, "a");
    machine_activate(g, "b");
    assert_int_equal(machine_attach(g, "a", 4, NULL), 0);
    setenv("GENV_DEVICES", "2", 1);
    assert_string_equal(machine_indices(g, "a"), "-1,-1,0,1");
    assert_int_equal(machine_attach_index(g, "b", 0, false, &err), -EBUSY);
    /* It may be a container that sees two of them: what cannot be seen goes by name alone. */
    assert_int_equal(machine_attach(g, "a", 1, &err), -ENXIO);
    machine_check_error(&err, ENXIO, "device " UUID_3 " is attached to environment a but not visible here");
    assert_string_equal(machine_indices(g, "a"), "-1,-1,0,1");
    assert_int_equal(machine_set_capacity(g, "a", 1000, NULL), 0); /* less than before */
    assert_int_equal(machine_set_capacity(g, "a", 0, &err), -ENXIO);
    assert_int_equal(genv_detach(g, "a", UUID_2, NULL, NULL), 0);
    assert_int_equal(genv_detach(g, "a", UUID_3, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "a", 1, NULL), 0);
    assert_string_equal(machine_indices(g, "a"), "0");
    assert_int_equal(machine_attach(g, "b", 1, NULL), 0);
    assert_string_equal(machine_indices(g, "b"), "1");
    setenv("GENV_DEVICES", "0", 1);
    assert_int_equal(machine_attach(g, "a", 1, &err), -ENXIO);
    assert_int_equal(genv_detach(g, "a", NULL, NULL, NULL), 0);
    assert_int_equal(machine_attach(g, "a", 1, &err), -ENODEV);
    machine_check_error(&err, ENODEV, "cannot attach 1 device: this machine has none");
    setenv("GENV_DEVICES", "x", 1);
    assert_int_equal(machine_attach(g, "b", 1, &err), -EINVAL);
    machine_check_error(&err, EINVAL, "GENV_DEVICES");
    setenv("GENV_DEVICES", "4", 1);
    assert_string_equal(machine_indices(g, "b"), "1");
}

struct contender {
    const char *directory;
    int start[2], finish[2];
};

/* Wants one device as soon as it may; says which it got by its exit status, and keeps it until the end. */
static int contend(void *data)
{
    const struct contender *contender = data;
    struct genv *g = machine_open(contender->directory);
    struct genv_error err = {0};
    char eid[32], got, byte;
    int r;

    snprintf(eid, sizeof(eid), "e%d", getpid());
    machine_activate(g, eid);
    require(read(contender->start[0], &byte, 1) == 1);
    r = machine_attach(g, eid, 1, &err);
    require(r == 0 || (r == -EBUSY && strstr(err.message, "cannot attach 1 device: 0 of 4 are available")));
    got = 'x';
    if (r == 0)
        got = *machine_indices(g, eid);
    require(write(contender->finish[1], &got, 1) == 1);
    pause();
    return 0;
}

static void many_that_ask_at_once_get_each_device_once(void **state)
{
    struct contender contender = {.directory = *state};
    int count[128] = {0};
    pid_t pids[12];

    assert_int_equal(pipe2(contender.start, O_CLOEXEC), 0);
    assert_int_equal(pipe2(contender.finish, O_CLOEXEC), 0);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        pids[i] = unit_start((uid_t)-1, contend, &contender);
    assert_int_equal(write(contender.start[1], "123456789012", ARRAY_SIZE(pids)), ARRAY_SIZE(pids));
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        char got;

        assert_int_equal(read(contender.finish[0], &got, 1), 1);
        count[(unsigned char)got & 127]++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        kill(pids[i], SIGKILL);
        unit_wait(pids[i]);
    }
    for (int c = '0'; c < '4'; c++)
        assert_int_equal(count[c], 1);
    assert_int_equal(count['x'], ARRAY_SIZE(pids) - 4);
    for (int i = 0; i < 2; i++)
        close(contender.start[i]), close(contender.finish[i]);
}

static const struct CMUnitTest tests[] = {
    TEST(a_count_is_met_exactly),
    TEST(without_a_count_the_configured_one_counts),
    TEST(a_count_that_can_not_be_met_leaves_nothing_attached),
    TEST(an_index_comes_on_top_and_a_failing_one_changes_nothing),
    TEST(numbers_that_mean_nothing_are_refused),
    TEST(detaching_takes_one_or_all),
    TEST(the_environment_comes_back_as_it_is_then),
    TEST(at_least_a_count_releases_nothing),
    TEST(memory_is_shared_until_it_is_full),
    TEST(a_machine_that_loses_devices_is_dealt_with),
    TEST(many_that_ask_at_once_get_each_device_once),
};

UNIT_MAIN(tests)
