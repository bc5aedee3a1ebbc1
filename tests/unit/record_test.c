/* Records: what decodes, and why all else does not. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "model/record.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static const char whole[] =
    "{\"version\": 1, \"boot_id\": \"" BOOT "\", \"created\": \"2026-11-20T10:14:12.345Z\","
    " \"name\": \"Norwegian Wood\", \"gpus\": 2, \"gpu_memory\": 4000000000,"
    " \"processes\": [{\"pid\": 42, \"start_time\": 4711, \"pid_namespace\": 4026531836}],"
    " \"kernels\": [{\"id\": \"8d3f-1\", \"connection_file\": \"/home/p/kernel-8d3f-1.json\"}],"
    " \"attachments\": [{\"uuid\": \"GPU-a\", \"index\": 1, \"time\": \"2026-11-20T10:14:13Z\"},"
    " {\"uuid\": \"GPU-b\", \"index\": 0, \"gpu_memory\": 4000000000, \"time\": \"2026-11-20T10:14:14Z\"}],"
    " \"isolated\": true, \"openable\": [{\"uuid\": \"GPU-a\", \"vendor\": \"nvidia\"}, {\"uuid\": \"GPU-c\"}]}";

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
    assert_string_equal(record.env.attachments[0].device.uuid,
                        "GPU-b"); /* ascending by index, whatever the text says */
    assert_int_equal(record.env.attachments[0].gpu_memory, 4000000000);
    assert_int_equal(record.env.attachments[1].gpu_memory, 0);
    assert_true(record.env.isolated);
    assert_int_equal(record.env.openable_count, 2);
    assert_string_equal(record.env.openable[0].vendor, "nvidia");
    assert_string_equal(record.env.openable[1].uuid, "GPU-c");
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
        {"\"version\": 1", "\"version\": 0", "unknown version 0"},
        {"\"version\": 1, ", "", "'version' is missing"},
        {"\"boot_id\": \"", "\"boot_id\": \"too long: ", "'boot_id' is too long"},
        {"\"created\": \"2026", "\"created\": \"1926", "'created' is not an RFC 3339 time"},
        {"2026-11-20T10:14:13Z", "2026-02-30T10:14:13Z", "'time' is not an RFC 3339 time"},
        {"\"gpus\": 2", "\"gpus\": -1", "'gpus' is not a whole number below 2^31"},
        {"\"gpus\": 2", "\"gpus\": 65536", "'gpus' is too large"},
        {"\"gpus\": 2", "\"gpus\": 2.0", "'gpus' is not"},
        {"\"gpu_memory\": 4000000000,", "\"gpu_memory\": -4,", "'gpu_memory' is not a whole number"},
        {"Norwegian Wood", "\\u001b[31m", "'name' is not text without control characters"},
        {"Norwegian Wood", "a\\nb", "'name' is not text without control characters"},
        {"\"pid\": 42", "\"pid\": 0", "process 0 has no PID"},
        {"\"pid\": 42", "\"pid\": -42", "processes[0]: 'pid' is not a whole number below 2^31"},
        {"\"pid\": 42", "\"pid\": 4294967338", "processes[0]: 'pid'"},
        {"\"start_time\": 4711", "\"start_time\": -1", "processes[0]: 'start_time'"},
        {", \"pid_namespace\": 4026531836", "", "processes[0]: 'pid_namespace' is missing"},
        {"\"id\": \"8d3f-1\"", "\"id\": \"../x\"", "invalid Jupyter kernel ID"},
        {"\"id\": \"8d3f-1\"", "\"id\": \"\"", "invalid Jupyter kernel ID"},
        {"/home/p", "/home/\\u0007p", "'connection_file' is not text without control characters"},
        {"\"uuid\": \"GPU-a\"", "\"uuid\": \"\"", "attachment 0 has no valid device"},
        {"\"index\": 1,", "\"index\": 65536,", "attachment 0 has no valid device"},
        {"\"index\": 1,", "\"index\": -1,", "attachments[0]: 'index' is not a whole number below 2^31"},
        {"\"uuid\": \"GPU-a\"", "\"uuid\": \"GPU-b\"", "device GPU-b is attached twice"},
        {"\"processes\": [", "\"processes\": [[], ", "processes[0]: not a JSON object"},
        {"\"kernels\": [{", "\"kernels\": 7, \"other\": [{", "'kernels' is not an array"},
        {"\"gpus\": 2", "\"gpus\": 2, \"gpus\": 3", "invalid JSON"},
        {"{\"version\"", "[{\"version\"", "invalid JSON"},
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

static json_t *parse(const char *text)
{
    json_t *json = json_parse(text, strlen(text), NULL);

    assert_non_null(json);
    return json;
}

/* Records as the first release wrote them; see tests/state/version-1/README.md. */
static const struct {
    const char *file, *name;
    int gpus;
    uint64_t gpu_memory;
    size_t process_count, kernel_count, attachment_count;
    const char *uuids[2]; /* by index */
    int indices[2];
    uint64_t capacity;
} corpus[] = {
    {"capacity.json", "", 1, 4000000000, 1, 0, 1, {"GPU-b6bf613d-bebb-45dc-d177-07977078336c"}, {2}, 4000000000},
    {"detached.json", "", -1, 0, 1, 0, 0, {NULL}, {0}, 0},
    {"everything.json",
     "Everything",
     2,
     536870912,
     2,
     1,
     2,
     {"GPU-b6bf613d-bebb-45dc-d177-07977078336c", "GPU-826c6abf-7fdd-5ad7-075c-8519a9320579"},
     {2, 4},
     536870912},
    {"gone.json",
     "",
     -1,
     0,
     1,
     0,
     2,
     {"GPU-3462d848-f53a-bb6d-37be-58e8d7213bbc", "GPU-5692161d-100b-05e5-dbd2-38973a2b148a"},
     {-1, 0},
     0},
    {"kernels.json", "", -1, 0, 0, 2, 0, {NULL}, {0}, 0},
    {"pid-namespace.json", "", -1, 0, 1, 0, 1, {"GPU-12ae3023-7b17-df14-d56b-1fbb9ceba9e8"}, {3}, 0},
    {"processes.json", "", -1, 0, 3, 0, 0, {NULL}, {0}, 0},
    {"utf-8.json", "Norwegian Wood – 日本語 \"quoted\" \\ & $(x) 😀", -1, 0, 1, 0, 0, {NULL}, {0}, 0},
    {"whole.json",
     "",
     -1,
     0,
     1,
     0,
     2,
     {"GPU-5692161d-100b-05e5-dbd2-38973a2b148a", "GPU-1e535eed-e314-28f0-b7a4-712c74562914"},
     {0, 1},
     0},
};

static void check_meaning(size_t i, const struct genv_env *env)
{
    assert_string_equal(env->config.name, corpus[i].name);
    assert_int_equal(env->config.gpus, corpus[i].gpus);
    assert_int_equal(env->config.gpu_memory, corpus[i].gpu_memory);
    assert_int_equal(env->created.tv_sec / 600, 1795772994 / 600);
    assert_int_equal(env->process_count, corpus[i].process_count);
    for (size_t p = 0; p < env->process_count; p++)
        assert_true(env->processes[p].start_time > 570000 && env->processes[p].pid_namespace >= 4026531836);
    assert_int_equal(env->kernel_count, corpus[i].kernel_count);
    assert_int_equal(env->attachment_count, corpus[i].attachment_count);
    for (size_t a = 0; a < env->attachment_count; a++) {
        assert_string_equal(env->attachments[a].device.uuid, corpus[i].uuids[a]);
        assert_int_equal(env->attachments[a].index, corpus[i].indices[a]);
        assert_int_equal(env->attachments[a].gpu_memory, corpus[i].capacity);
        assert_true(env->attachments[a].time.tv_sec >= env->created.tv_sec);
    }
    assert_null(env->rest);
}

static void records_of_the_first_release_mean_and_stay_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(corpus); i++) {
        cleanup_free char *path = unit_path(VERSION_1, corpus[i].file), *text = NULL, *written = NULL;
        cleanup_json json_t *before = NULL, *after = NULL;
        struct genv_error err = {0};
        struct record record;
        size_t length;

        assert_int_equal(file_read_at(AT_FDCWD, path, RECORD_SIZE_MAX, &text, NULL), 0);
        if (decode(text, &record, &err) < 0)
            fail_msg("%s: %s", corpus[i].file, err.message);
        assert_string_equal(record.machine, "");
        check_meaning(i, &record.env);
        written = record_encode(&record, &length);
        before = parse(text);
        after = parse(written);
        if (!json_equal(before, after))
            fail_msg("%s was %s", written, text);
        env_release(&record.env);
    }
}

static void every_record_of_the_corpus_is_checked(void **state)
{
    cleanup_closedir DIR *directory = opendir(VERSION_1);
    struct dirent *entry;
    size_t count = 0;

    (void)state;
    assert_non_null(directory);
    while ((entry = readdir(directory)))
        count += strstr(entry->d_name, ".json") && strncmp(entry->d_name, "snapshot-", strlen("snapshot-")) != 0;
    assert_int_equal(count, ARRAY_SIZE(corpus));
}

/* What later versions may say, in the record and in each of its lists. */
static const char later[] =
    "{\"before\": [1, {\"a\": null}, 1.5, \"é\"], \"version\": 1, \"boot_id\": \"" BOOT "\","
    " \"created\": \"2026-11-20T10:14:12.345Z\", \"machine\": \"m\", \"min_version\": 1,"
    " \"processes\": [{\"pid\": 42, \"start_time\": 1, \"pid_namespace\": 2, \"of\": \"first\"},"
    " {\"pid\": 42, \"start_time\": 1, \"pid_namespace\": 3, \"of\": \"second\"}],"
    " \"kernels\": [{\"id\": \"k\", \"connection_file\": \"/k\", \"of\": {\"kernel\": true}}],"
    " \"attachments\": [{\"uuid\": \"GPU-b\", \"index\": 0, \"time\": \"2026-11-20T10:14:14.000Z\", \"kind\": \"mig\"},"
    " {\"uuid\": \"GPU-a\", \"index\": 1, \"time\": \"2026-11-20T10:14:13.000Z\"}],"
    " \"leases\": [{\"uuid\": \"GPU-c\"}]}";

/* What is written of @record, parsed. */
static json_t *rewrite(const struct record *record)
{
    size_t length;
    cleanup_free char *text = record_encode(record, &length);

    assert_non_null(text);
    return parse(text);
}

static void check_member(const json_t *object, const char *key, const char *expected)
{
    cleanup_free char *found = json_dumps(json_object_get(object, key), JSON_COMPACT | JSON_ENCODE_ANY);

    if (!found || strcmp(found, expected) != 0)
        fail_msg("\"%s\" is %s instead of %s", key, found ? found : "missing", expected);
}

static void members_that_are_not_known_survive_a_rewrite(void **state)
{
    cleanup_json json_t *before = parse(later), *same = NULL, *changed = NULL;
    struct record record;
    const json_t *list;

    (void)state;
    assert_int_equal(decode(later, &record, NULL), 0);
    assert_int_equal(record_origin(&record.env), RECORD_OWN);
    assert_int_equal(record_check_changeable(&record.env, NULL), 0);
    same = rewrite(&record);
    assert_true(json_equal(before, same));

    assert_true(env_remove_process(&record.env, 42, 2));
    assert_int_equal(env_add_process(&record.env, &(struct genv_process){.pid = 43}), 0);
    record.env.attachments[0] = record.env.attachments[1]; /* GPU-b is detached */
    record.env.attachment_count = 1;
    record.env.config.gpus = 7;
    changed = rewrite(&record);
    check_member(changed, "before", "[1,{\"a\":null},1.5,\"é\"]");
    check_member(changed, "leases", "[{\"uuid\":\"GPU-c\"}]");
    check_member(changed, "min_version", "1");
    check_member(changed, "gpus", "7");
    list = json_object_get(changed, "processes");
    assert_int_equal(json_array_size(list), 2);
    check_member(json_array_get(list, 0), "of", "\"second\"");
    assert_null(json_object_get(json_array_get(list, 1), "of"));
    check_member(json_array_get(json_object_get(changed, "kernels"), 0), "of", "{\"kernel\":true}");
    list = json_object_get(changed, "attachments");
    assert_int_equal(json_array_size(list), 1);
    assert_null(json_object_get(json_array_get(list, 0), "kind"));
    env_release(&record.env);
}

static void who_may_change_a_record_is_what_min_version_says(void **state)
{
    static const struct {
        const char *new;
        enum record_origin origin;
    } rules[] = {
        {"\"version\": 1, \"min_version\": 0", RECORD_OWN},
        {"\"version\": 1, \"min_version\": 1", RECORD_OWN},
        {"\"version\": 1, \"min_version\": 2", RECORD_LATER},
        {"\"version\": 1, \"min_version\": \"1\"", RECORD_LATER},
        {"\"version\": 1, \"min_version\": null", RECORD_LATER},
        {"\"version\": 2", RECORD_LATER},
        {"\"version\": 2, \"min_version\": 2", RECORD_LATER},
        {"\"version\": 2, \"min_version\": 1", RECORD_OWN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        cleanup_free char *text = replace("\"version\": 1", rules[i].new);
        struct genv_error err = {0};
        struct record record;

        assert_int_equal(decode(text, &record, NULL), 0);
        assert_string_equal(record.env.config.name, "Norwegian Wood");
        copy_string(record.env.eid, sizeof(record.env.eid), "1573");
        if (record_origin(&record.env) != rules[i].origin)
            fail_msg("%s", rules[i].new);
        if (rules[i].origin == RECORD_OWN) {
            cleanup_json json_t *before = parse(text), *after = rewrite(&record);

            check_member(after, "version", json_integer_value(json_object_get(before, "version")) == 2 ? "2" : "1");
        } else {
            assert_int_equal(record_check_changeable(&record.env, &err), -ENOTSUP);
            assert_string_equal(
                err.message,
                "cannot change environment 1573: it was created by a newer version of genv: use that version");
        }
        env_release(&record.env);
    }
}

static void check_devices_alone(const struct record *record, enum record_origin origin)
{
    const struct genv_env *env = &record->env;

    assert_int_equal(record_origin(env), origin);
    assert_int_equal(record_check_changeable(env, NULL), -ENOTSUP);
    assert_string_equal(record->boot_id, BOOT);
    assert_string_equal(env->config.name, "");
    assert_int_equal(env->config.gpus, -1);
    assert_int_equal(env->process_count + env->kernel_count, 0);
    assert_int_equal(env->attachment_count, 2);
    assert_string_equal(env->attachments[0].device.uuid, "GPU-a");
    assert_string_equal(env->attachments[1].device.uuid, "GPU-b");
    assert_int_equal(env->attachments[0].index, -1);
    assert_int_equal(env->attachments[1].gpu_memory, 0); /* the whole device */
}

static void what_can_not_be_read_still_names_its_devices(void **state)
{
    static const char *const changes[][2] = {
        {"\"gpus\": 2", "\"gpus\": -1"},
        {"\"processes\": [", "\"processes\": {}, \"members\": ["},
        {"\"index\": 1", "\"index\": \"1.0\""},
        {"\"attachments\": [",
         "\"attachments\": [7, {}, {\"uuid\": 1}, {\"uuid\": \"GPU-a\"}, {\"uuid\": \"\\u001b\"}, "},
        {"\"created\": \"2026-11-20T10:14:12.345Z\"", "\"created\": 1795169652"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        cleanup_free char *text = replace(changes[i][0], changes[i][1]), *second = NULL;
        struct genv_error err = {0};
        struct record record;

        assert_int_equal(decode(text, &record, &err), -EINVAL);
        assert_true(*err.message);
        check_devices_alone(&record, RECORD_INVALID);
        env_release(&record.env);
        second = strdup(text);
        *strchr(second, '1') = '2'; /* the version */
        assert_int_equal(decode(second, &record, &err), 0);
        check_devices_alone(&record, RECORD_LATER);
        env_release(&record.env);
    }
}

static void a_later_version_without_attachments_is_not_understood(void **state)
{
    struct record record;

    (void)state;
    assert_int_equal(decode("{\"version\": 2, \"holds\": [\"GPU-a\"]}", &record, NULL), -EINVAL);
    assert_int_equal(record.env.attachment_count, 0);
    env_release(&record.env);
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

        snprintf(attachment->device.uuid, sizeof(attachment->device.uuid), "GPU-%zu", i);
        attachment->index = i == 0 && unit_random(seed) % 2 ? -1 : (int)i;
        attachment->gpu_memory = unit_random(seed) % 2 ? unit_random(seed) >> 1 : 0;
        attachment->time = env->created;
    }
    env->isolated = unit_random(seed) % 2;
    env->openable_count = env->isolated ? unit_random(seed) % 3 : 0;
    env->openable = calloc(env->openable_count + 1, sizeof(*env->openable));
    for (size_t i = 0; i < env->openable_count; i++)
        snprintf(env->openable[i].uuid, sizeof(env->openable[i].uuid), "GPU-%zu", i);
}

static bool is_same(const struct genv_env *a, const struct genv_env *b)
{
    if (a->created.tv_sec != b->created.tv_sec || a->created.tv_nsec != b->created.tv_nsec ||
        strcmp(a->config.name, b->config.name) != 0 || a->config.gpus != b->config.gpus ||
        a->config.gpu_memory != b->config.gpu_memory || a->process_count != b->process_count ||
        a->kernel_count != b->kernel_count || a->attachment_count != b->attachment_count ||
        a->isolated != b->isolated || a->openable_count != b->openable_count)
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

        if (strcmp(left->device.uuid, right->device.uuid) != 0 || left->index != right->index ||
            left->gpu_memory != right->gpu_memory || left->time.tv_sec != right->time.tv_sec ||
            left->time.tv_nsec != right->time.tv_nsec)
            return false;
    }
    for (size_t i = 0; i < a->openable_count; i++) {
        if (strcmp(a->openable[i].uuid, b->openable[i].uuid) != 0)
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

/* A record with @count elements, after the form @element that takes a number, in the list @name. */
static void make_long(struct text *text, const char *name, const char *element, unsigned count)
{
    text_addf(text, "{\"version\":1,\"boot_id\":\"x\",\"created\":\"2026-11-20T10:14:12Z\",\"%s\":[", name);
    for (unsigned i = 0; i < count; i++) {
        text_add(text, i ? "," : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        text_addf(text, element, i + 1);
#pragma GCC diagnostic pop
    }
    text_add(text, "]}");
}

/* What others read is bounded; more than that is no record, but its devices count. */
static void lists_have_a_longest_length(void **state)
{
    static const struct {
        const char *name, *element;
        unsigned most;
    } lists[] = {
        {"processes", "{\"pid\":%u,\"start_time\":1,\"pid_namespace\":1}", ENV_PROCESSES_MAX},
        {"kernels", "{\"id\":\"k%u\",\"connection_file\":\"/k\"}", ENV_KERNELS_MAX},
        {"attachments", "{\"uuid\":\"GPU-%u\",\"time\":\"2026-11-20T10:14:12Z\"}", ENV_ATTACHMENTS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (unsigned more = 0; more < 2; more++) {
            cleanup_text struct text text = TEXT_INIT;
            struct genv_error err = {0};
            struct record record;

            make_long(&text, lists[i].name, lists[i].element, lists[i].most + more);
            assert_true(text.length < RECORD_SIZE_MAX);
            assert_int_equal(record_decode(text.data, text.length, &record, &err), more ? -EINVAL : 0);
            assert_true(!more || (strstr(err.message, lists[i].name) && strstr(err.message, "(limit ")));
            assert_int_equal(record.env.attachment_count, i == 2 ? ENV_ATTACHMENTS_MAX : 0);
            env_release(&record.env);
        }
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_whole_record_decodes),
    cmocka_unit_test(a_record_says_nothing_of_its_owner_and_identifier),
    cmocka_unit_test(each_rule_refuses_with_its_reason),
    cmocka_unit_test(records_of_the_first_release_mean_and_stay_the_same),
    cmocka_unit_test(every_record_of_the_corpus_is_checked),
    cmocka_unit_test(members_that_are_not_known_survive_a_rewrite),
    cmocka_unit_test(who_may_change_a_record_is_what_min_version_says),
    cmocka_unit_test(what_can_not_be_read_still_names_its_devices),
    cmocka_unit_test(a_later_version_without_attachments_is_not_understood),
    cmocka_unit_test(a_record_that_is_cut_anywhere_is_refused),
    cmocka_unit_test(a_record_with_any_byte_changed_is_read_or_refused),
    cmocka_unit_test(records_survive_the_round_trip),
    cmocka_unit_test(lists_have_a_longest_length),
};

UNIT_MAIN(tests)
