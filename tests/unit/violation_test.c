/* A broken rule: its sentence, whether it still is broken, and the JSON that travels to another host. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "model/record.h"
#include "policy/violation.h"

#define GIB (UINT64_C(1) << 30)

/* Environment 1573 of paul, attached to GPU 0 with 4 GiB, and its process 42, which uses 3 GiB of it, with 43's 2. */
static struct {
    struct genv_attachment attachments[2];
    struct genv_env env;
    struct genv_usage usages[2], more;
    struct genv_gpu_process processes[2];
    struct genv_snapshot snapshot;
} world;

static int make(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    world.attachments[0] = (struct genv_attachment){
        .device.uuid = "GPU-0", .index = 0, .gpu_memory = 4 * GIB, .time = {.tv_sec = 1000, .tv_nsec = 5000000}};
    world.env = (struct genv_env){
        .eid = "1573", .uid = 1004, .username = "paul", .attachments = world.attachments, .attachment_count = 1};
    world.usages[0] = (struct genv_usage){.uuid = "GPU-0", .used_memory = 3 * GIB};
    world.more = (struct genv_usage){.uuid = "GPU-0", .used_memory = 2 * GIB};
    world.processes[0] = (struct genv_gpu_process){.pid = 42,
                                                   .start_time = 98765,
                                                   .uid = 1004,
                                                   .username = "paul",
                                                   .eid = "1573",
                                                   .command = "python train.py",
                                                   .usages = world.usages,
                                                   .usage_count = 1};
    world.processes[1] = world.processes[0];
    world.processes[1].pid = 43;
    world.processes[1].usages = &world.more;
    world.snapshot =
        (struct genv_snapshot){.envs = &world.env, .env_count = 1, .processes = world.processes, .process_count = 2};
    return 0;
}

#define TEST(test) cmocka_unit_test_setup(test, make)

static struct violation about_process(enum enforce_rule rule)
{
    return (struct violation){.rule = rule,
                              .remedy = REMEDY_TERMINATE,
                              .uuid = "GPU-0",
                              .uid = 1004,
                              .username = "paul",
                              .eid = "1573",
                              .pid = 42,
                              .start_time = 98765,
                              .command = "python train.py",
                              .used = 5000000000,
                              .allowed = 4000000000};
}

static struct violation about_attachment(enum enforce_rule rule)
{
    struct violation violation = about_process(rule);

    violation.remedy = REMEDY_DETACH;
    violation.pid = 0;
    violation.start_time = 0;
    violation.command[0] = '\0';
    violation.attached = world.attachments[0].time;
    return violation;
}

static void check_sentence(const struct violation *violation, const char *expected)
{
    cleanup_text struct text text = TEXT_INIT;

    violation_describe(violation, &text);
    assert_string_equal(text.data, expected);
    assert_true(utf8_is_printable(text.data));
}

static void each_rule_has_its_sentence(void **state)
{
    struct violation violation = about_process(RULE_NON_ENV_PROCESSES);

    (void)state;
    violation.eid[0] = '\0';
    check_sentence(&violation, "Process 42 (python train.py) of paul uses device 0 outside any environment");
    violation.command[0] = violation.username[0] = '\0';
    check_sentence(&violation, "Process 42 of an unknown user uses device 0 outside any environment");
    violation = about_process(RULE_ENV_DEVICES);
    check_sentence(&violation, "Process 42 (python train.py) of environment 1573 of paul uses device 0, which is not "
                               "attached to its environment");
    violation = about_process(RULE_ENV_MEMORY);
    check_sentence(&violation, "Process 42 (python train.py) of environment 1573 of paul is among the processes that "
                               "use 5g on device 0, where their environment reserved 4g");
    violation = about_attachment(RULE_MAX_MEMORY);
    check_sentence(&violation,
                   "Environment 1573 of paul holds device 0, and paul holds 5g of device memory (limit 4g)");
    violation.allowed = 0;
    check_sentence(&violation, "Environment 1573 of paul holds device 0, and paul holds 5g of device memory (limit 0)");
    violation = about_attachment(RULE_MAX_DEVICES);
    violation.used = 3, violation.allowed = 2;
    check_sentence(&violation, "Environment 1573 of paul holds device 0, and paul holds 3 devices (limit 2)");
    violation.used = 1;
    violation.allowed = 0;
    check_sentence(&violation, "Environment 1573 of paul holds device 0, and paul holds 1 device (limit 0)");
    violation = about_process(RULE_MAX_DEVICES);
    violation.used = 3, violation.allowed = 0;
    check_sentence(&violation,
                   "Process 42 (python train.py) of environment 1573 of paul uses device 0, and paul holds 3 "
                   "devices (limit 0)");
}

static void a_long_command_is_cut_between_characters(void **state)
{
    struct violation violation = about_process(RULE_NON_ENV_PROCESSES);
    cleanup_text struct text text = TEXT_INIT;

    (void)state;
    memset(violation.command, 'x', 79);
    copy_string(violation.command + 79, 20, "\342\202\254\342\202\254"); /* two of three bytes each */
    violation_describe(&violation, &text);
    assert_true(utf8_is_printable(text.data));
    assert_non_null(strstr(text.data, "xxx) of "));
}

static void a_process_is_its_pid_and_start_time(void **state)
{
    struct violation violation = about_process(RULE_NON_ENV_PROCESSES);

    (void)state;
    violation.eid[0] = world.processes[0].eid[0] = '\0';
    assert_true(violation_holds(&violation, &world.snapshot));
    world.usages[0].index = 3; /* another device is no better */
    assert_true(violation_holds(&violation, &world.snapshot));
    world.processes[0].start_time++;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.processes[0].start_time = violation.start_time = 0; /* unknown is not the same */
    assert_false(violation_holds(&violation, &world.snapshot));
    violation = about_process(RULE_NON_ENV_PROCESSES);
    world.processes[0].start_time = violation.start_time;
    violation.eid[0] = '\0';
    world.processes[0].usage_count = 0;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.processes[0].usage_count = 1;
    world.processes[0].pid = 44;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.processes[0].pid = 42;
    copy_string(world.processes[0].eid, sizeof(world.processes[0].eid), "1573"); /* it has joined one */
    assert_false(violation_holds(&violation, &world.snapshot));
}

static void a_device_that_is_attached_now_is_fine(void **state)
{
    struct violation violation = about_process(RULE_ENV_DEVICES);

    (void)state;
    copy_string(violation.uuid, sizeof(violation.uuid), "GPU-1");
    assert_false(violation_holds(&violation, &world.snapshot));               /* is not used */
    copy_string(world.usages[0].uuid, sizeof(world.usages[0].uuid), "GPU-1"); /* at whatever index */
    assert_true(violation_holds(&violation, &world.snapshot));
    world.attachments[1] = (struct genv_attachment){.device.uuid = "GPU-1", .index = 1};
    world.env.attachment_count = 2;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.env.attachment_count = 1;
    world.snapshot.env_count = 0; /* the environment has ended: another rule's business */
    assert_false(violation_holds(&violation, &world.snapshot));
}

static void memory_that_fits_now_is_fine(void **state)
{
    struct violation violation = about_process(RULE_ENV_MEMORY);

    (void)state;
    assert_true(violation_holds(&violation, &world.snapshot));
    world.more.used_memory = GIB;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.more.used_memory = GIB + 1;
    assert_true(violation_holds(&violation, &world.snapshot));
    copy_string(world.more.uuid, sizeof(world.more.uuid), "GPU-1");
    assert_false(violation_holds(&violation, &world.snapshot));
    world.more = (struct genv_usage){.uuid = "GPU-0", .used_memory = 5 * GIB};
    world.usages[0].used_memory = GENV_UNKNOWN_U64; /* ending it may not help */
    assert_false(violation_holds(&violation, &world.snapshot));
    world.usages[0].used_memory = GIB;
    assert_true(violation_holds(&violation, &world.snapshot));
    world.attachments[0].gpu_memory = 0;
    assert_false(violation_holds(&violation, &world.snapshot));
    world.attachments[0].gpu_memory = GIB;
    world.env.attachment_count = 0;
    assert_false(violation_holds(&violation, &world.snapshot));
}

static void an_attachment_is_its_time(void **state)
{
    struct violation violation = about_attachment(RULE_MAX_DEVICES), process = about_process(RULE_MAX_DEVICES);

    (void)state;
    process.attached = violation.attached;
    assert_true(violation_holds(&violation, &world.snapshot));
    assert_true(violation_holds(&process, &world.snapshot));
    world.attachments[0].time.tv_nsec++; /* made anew */
    assert_false(violation_holds(&violation, &world.snapshot));
    assert_false(violation_holds(&process, &world.snapshot));
    world.attachments[0].time.tv_nsec--;
    world.env.attachment_count = 0; /* gone, and the process goes too */
    assert_false(violation_holds(&violation, &world.snapshot));
    assert_true(violation_holds(&process, &world.snapshot));
    world.snapshot.env_count = 0;
    assert_false(violation_holds(&violation, &world.snapshot));
}

static void what_is_the_same_is_told(void **state)
{
    const struct violation a = about_attachment(RULE_MAX_DEVICES), b = about_process(RULE_ENV_MEMORY);
    struct violation other = b;

    (void)state;
    assert_true(violation_equals(&a, &a) && violation_equals(&b, &b));
    assert_false(violation_equals(&a, &b));
    other.used++, other.allowed++, other.command[0] = other.username[0] = '\0', other.uid = 0;
    assert_true(violation_equals(&b, &other)); /* how much may change */
    other = b, other.host = 1;
    assert_false(violation_equals(&b, &other));
    other = b, other.uuid[0] = 'x';
    assert_false(violation_equals(&b, &other));
    other = b, other.start_time++;
    assert_false(violation_equals(&b, &other));
    other = b, other.rule = RULE_ENV_DEVICES;
    assert_false(violation_equals(&b, &other));
    other = b, other.eid[0] = 'x';
    assert_false(violation_equals(&b, &other));
    other = a, other.attached.tv_nsec++;
    assert_false(violation_equals(&a, &other));
}

static void check_json(const struct violation *violation)
{
    cleanup_free char *json = violation_to_json(violation), *again = NULL;
    struct violation read = {.host = 9};

    assert_non_null(json);
    assert_int_equal(violation_from_json(json, &read, NULL), 0);
    assert_true(violation_equals(&read, violation));
    assert_true(read.used == violation->used && read.allowed == violation->allowed);
    assert_true(read.index == violation->index);
    assert_string_equal(read.command, "");
    assert_true(read.uid == (uid_t)-1);
    again = violation_to_json(&read);
    assert_string_equal(again, json);
}

static void json_carries_it_to_its_host(void **state)
{
    struct violation violation = about_process(RULE_NON_ENV_PROCESSES);

    (void)state;
    violation.eid[0] = '\0';
    check_json(&violation);
    violation = about_process(RULE_ENV_MEMORY);
    violation.start_time = violation.used = violation.allowed = INT64_MAX;
    violation.pid = INT32_MAX;
    violation.index = 65535;
    memset(violation.uuid, 'u', sizeof(violation.uuid) - 1);
    memset(violation.eid, 'e', GENV_EID_MAX);
    check_json(&violation);
    violation = about_attachment(RULE_MAX_DEVICES);
    check_json(&violation);
    violation = about_process(RULE_MAX_MEMORY);
    violation.attached = world.attachments[0].time;
    check_json(&violation);
}

/* A record that was edited by hand may tell nanoseconds, which no snapshot and no violation carries. */
static void an_attachment_is_known_on_its_host(void **state)
{
    static const char text[] =
        "{\"version\": 1, \"boot_id\": \"b\", \"created\": \"2026-11-20T10:14:12.650456789Z\", \"attachments\": "
        "[{\"uuid\": \"GPU-0\", \"index\": 0, \"time\": \"2026-11-20T10:14:12.650456789Z\"}]}";
    struct violation violation = about_attachment(RULE_MAX_DEVICES), there;
    cleanup_free char *json = NULL;
    struct record record;
    struct genv_error err = {0};

    (void)state;
    if (record_decode(text, strlen(text), &record, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(record.env.created.tv_nsec, 650000000);
    violation.attached = record.env.attachments[0].time;
    world.attachments[0].time = violation.attached;
    json = violation_to_json(&violation);
    assert_int_equal(violation_from_json(json, &there, NULL), 0);
    assert_true(violation_holds(&there, &world.snapshot));
    env_release(&record.env);
}

#define PROCESS    "\"rule\":\"env-memory\",\"pid\":42,\"start_time\":7,\"eid\":\"1573\""
#define ATTACHMENT "\"rule\":\"max-devices-per-user\",\"eid\":\"1573\",\"attached\":\"2026-11-20T10:14:12.345Z\""
#define DEVICE     "\"uuid\":\"GPU-0\",\"device\":1"

static void what_is_no_violation_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "rm -rf /",
        "null",
        "[]",
        "{}",
        "{" PROCESS "}",
        "{" DEVICE "}",
        "{" PROCESS "," DEVICE,
        "{" PROCESS "," DEVICE "}}",
        "{" PROCESS "," DEVICE "," DEVICE "}",
        "{" PROCESS ",\"uuid\":\"\",\"device\":1}",
        "{" PROCESS ",\"uuid\":\"../x\",\"device\":1}",
        "{" PROCESS ",\"uuid\":\"GPU 0\",\"device\":1}",
        "{" PROCESS ",\"uuid\":7,\"device\":1}",
        "{" PROCESS ",\"uuid\":\"GPU-0\",\"device\":65536}",
        "{" PROCESS ",\"uuid\":\"GPU-0\",\"device\":-1}",
        "{" PROCESS ",\"uuid\":\"GPU-0\",\"device\":\"1\"}",
        "{\"rule\":\"Env-memory\",\"pid\":42," DEVICE "}",
        "{\"rule\":\"env-memory\"," DEVICE "}",
        "{\"rule\":\"env-memory\",\"pid\":0," DEVICE "}",
        "{\"rule\":\"env-memory\",\"pid\":-42," DEVICE "}",
        "{\"rule\":\"env-memory\",\"pid\":2147483648," DEVICE "}",
        "{\"rule\":\"env-memory\",\"pid\":42,\"eid\":\"../x\"," DEVICE "}",
        "{\"rule\":\"env-memory\",\"pid\":42,\"attached\":\"yesterday\"," DEVICE "}",
        "{" PROCESS ",\"used\":-1," DEVICE "}",
        "{" PROCESS ",\"used\":9223372036854775808," DEVICE "}",
        "env-memory:42:98765:1573:2026-11-20T10:14:12.345Z/GPU-0/1/1/2", /* as earlier versions sent it */
    };
    struct violation violation = {.host = 9};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct genv_error err = {0};

        if (violation_from_json(texts[i], &violation, &err) != -EINVAL || !*err.message)
            fail_msg("taken: %s", texts[i]);
    }
    assert_int_equal(violation.host, 9);
}

/* A later version may say more, and not all have to say all. */
static void what_is_not_known_is_ignored(void **state)
{
    struct violation violation;

    (void)state;
    assert_int_equal(violation_from_json("{" PROCESS "," DEVICE ",\"later\":{\"x\":[1]}}", &violation, NULL), 0);
    assert_true(violation.rule == RULE_ENV_MEMORY && violation.remedy == REMEDY_TERMINATE && violation.pid == 42);
    assert_true(violation.start_time == 7 && violation.index == 1 && violation.used == 0 && violation.allowed == 0);
    assert_string_equal(violation.uuid, "GPU-0");
    assert_string_equal(violation.eid, "1573");
    assert_int_equal(violation_from_json("{" ATTACHMENT "," DEVICE "}", &violation, NULL), 0);
    assert_true(violation.rule == RULE_MAX_DEVICES && violation.remedy == REMEDY_DETACH && violation.pid == 0);
    assert_int_equal(violation.attached.tv_nsec, 345000000);
}

static void the_host_completes_it(void **state)
{
    struct violation violation = about_process(RULE_ENV_MEMORY), attachment = about_attachment(RULE_MAX_DEVICES);

    (void)state;
    violation.uid = attachment.uid = (uid_t)-1;
    violation.username[0] = violation.command[0] = attachment.username[0] = '\0';
    violation_complete(&violation, &world.snapshot);
    assert_int_equal(violation.uid, 1004);
    assert_string_equal(violation.username, "paul");
    assert_string_equal(violation.command, "python train.py");
    violation_complete(&attachment, &world.snapshot);
    assert_int_equal(attachment.uid, 1004);
    assert_string_equal(attachment.username, "paul");
}

static void a_list_grows(void **state)
{
    cleanup_violation_list struct violation_list list = {0};
    struct violation violation = about_process(RULE_ENV_MEMORY);

    (void)state;
    for (int i = 0; i < 100; i++) {
        violation.pid = i;
        assert_int_equal(violation_list_add(&list, &violation), 0);
    }
    assert_int_equal(list.count, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(list.items[i].pid, i);
}

static const struct CMUnitTest tests[] = {
    TEST(each_rule_has_its_sentence),
    TEST(a_long_command_is_cut_between_characters),
    TEST(a_process_is_its_pid_and_start_time),
    TEST(a_device_that_is_attached_now_is_fine),
    TEST(memory_that_fits_now_is_fine),
    TEST(an_attachment_is_its_time),
    TEST(what_is_the_same_is_told),
    TEST(json_carries_it_to_its_host),
    TEST(an_attachment_is_known_on_its_host),
    TEST(what_is_no_violation_is_refused),
    TEST(what_is_not_known_is_ignored),
    TEST(the_host_completes_it),
    TEST(a_list_grows),
};

UNIT_MAIN(tests)
