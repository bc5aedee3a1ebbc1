/* Which rules are broken, and what would mend it, on made-up machines. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "policy/enforce.h"

#define GIB     (UINT64_C(1) << 30)
#define HOSTS   2
#define DEVICES 4
#define ENVS    6
#define ROOM    8

#define ANYONE (uid_t)1000

/* A host of four devices of 16 GiB, with the environments "0" to "5", which are users' of whatever name. */
struct host {
    struct genv_device devices[DEVICES];
    struct genv_env envs[ENVS];
    struct genv_attachment attachments[ENVS][DEVICES];
    struct genv_gpu_process processes[ROOM];
    struct genv_usage usages[ROOM][DEVICES];
    struct genv_snapshot snapshot;
};

static struct host hosts[HOSTS];
static struct allowance allowed;

static int make(void **state)
{
    (void)state;
    memset(hosts, 0, sizeof(hosts));
    allowed = (struct allowance){.maximum = {LIMIT_NONE, LIMIT_NONE}};
    for (size_t h = 0; h < HOSTS; h++) {
        struct host *host = &hosts[h];

        for (unsigned d = 0; d < DEVICES; d++) {
            host->devices[d] = (struct genv_device){.index = d, .total_memory = 16 * GIB};
            snprintf(host->devices[d].id.uuid, GENV_UUID_SIZE, "GPU-%u", d);
        }
        for (size_t i = 0; i < ENVS; i++) {
            host->envs[i].uid = ANYONE;
            host->envs[i].attachments = host->attachments[i];
            snprintf(host->envs[i].eid, sizeof(host->envs[i].eid), "%zu", i);
            copy_string(host->envs[i].username, GENV_USERNAME_SIZE, "paul");
        }
        host->snapshot = (struct genv_snapshot){.devices = host->devices,
                                                .device_count = DEVICES,
                                                .envs = host->envs,
                                                .env_count = ENVS,
                                                .processes = host->processes};
    }
    return 0;
}

#define TEST(test) cmocka_unit_test_setup(test, make)

static struct genv_attachment *attach(size_t host, size_t env, unsigned device, uint64_t capacity, time_t time)
{
    struct genv_env *attached = &hosts[host].envs[env];
    struct genv_attachment *attachment = &attached->attachments[attached->attachment_count++];

    *attachment = (struct genv_attachment){.index = (int)device, .gpu_memory = capacity, .time = {.tv_sec = time}};
    copy_string(attachment->device.uuid, GENV_UUID_SIZE, hosts[host].devices[device].id.uuid);
    return attachment;
}

/* Lets the process @pid of environment @eid ("": of none) use a device. */
static struct genv_gpu_process *use(size_t host, pid_t pid, const char *eid, unsigned device, uint64_t memory)
{
    struct genv_snapshot *snapshot = &hosts[host].snapshot;
    size_t i = 0;

    while (i < snapshot->process_count && snapshot->processes[i].pid != pid)
        i++;
    if (i == snapshot->process_count) {
        assert_true(i < ROOM);
        snapshot->process_count++;
        snapshot->processes[i] = (struct genv_gpu_process){
            .pid = pid, .start_time = 10 * (uint64_t)pid, .uid = ANYONE, .usages = hosts[host].usages[i]};
        copy_string(snapshot->processes[i].eid, GENV_EID_MAX + 1, eid);
        copy_string(snapshot->processes[i].username, GENV_USERNAME_SIZE, "paul");
        copy_string(snapshot->processes[i].command, GENV_COMMAND_SIZE, "train");
    }
    snapshot->processes[i].usages[snapshot->processes[i].usage_count] =
        (struct genv_usage){.index = device, .used_memory = memory};
    copy_string(snapshot->processes[i].usages[snapshot->processes[i].usage_count++].uuid, GENV_UUID_SIZE,
                hosts[host].devices[device].id.uuid);
    return &snapshot->processes[i];
}

/* paul may hold what is allowed, everybody else what he likes. */
static struct allowance allow(const char *username, void *data)
{
    assert_ptr_equal(data, &allowed);
    return strcmp(username, "paul") == 0 ? allowed : (struct allowance){.maximum = {LIMIT_NONE, LIMIT_NONE}};
}

static struct violation_list decide(unsigned rules)
{
    const struct enforce_host requested[HOSTS] = {{"", &hosts[0].snapshot}, {"other", &hosts[1].snapshot}};
    const struct enforce_request request = {
        .hosts = requested, .host_count = HOSTS, .rules = rules, .allowance = allow, .data = &allowed};
    struct violation_list list = {0};

    assert_int_equal(enforce_decide(&request, &list, NULL), 0);
    return list;
}

/* That @rules find just @expected: "host/device/pid " each, with "host/device:eid " for an attachment. */
static void check(unsigned rules, const char *expected)
{
    cleanup_violation_list struct violation_list list = decide(rules);
    cleanup_text struct text text = TEXT_INIT;

    text_add(&text, "");
    for (size_t i = 0; i < list.count; i++) {
        const struct violation *violation = &list.items[i];

        text_addf(&text, "%zu/%u", violation->host, violation->index);
        if (violation->remedy == REMEDY_DETACH)
            text_addf(&text, ":%s ", violation->eid);
        else
            text_addf(&text, "/%d ", (int)violation->pid);
        assert_int_equal(violation->remedy == REMEDY_DETACH, violation->pid == 0);
        assert_true(rules >> violation->rule & 1);
    }
    assert_string_equal(text.data ? text.data : "", expected);
}

#define NON_ENV     (1U << RULE_NON_ENV_PROCESSES)
#define ENV_DEVICES (1U << RULE_ENV_DEVICES)
#define ENV_MEMORY  (1U << RULE_ENV_MEMORY)
#define MAX_DEVICES (1U << RULE_MAX_DEVICES)
#define MAX_MEMORY  (1U << RULE_MAX_MEMORY)
#define ALL         ((1U << RULE_COUNT) - 1)

static void a_quiet_machine_breaks_no_rule(void **state)
{
    const struct enforce_request none = {.rules = ALL};
    struct violation_list list = {0};

    (void)state;
    attach(0, 0, 0, 0, 1);
    use(0, 7, "0", 0, GIB);
    check(ALL, "");
    assert_int_equal(enforce_decide(&none, &list, NULL), 0);
    assert_int_equal(list.count, 0);
}

static void processes_outside_environments_are_found(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    use(0, 7, "", 2, GIB);
    use(0, 7, "", 3, GIB); /* once, though it uses two */
    use(0, 8, "0", 0, GIB);
    use(0, 9, "", 0, 0)->usage_count = 0;
    use(0, 10, "", 0, GENV_UNKNOWN_U64);
    use(0, 11, "", 0, GIB)->start_time = 0; /* hidden: it could be anybody's */
    use(1, 7, "", 1, GIB);
    check(NON_ENV, "0/2/7 0/0/10 1/1/7 ");
    check(ENV_MEMORY | MAX_DEVICES | MAX_MEMORY, "");
    list = decide(NON_ENV);
    assert_int_equal(list.items[0].rule, RULE_NON_ENV_PROCESSES);
    assert_int_equal(list.items[0].start_time, 70);
    assert_int_equal(list.items[0].uid, ANYONE);
    assert_string_equal(list.items[0].username, "paul");
    assert_string_equal(list.items[0].command, "train");
    assert_string_equal(list.items[0].eid, "");
}

static void devices_that_are_not_attached_are_found(void **state)
{
    (void)state;
    attach(0, 0, 0, 0, 1);
    attach(0, 1, 1, 0, 1);
    attach(1, 0, 3, 0, 1);
    use(0, 7, "0", 0, GIB);
    use(0, 7, "0", 1, GIB); /* another's */
    use(0, 7, "0", 2, GIB); /* nobody's */
    use(0, 8, "2", 0, GIB);
    use(0, 9, "", 0, GIB);
    use(0, 10, "unheard-of", 0, GIB);
    use(1, 7, "0", 3, GIB);
    check(ENV_DEVICES, "0/1/7 0/2/7 0/0/8 ");
}

static void the_largest_are_to_go_until_it_fits(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    attach(0, 0, 0, 10 * GIB, 1);
    use(0, 7, "0", 0, 3 * GIB);
    use(0, 8, "0", 0, 7 * GIB);
    check(ENV_MEMORY, ""); /* just fits */
    use(0, 9, "0", 0, 6 * GIB);
    use(0, 10, "0", 0, 4 * GIB); /* 20: without 7 it is 13, without 6 it is 7 */
    check(ENV_MEMORY, "0/0/8 0/0/9 ");
    list = decide(ENV_MEMORY);
    assert_true(list.items[1].used == 20 * GIB && list.items[1].allowed == 10 * GIB);
    hosts[0].attachments[0][0].gpu_memory = 20 * GIB - 1;
    check(ENV_MEMORY, "0/0/8 ");
    hosts[0].attachments[0][0].gpu_memory = 1;
    check(ENV_MEMORY, "0/0/8 0/0/9 0/0/10 0/0/7 ");
}

static void of_equals_the_youngest_goes(void **state)
{
    (void)state;
    attach(0, 0, 0, 5 * GIB, 1);
    use(0, 7, "0", 0, 2 * GIB);
    use(0, 9, "0", 0, 2 * GIB);
    use(0, 8, "0", 0, 2 * GIB);
    check(ENV_MEMORY, "0/0/9 ");
}

static void memory_is_judged_by_environment_and_device(void **state)
{
    (void)state;
    attach(0, 0, 0, 4 * GIB, 1);
    attach(0, 0, 1, 4 * GIB, 1);
    attach(0, 1, 0, 4 * GIB, 1);
    attach(0, 2, 2, 0, 1); /* a whole device has no capacity */
    attach(0, 3, 3, GIB, 1)->index = -1;
    use(0, 7, "0", 0, 3 * GIB);
    use(0, 7, "0", 1, 3 * GIB);
    use(0, 8, "1", 0, 3 * GIB); /* shares device 0 */
    use(0, 9, "2", 2, 100 * GIB);
    use(0, 10, "3", 3, 100 * GIB);
    use(0, 11, "", 0, 100 * GIB);
    check(ENV_MEMORY, "");
    use(0, 12, "0", 1, 2 * GIB);
    check(ENV_MEMORY, "0/1/7 ");
    use(0, 13, "0", 2, 100 * GIB); /* not attached there: another rule's business */
    check(ENV_MEMORY, "0/1/7 ");
    use(1, 7, "0", 0, 100 * GIB);
    check(ENV_MEMORY, "0/1/7 ");
}

static void what_the_driver_does_not_tell_counts_as_nothing(void **state)
{
    (void)state;
    attach(0, 0, 0, 4 * GIB, 1);
    use(0, 7, "0", 0, GENV_UNKNOWN_U64);
    use(0, 8, "0", 0, GENV_UNKNOWN_U64);
    check(ENV_MEMORY, "");
    use(0, 9, "0", 0, 5 * GIB);
    check(ENV_MEMORY, "0/0/9 ");
}

static void the_newest_attachments_are_to_go(void **state)
{
    cleanup_violation_list struct violation_list list = {0};

    (void)state;
    attach(0, 0, 2, 0, 30);
    attach(0, 1, 0, 0, 10);
    attach(0, 1, 3, 0, 20);
    use(0, 7, "0", 2, GIB);
    use(0, 8, "0", 1, GIB); /* elsewhere */
    use(0, 9, "1", 3, GENV_UNKNOWN_U64);
    allowed.maximum[LIMIT_DEVICES] = 3;
    check(MAX_DEVICES, "");
    allowed.maximum[LIMIT_DEVICES] = 2;
    check(MAX_DEVICES, "0/2:0 0/2/7 ");
    allowed.maximum[LIMIT_DEVICES] = 1;
    check(MAX_DEVICES, "0/2:0 0/2/7 0/3:1 0/3/9 ");
    allowed.maximum[LIMIT_DEVICES] = 0;
    check(MAX_DEVICES, "0/2:0 0/2/7 0/3:1 0/3/9 0/0:1 ");
    check(MAX_MEMORY, "");
    list = decide(MAX_DEVICES);
    assert_int_equal(list.items[0].attached.tv_sec, 30);
    assert_int_equal(list.items[1].attached.tv_sec, 30); /* says of the process too which attachment it is about */
    assert_int_equal(list.items[0].used, 3);
    assert_int_equal(list.items[0].allowed, 0);
    assert_int_equal(list.items[0].uid, ANYONE);
}

static void hosts_count_together(void **state)
{
    (void)state;
    attach(0, 0, 0, 0, 40);
    attach(0, 0, 1, 0, 20);
    attach(1, 0, 0, 0, 10);
    attach(1, 5, 1, 0, 30);
    use(0, 7, "0", 0, GIB);
    use(1, 7, "0", 0, GIB); /* the same PID, environment and device of another host */
    use(1, 8, "5", 1, GIB);
    allowed.maximum[LIMIT_DEVICES] = 4;
    check(MAX_DEVICES, "");
    allowed.maximum[LIMIT_DEVICES] = 2;
    check(MAX_DEVICES, "0/0:0 0/0/7 1/1:5 1/1/8 ");
    copy_string(hosts[1].envs[5].username, GENV_USERNAME_SIZE, "mary"); /* whatever her uid is there */
    check(MAX_DEVICES, "0/0:0 0/0/7 ");
}

static void one_of_a_moment_is_chosen_the_same_way_each_time(void **state)
{
    (void)state;
    attach(0, 0, 0, 0, 10);
    attach(0, 0, 1, 0, 10);
    attach(1, 0, 0, 0, 10);
    attach(1, 0, 1, 0, 10)->time.tv_nsec = 1;
    allowed.maximum[LIMIT_DEVICES] = 0;
    check(MAX_DEVICES, "1/1:0 1/0:0 0/1:0 0/0:0 ");
}

/* An index is another one once a device in front has failed, and who was warned must still be the one that it meets. */
static void nothing_depends_on_indices(void **state)
{
    static const struct {
        unsigned rule;
        enum limit_kind kind;
        uint64_t maximum;
    } rows[] = {{MAX_DEVICES, LIMIT_DEVICES, 1}, {MAX_MEMORY, LIMIT_MEMORY, GIB}};

    (void)state;
    attach(0, 0, 0, GIB, 10);
    attach(0, 0, 1, GIB, 10);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        allowed = (struct allowance){.maximum = {LIMIT_NONE, LIMIT_NONE}};
        allowed.maximum[rows[i].kind] = rows[i].maximum;
        for (unsigned first = 0; first < 2; first++) {
            cleanup_violation_list struct violation_list list = {0};

            for (unsigned d = 0; d < 2; d++) {
                hosts[0].devices[d].index = d ^ first;
                hosts[0].attachments[0][d].index = (int)(d ^ first);
            }
            list = decide(rows[i].rule);
            assert_int_equal(list.count, 1);
            assert_string_equal(list.items[0].uuid, "GPU-1");
        }
    }
}

static void a_device_that_one_shares_with_oneself_counts_once(void **state)
{
    (void)state;
    attach(0, 0, 0, 4 * GIB, 10);
    attach(0, 1, 0, 4 * GIB, 50); /* joins what is held already */
    attach(0, 2, 1, 4 * GIB, 30);
    use(0, 7, "1", 0, GIB);
    allowed.maximum[LIMIT_DEVICES] = 2;
    check(MAX_DEVICES, "");
    allowed.maximum[LIMIT_DEVICES] = 1;
    check(MAX_DEVICES, "0/1:2 ");
    allowed.maximum[LIMIT_DEVICES] = 0;
    check(MAX_DEVICES, "0/1:2 0/0:0 0/0:1 0/0/7 ");
}

static void others_on_a_shared_device_are_left_alone(void **state)
{
    (void)state;
    copy_string(hosts[0].envs[1].username, GENV_USERNAME_SIZE, "mary");
    attach(0, 0, 0, 4 * GIB, 10);
    attach(0, 1, 0, 4 * GIB, 20);
    use(0, 7, "0", 0, GIB);
    use(0, 8, "1", 0, GIB);
    allowed.maximum[LIMIT_DEVICES] = 0;
    check(MAX_DEVICES, "0/0:0 0/0/7 ");
}

static void device_memory_has_a_maximum_too(void **state)
{
    (void)state;
    attach(0, 0, 0, 6 * GIB, 10);
    attach(0, 1, 0, 6 * GIB, 11);
    attach(0, 2, 1, 0, 20); /* 16 */
    attach(1, 0, 0, 2 * GIB, 30);
    allowed.maximum[LIMIT_MEMORY] = 30 * GIB;
    check(MAX_MEMORY, "");
    allowed.maximum[LIMIT_MEMORY] = 30 * GIB - 1;
    check(MAX_MEMORY, "1/0:0 ");
    allowed.maximum[LIMIT_MEMORY] = 12 * GIB;
    check(MAX_MEMORY, "1/0:0 0/1:2 ");
    allowed.maximum[LIMIT_MEMORY] = 12 * GIB - 1;
    check(MAX_MEMORY, "1/0:0 0/1:2 0/0:1 ");
    allowed.maximum[LIMIT_MEMORY] = 6 * GIB - 1;
    check(MAX_MEMORY, "1/0:0 0/1:2 0/0:1 0/0:0 ");
    check(MAX_DEVICES, "");
}

static void of_a_device_only_so_many_attachments_go_as_it_takes(void **state)
{
    (void)state;
    attach(0, 0, 0, 4 * GIB, 10);
    attach(0, 1, 0, 8 * GIB, 20);
    use(0, 7, "0", 0, GIB);
    use(0, 8, "1", 0, GIB);
    allowed.maximum[LIMIT_MEMORY] = 11 * GIB;
    check(MAX_MEMORY, "0/0:1 0/0/8 ");
    allowed.maximum[LIMIT_MEMORY] = 4 * GIB - 1;
    check(MAX_MEMORY, "0/0:1 0/0/8 0/0:0 0/0/7 ");
    attach(0, 2, 0, 0, 30); /* all of it: without it the others still hold 12 */
    allowed.maximum[LIMIT_MEMORY] = 12 * GIB;
    check(MAX_MEMORY, "0/0:2 ");
    allowed.maximum[LIMIT_MEMORY] = 11 * GIB;
    check(MAX_MEMORY, "0/0:2 0/0:1 0/0/8 ");
}

static void findings_come_by_host_and_rule(void **state)
{
    (void)state;
    attach(0, 0, 0, GIB, 1);
    use(0, 7, "0", 1, GIB);
    use(0, 8, "0", 0, 2 * GIB);
    use(0, 9, "", 0, GIB);
    use(1, 9, "", 0, GIB);
    allowed = (struct allowance){.maximum = {0, 0}};
    check(ALL, "0/0/9 0/1/7 0/0/8 1/0/9 0/0:0 0/0/8 0/0:0 0/0/8 ");
    check(0, "");
}

static const struct CMUnitTest tests[] = {
    TEST(a_quiet_machine_breaks_no_rule),
    TEST(processes_outside_environments_are_found),
    TEST(devices_that_are_not_attached_are_found),
    TEST(the_largest_are_to_go_until_it_fits),
    TEST(of_equals_the_youngest_goes),
    TEST(memory_is_judged_by_environment_and_device),
    TEST(what_the_driver_does_not_tell_counts_as_nothing),
    TEST(the_newest_attachments_are_to_go),
    TEST(hosts_count_together),
    TEST(one_of_a_moment_is_chosen_the_same_way_each_time),
    TEST(nothing_depends_on_indices),
    TEST(a_device_that_one_shares_with_oneself_counts_once),
    TEST(others_on_a_shared_device_are_left_alone),
    TEST(device_memory_has_a_maximum_too),
    TEST(of_a_device_only_so_many_attachments_go_as_it_takes),
    TEST(findings_come_by_host_and_rule),
};

UNIT_MAIN(tests)
