/* Records: what decodes, and why all else does not. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "model/record.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static const char whole[] =
    "{\"version\": 1, \"boot_id\": \"" BOOT "\", \"created\": \"2026-11-20T10:14:12.345Z\","
    " \"name\": \"Norwegian Wood\", \"gpus\": 2, \"gpu_memory\": 4000000000,"
    " \"processes\": [{\"pid\": 42, \"start_time\": 4711, \"pid_namespace\": 4026531836}],"
    " \"kernels\": [{\"id\": \"8d3f-1\", \"connection_file\": \"/home/p/kernel-8d3f-1.json\"}],"
    " \"attachments\": [{\"uuid\": \"GPU-a\", \"index\": 1, \"time\": \"2026-11-20T10:14:13Z\"},"
    " {\"uuid\": \"GPU-b\", \"index\": 0, \"gpu_memory\": 4000000000, \"time\": \"2026-11-20T10:14:14Z\"}]}";

static int decode(const char *text, struct record *record, struct genv_error *err)
{
    return record_decode(text, strlen(text), record, err);
}

static void a_whole_record_decodes(void **state)
{
    struct record record;

    (void)state;
    assert_int_equal(decode(whole, &record, NULL), 0);
    assert_string_equal(record.boot_id, BOOT);
    assert_int_equal(record.env.created.tv_sec, 1795169652);
    assert_string_equal(record.env.config.name, "Norwegian Wood");
    assert_int_equal(record.env.config.gpus, 2);
    assert_int_equal(record.env.config.gpu_memory, 4000000000);
    assert_int_equal(record.env.process_count, 1);
    assert_int_equal(record.env.processes[0].pid, 42);
    assert_int_equal(record.env.processes[0].start_time, 4711);
    assert_int_equal(record.env.kernel_count, 1);
    assert_string_equal(record.env.kernels[0].connection_file, "/home/p/kernel-8d3f-1.json");
    assert_int_equal(record.env.attachment_count, 2);
    assert_string_equal(record.env.attachments[0].uuid, "GPU-b"); /* ascending by index, whatever the text says */
    assert_int_equal(record.env.attachments[0].gpu_memory, 4000000000);
    assert_int_equal(record.env.attachments[1].gpu_memory, 0);
    env_release(&record.env);
}

static void a_record_says_nothing_of_its_owner_and_identifier(void **state)
{
    static const char text[] = "{\"version\": 1, \"boot_id\": \"x\", \"created\": \"2026-11-20T10:14:12Z\", \"uid\": 0,"
                               " \"eid\": \"1\", \"processes\": [], \"kernels\": [], \"attachments\": []}";
    struct record record;

    (void)state;
    memset(&record, 'x', sizeof(record));
    assert_int_equal(decode(text, &record, NULL), 0);
    assert_string_equal(record.env.eid, "");
    assert_int_equal(record.env.uid, 0);
    assert_string_equal(record.env.config.name, "");
    assert_int_equal(record.env.config.gpus, -1);
    assert_int_equal(record.env.config.gpu_memory, 0);
    env_release(&record.env);
}

/* The whole record with the first @old replaced. */
static char *replace(const char *old, const char *new)
{
    const char *at = strstr(whole, old);
    char *text;

    assert_non_null(at);
    assert_true(asprintf(&text, "%.*s%s%s", (int)(at - whole), whole, new, at + strlen(old)) > 0);
    return text;
}

static void each_rule_refuses_with_its_reason(void **state)
{
    static const struct {
        const char *old, *new, *reason;
    } rules[] = {
        {"\"version\": 1", "\"version\": 2", "version 2 is not known here"},
        {"\"version\": 1", "\"version\": 0", "version 0 is not known here"},
        {"\"version\": 1, ", "", "\"version\" is missing"},
        {"\"boot_id\": \"", "\"boot_id\": \"too long: ", "\"boot_id\" is not short enough"},
        {"\"created\": \"2026", "\"created\": \"1926", "\"created\" is not a time"},
        {"2026-11-20T10:14:13Z", "2026-02-30T10:14:13Z", "\"time\" is not a time"},
        {"\"gpus\": 2", "\"gpus\": -1", "\"gpus\" is not a small whole number"},
        {"\"gpus\": 2", "\"gpus\": 65536", "\"gpus\" is too large"},
        {"\"gpus\": 2", "\"gpus\": 2.0", "\"gpus\" is not"},
        {"\"gpu_memory\": 4000000000,", "\"gpu_memory\": -4,", "\"gpu_memory\" is not a whole number"},
        {"Norwegian Wood", "\\u001b[31m", "\"name\" is not a text without control characters"},
        {"Norwegian Wood", "a\\nb", "\"name\" is not a text without control characters"},
        {"\"pid\": 42", "\"pid\": 0", "process 0 has no PID"},
        {"\"pid\": 42", "\"pid\": -42", "\"processes\"[0]: \"pid\" is not a small whole number"},
        {"\"pid\": 42", "\"pid\": 4294967338", "\"processes\"[0]: \"pid\""},
        {"\"start_time\": 4711", "\"start_time\": -1", "\"processes\"[0]: \"start_time\""},
        {", \"pid_namespace\": 4026531836", "", "\"processes\"[0]: \"pid_namespace\" is missing"},
        {"\"id\": \"8d3f-1\"", "\"id\": \"../x\"", "not a Jupyter kernel identifier"},
        {"\"id\": \"8d3f-1\"", "\"id\": \"\"", "not a Jupyter kernel identifier"},
        {"/home/p", "/home/\\u0007p", "\"connection_file\" is not a text"},
        {"\"uuid\": \"GPU-a\"", "\"uuid\": \"\"", "attachment 0 names no device"},
        {"\"index\": 1,", "\"index\": 65536,", "attachment 0 names no device"},
        {"\"index\": 1,", "\"index\": -1,", "\"attachments\"[0]: \"index\" is not a small whole number"},
        {"\"uuid\": \"GPU-a\"", "\"uuid\": \"GPU-b\"", "device GPU-b is attached twice"},
        {"\"processes\": [", "\"processes\": [[], ", "\"processes\"[0]: not a JSON object"},
        {"\"kernels\": [{", "\"kernels\": 7, \"other\": [{", "\"kernels\" is not an array"},
        {"\"gpus\": 2", "\"gpus\": 2, \"gpus\": 3", "not JSON"},
        {"{\"version\"", "[{\"version\"", "not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        cleanup_free char *text = replace(rules[i].old, rules[i].new);
        struct genv_error err = {0};
        struct record record;

        if (decode(text, &record, &err) != -EINVAL)
            fail_msg("accepted: %s", text);
        env_release(&record.env);
        if (!strstr(err.message, rules[i].reason))
            fail_msg("\"%s\" instead of \"%s\"", err.message, rules[i].reason);
    }
}

static void a_record_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(whole); length++) {
        struct record record;

        assert_int_equal(record_decode(whole, length, &record, NULL), -EINVAL);
        env_release(&record.env);
    }
}

static void a_record_with_any_byte_changed_is_read_or_refused(void **state)
{
    static const char bytes[] = {'\0', '\n', '"', '0',    '9',    '-',        '{',       '}',
                                 '[',  ']',  ',', '\x1b', '\x7f', (char)0x80, (char)0xff};
    char text[sizeof(whole)];

    (void)state;
    for (size_t i = 0; i < strlen(whole); i++) {
        for (size_t b = 0; b < sizeof(bytes); b++) {
            struct genv_error err = {0};
            struct record record;
            int r;

            memcpy(text, whole, sizeof(whole));
            text[i] = bytes[b];
            r = record_decode(text, strlen(whole), &record, &err);
            assert_true(r == 0 || (r == -EINVAL && err.code == EINVAL && *err.message));
            assert_true(utf8_is_printable(err.message) && utf8_is_printable(record.env.config.name));
            env_release(&record.env);
        }
    }
}

static void make_random(uint64_t *seed, struct record *record)
{
    struct genv_env *env = &record->env;

    *record = (struct record){.version = 1};
    copy_string(record->boot_id, sizeof(record->boot_id), BOOT);
    env->created = (struct timespec){.tv_sec = (time_t)(unit_random(seed) % 253402300800),
                                     .tv_nsec = (long)(unit_random(seed) % 1000 * 1000000)};
    env->config.gpus = (int)(unit_random(seed) % 9) - 1;
    env->config.gpu_memory = unit_random(seed) % 2 ? unit_random(seed) >> 1 : 0;
    if (unit_random(seed) % 2)
        copy_string(env->config.name, sizeof(env->config.name), "a \"name\" \\ with 日本語 / and 'quotes' $(x)");
    for (uint64_t i = unit_random(seed) % 5; i > 0; i--)
        assert_int_equal(env_add_process(env, &(struct genv_process){.pid = (pid_t)(unit_random(seed) % INT32_MAX) + 1,
                                                                     .start_time = unit_random(seed) >> 1,
                                                                     .pid_namespace = unit_random(seed) >> 32}),
                         0);
    for (uint64_t i = unit_random(seed) % 3; i > 0; i--) {
        struct genv_kernel kernel = {.connection_file = "/run/user/1/kernel.json"};

        snprintf(kernel.id, sizeof(kernel.id), "k%u", (unsigned)i);
        assert_int_equal(env_add_kernel(env, &kernel), 0);
    }
    env->attachment_count = unit_random(seed) % 5;
    env->attachments = calloc(env->attachment_count + 1, sizeof(*env->attachments));
    for (size_t i = 0; i < env->attachment_count; i++) {
        struct genv_attachment *attachment = &env->attachments[i];

        snprintf(attachment->uuid, sizeof(attachment->uuid), "GPU-%zu", i);
        attachment->index = i == 0 && unit_random(seed) % 2 ? -1 : (int)i;
        attachment->gpu_memory = unit_random(seed) % 2 ? unit_random(seed) >> 1 : 0;
        attachment->time = env->created;
    }
}

static bool is_same(const struct genv_env *a, const struct genv_env *b)
{
    if (a->created.tv_sec != b->created.tv_sec || a->created.tv_nsec != b->created.tv_nsec ||
        strcmp(a->config.name, b->config.name) != 0 || a->config.gpus != b->config.gpus ||
        a->config.gpu_memory != b->config.gpu_memory || a->process_count != b->process_count ||
        a->kernel_count != b->kernel_count || a->attachment_count != b->attachment_count)
        return false;
    for (size_t i = 0; i < a->process_count; i++) {
        if (a->processes[i].pid != b->processes[i].pid || a->processes[i].start_time != b->processes[i].start_time ||
            a->processes[i].pid_namespace != b->processes[i].pid_namespace)
            return false;
    }
    for (size_t i = 0; i < a->kernel_count; i++) {
        if (strcmp(a->kernels[i].id, b->kernels[i].id) != 0 ||
            strcmp(a->kernels[i].connection_file, b->kernels[i].connection_file) != 0)
            return false;
    }
    for (size_t i = 0; i < a->attachment_count; i++) {
        const struct genv_attachment *left = &a->attachments[i], *right = &b->attachments[i];

        if (strcmp(left->uuid, right->uuid) != 0 || left->index != right->index ||
            left->gpu_memory != right->gpu_memory || left->time.tv_sec != right->time.tv_sec ||
            left->time.tv_nsec != right->time.tv_nsec)
            return false;
    }
    return true;
}

static void records_survive_the_round_trip(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        cleanup_free char *text = NULL;
        struct record record, read;
        size_t length;

        make_random(&seed, &record);
        text = record_encode(&record, &length);
        assert_non_null(text);
        assert_int_equal(strlen(text), length);
        assert_int_equal(record_decode(text, length, &read, NULL), 0);
        assert_true(is_same(&record.env, &read.env));
        assert_string_equal(record.boot_id, read.boot_id);
        env_release(&record.env);
        env_release(&read.env);
    }
}

/* As large as a record can be, and hostile: comparing each attachment with each other one took a second. */
static void a_record_full_of_attachments_is_read(void **state)
{
    struct text text = {0};
    struct record record;

    (void)state;
    text_add(&text,
             "{\"version\":1,\"boot_id\":\"x\",\"created\":\"2026-11-20T10:14:12Z\",\"processes\":[],\"kernels\":[],"
             "\"attachments\":[");
    for (unsigned i = 0; text.length < RECORD_SIZE_MAX - 100; i++)
        text_addf(&text, "%s{\"uuid\":\"%x\",\"time\":\"2026-11-20T10:14:12Z\"}", i ? "," : "", i * 2654435761u);
    text_add(&text, "]}");
    assert_int_equal(record_decode(text.data, text.length, &record, NULL), 0);
    assert_true(record.env.attachment_count > 15000);
    env_release(&record.env);
    text_release(&text);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_whole_record_decodes),
    cmocka_unit_test(a_record_says_nothing_of_its_owner_and_identifier),
    cmocka_unit_test(each_rule_refuses_with_its_reason),
    cmocka_unit_test(a_record_that_is_cut_anywhere_is_refused),
    cmocka_unit_test(a_record_with_any_byte_changed_is_read_or_refused),
    cmocka_unit_test(records_survive_the_round_trip),
    cmocka_unit_test(a_record_full_of_attachments_is_read),
};

UNIT_MAIN(tests)
