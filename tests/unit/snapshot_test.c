/* The JSON of a snapshot. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "model/env.h"

static struct genv_snapshot *make_snapshot(void)
{
    struct genv_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct genv_device *devices = calloc(2, sizeof(*devices));
    struct genv_env *env = calloc(1, sizeof(*env));
    struct genv_gpu_process *process = calloc(1, sizeof(*process));

    devices[0] = (struct genv_device){.index = 0,
                                      .id = {.vendor = GENV_VENDOR_NVIDIA, .uuid = "GPU-a"},
                                      .pci_bus_id = "00000000:01:00.0",
                                      .name = "H200",
                                      .total_memory = UINT64_C(150754820096),
                                      .sample = {UINT64_C(1) << 40, 97, 61, 523456}};
    devices[1] = (struct genv_device){.id.vendor = "amd",
                                      .index = 1,
                                      .state = GENV_DEVICE_LOST,
                                      .sample = {GENV_UNKNOWN_U64, GENV_UNKNOWN_INT, GENV_UNKNOWN_INT, -1}};
    *env =
        (struct genv_env){.eid = "1573", .uid = 4000000000, .created = {.tv_sec = 1795169652}, .config = {.gpus = -1}};
    env->processes = calloc(1, sizeof(*env->processes));
    env->processes[0].pid = 1573;
    env->process_count = 1;
    env->kernels = calloc(1, sizeof(*env->kernels));
    copy_string(env->kernels[0].id, sizeof(env->kernels[0].id), "8d3f");
    env->kernel_count = 1;
    env->attachments = calloc(2, sizeof(*env->attachments));
    env->attachments[0] = (struct genv_attachment){.device.uuid = "GPU-gone", .index = -1};
    env->attachments[1] = (struct genv_attachment){
        .device.uuid = "GPU-a", .gpu_memory = 4000000000, .time = {.tv_sec = 1795169653, .tv_nsec = 5000000}};
    env->attachment_count = 2;
    *process = (struct genv_gpu_process){.pid = 77, .uid = (uid_t)-1, .usage_count = 1};
    process->usages = calloc(1, sizeof(*process->usages));
    copy_string(process->usages[0].uuid, GENV_UUID_SIZE, "GPU-a");
    process->usages[0].used_memory = GENV_UNKNOWN_U64;
    *snapshot = (struct genv_snapshot){.hostname = "host",
                                       .time = {.tv_sec = 1795169654},
                                       .devices = devices,
                                       .device_count = 2,
                                       .envs = env,
                                       .env_count = 1,
                                       .processes = process,
                                       .process_count = 1};
    return snapshot;
}

/* The value at @path, "devices.0.uuid", of the JSON @text; "null" and so on as JSON writes them. */
static void check(const char *text, const char *path, const char *expected)
{
    cleanup_json json_t *json = json_loads(text, 0, NULL);
    cleanup_free char *copy = strdup(path), *found = NULL;
    const json_t *value = json;

    assert_non_null(json);
    for (char *key = strtok(copy, "."); key; key = strtok(NULL, ".")) {
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
        if (!value)
            fail_msg("no %s in %s", path, text);
    }
    found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(found, expected);
}

static inline void freep(struct genv_snapshot **snapshot)
{
    genv_snapshot_free(*snapshot);
}
#define cleanup_snapshot cleanup_with(freep)

/* Builds JSON of what a visitor is told. */
struct rebuilt {
    json_t *open[8]; /* what is begun; the first is the whole */
    int depth;
    int left; /* values until it gives up with 7; -1: never */
};

static json_t *make_value(const struct genv_value *value)
{
    char time[RFC3339_SIZE];

    switch (value->kind) {
    case GENV_VALUE_BOOL:
        return json_boolean(value->boolean);
    case GENV_VALUE_INTEGER:
        return json_integer(value->integer);
    case GENV_VALUE_REAL:
        return json_real(value->real);
    case GENV_VALUE_TEXT:
        return json_string(value->text);
    case GENV_VALUE_TIME:
        rfc3339_format(value->time, time);
        return json_string(time);
    case GENV_VALUE_OBJECT:
        return json_object();
    case GENV_VALUE_LIST:
        return json_array();
    default:
        return json_null();
    }
}

static int rebuild(const struct genv_value *value, void *data)
{
    struct rebuilt *rebuilt = data;
    json_t *json, *parent = rebuilt->depth ? rebuilt->open[rebuilt->depth - 1] : NULL;

    if (rebuilt->left-- == 0)
        return 7;
    if (value->kind == GENV_VALUE_END) {
        assert_true(rebuilt->depth-- > 0);
        return 0;
    }
    json = make_value(value);
    assert_int_equal(!value->key, !json_is_object(parent));
    if (value->kind == GENV_VALUE_OBJECT || value->kind == GENV_VALUE_LIST)
        rebuilt->open[rebuilt->depth++] = json;
    if (json_is_array(parent))
        json_array_append_new(parent, json);
    else if (parent)
        json_object_set_new(parent, value->key, json);
    return 0;
}

static void a_visitor_is_told_what_json_says(void **state)
{
    cleanup_snapshot struct genv_snapshot *snapshot = make_snapshot();
    struct rebuilt whole = {.left = -1}, env = {.left = -1};
    cleanup_free char *text = NULL;
    cleanup_json json_t *json = NULL, *whole_json = NULL, *env_json = NULL;

    (void)state;
    text = genv_snapshot_to_json(snapshot);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_int_equal(genv_snapshot_visit(snapshot, rebuild, &whole), 0);
    whole_json = whole.open[0];
    assert_int_equal(whole.depth, 0);
    assert_true(json_equal(whole_json, json));
    assert_int_equal(genv_env_visit(&snapshot->envs[0], rebuild, &env), 0);
    env_json = env.open[0];
    assert_true(json_equal(env_json, json_array_get(json_object_get(json, "envs"), 0)));
}

static void a_visitor_may_give_up(void **state)
{
    cleanup_snapshot struct genv_snapshot *snapshot = make_snapshot();

    (void)state;
    for (int left = 0; left < 30; left++) {
        struct rebuilt rebuilt = {.left = left};

        assert_int_equal(genv_snapshot_visit(snapshot, rebuild, &rebuilt), 7);
        json_decref(rebuilt.open[0]);
    }
}

static void every_field_is_told(void **state)
{
    static const struct {
        const char *path, *value;
    } fields[] = {
        {"version", "1"},
        {"hostname", "\"host\""},
        {"time", "\"2026-11-20T10:14:14.000Z\""},
        {"driver", "null"},
        {"devices.0.index", "0"},
        {"devices.0.uuid", "\"GPU-a\""},
        {"devices.0.pci_bus_id", "\"00000000:01:00.0\""},
        {"devices.0.name", "\"H200\""},
        {"devices.0.state", "\"ok\""},
        {"devices.0.mig", "false"},
        {"devices.0.total_memory", "150754820096"},
        {"devices.0.used_memory", "1099511627776"},
        {"devices.0.utilization", "97"},
        {"devices.0.temperature", "61"},
        {"devices.0.attachments",
         "[{\"eid\":\"1573\",\"gpu_memory\":4000000000,\"time\":\"2026-11-20T10:14:13.005Z\"}]"},
        {"devices.1.state", "\"lost\""},
        {"devices.1.uuid", "null"},
        {"devices.1.pci_bus_id", "null"},
        {"devices.1.name", "null"},
        {"devices.1.total_memory", "null"},
        {"devices.1.used_memory", "null"},
        {"devices.1.utilization", "null"},
        {"devices.1.temperature", "null"},
        {"devices.1.power", "null"},
        {"devices.1.attachments", "[]"},
        {"envs.0.eid", "\"1573\""},
        {"envs.0.uid", "4000000000"},
        {"envs.0.username", "\"4000000000\""},
        {"envs.0.name", "null"},
        {"envs.0.gpus", "null"},
        {"envs.0.gpu_memory", "null"},
        {"envs.0.created", "\"2026-11-20T10:14:12.000Z\""},
        {"envs.0.pids", "[1573]"},
        {"envs.0.kernel_ids", "[\"8d3f\"]"},
        {"envs.0.devices", "[null,0]"},
        {"processes.0.pid", "77"},
        {"processes.0.eid", "null"},
        {"processes.0.uid", "null"},
        {"processes.0.username", "null"},
        {"processes.0.command", "null"},
        {"processes.0.usage", "[{\"index\":0,\"uuid\":\"GPU-a\",\"used_memory\":null}]"},
    };
    struct genv_snapshot *snapshot = make_snapshot();
    cleanup_free char *text = genv_snapshot_to_json(snapshot);

    (void)state;
    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        check(text, fields[i].path, fields[i].value);
    assert_non_null(strstr(text, "\"power\": 523.456,")); /* and not 523.45600000000002 */
    genv_snapshot_free(snapshot);
}

static void the_parts_are_arrays_of_the_same_objects(void **state)
{
    struct genv_snapshot *snapshot = make_snapshot();
    cleanup_free char *whole = genv_snapshot_to_json(snapshot), *envs = genv_snapshot_envs_to_json(snapshot);
    cleanup_free char *devices = genv_snapshot_devices_to_json(snapshot);
    cleanup_json json_t *all = json_loads(whole, 0, NULL), *env_array = json_loads(envs, 0, NULL);
    cleanup_json json_t *device_array = json_loads(devices, 0, NULL);

    (void)state;
    assert_true(json_is_array(env_array) && json_equal(env_array, json_object_get(all, "envs")));
    assert_true(json_is_array(device_array) && json_equal(device_array, json_object_get(all, "devices")));
    genv_snapshot_free(snapshot);
}

static void an_empty_machine_has_empty_arrays(void **state)
{
    struct genv_snapshot snapshot = {.hostname = "host"};
    cleanup_free char *whole = genv_snapshot_to_json(&snapshot), *envs = genv_snapshot_envs_to_json(&snapshot);

    (void)state;
    check(whole, "devices", "[]");
    check(whole, "envs", "[]");
    check(whole, "processes", "[]");
    assert_string_equal(envs, "[]\n");
    genv_snapshot_free(NULL);
}

/* Reads @text back, and returns what is written of it then. */
static char *again(const char *text)
{
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};
    char *written;

    if (genv_snapshot_from_json(text, strlen(text), &snapshot, &err) < 0)
        fail_msg("%s", err.message);
    written = genv_snapshot_to_json(snapshot);
    genv_snapshot_free(snapshot);
    return written;
}

static void what_is_read_back_is_the_same(void **state)
{
    struct genv_snapshot *snapshot = make_snapshot();
    cleanup_free char *text = NULL, *copy = NULL;

    (void)state;
    snapshot->envs[0].attachments[0] = snapshot->envs[0].attachments[1]; /* a device that is gone is told of, no more */
    snapshot->envs[0].attachment_count = 1;
    copy_string(snapshot->envs[0].username, GENV_USERNAME_SIZE, "paul");
    text = genv_snapshot_to_json(snapshot);
    copy = again(text);
    assert_string_equal(text, copy);
    genv_snapshot_free(snapshot);
}

static void users_are_those_of_the_host(void **state)
{
    struct genv_snapshot *snapshot = make_snapshot(), *read = NULL;
    cleanup_free char *text = NULL;
    char name[GENV_USERNAME_SIZE];

    (void)state;
    snapshot->envs[0].uid = 0;
    copy_string(snapshot->envs[0].username, GENV_USERNAME_SIZE, "admin");
    text = genv_snapshot_to_json(snapshot);
    assert_int_equal(genv_snapshot_from_json(text, strlen(text), &read, NULL), 0);
    genv_env_username(&read->envs[0], name);
    assert_string_equal(name, "admin");
    genv_gpu_process_username(&read->processes[0], name);
    assert_string_equal(name, "");
    genv_snapshot_free(read);
    genv_snapshot_free(snapshot);
}

#define DEVICE(index, attachments) "{\"index\":" index ",\"uuid\":\"GPU-" index "\",\"attachments\":[" attachments "]}"
#define ENV(eid, more)                                                                                                 \
    "{\"eid\":\"" eid "\",\"uid\":0,\"username\":\"root\",\"created\":\"2026-11-20T10:14:12Z\",\"pids\":[1]"           \
    ",\"kernel_ids\":[]" more "}"
#define ATTACHMENT(eid) "{\"eid\":\"" eid "\",\"time\":\"2026-11-20T10:14:12Z\"}"
#define SNAPSHOT(version, devices, envs, processes)                                                                    \
    "{\"version\":" version ",\"hostname\":\"h\",\"time\":\"2026-11-20T10:14:12Z\",\"devices\":[" devices              \
    "],\"envs\":[" envs "],\"processes\":[" processes "]}"

static void what_makes_no_sense_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        SNAPSHOT("0", "", "", ""),
        SNAPSHOT("1", "1", "", ""),
        SNAPSHOT("1", DEVICE("1", "") "," DEVICE("1", ""), "", ""),
        SNAPSHOT("1", DEVICE("1", "") "," DEVICE("0", ""), "", ""),
        SNAPSHOT("1", DEVICE("70000", ""), "", ""),
        SNAPSHOT("1", DEVICE("0", "") ",{\"index\":1,\"uuid\":\"GPU-0\",\"attachments\":[]}", "", ""),
        SNAPSHOT("1", DEVICE("0", ATTACHMENT("a")), "", ""),
        SNAPSHOT("1", DEVICE("0", ATTACHMENT("a") "," ATTACHMENT("a")), ENV("a", ""), ""),
        SNAPSHOT("1", "", ENV("a", "") "," ENV("a", ""), ""),
        SNAPSHOT("1", "", ENV("../a", ""), ""),
        SNAPSHOT("1", "", ENV("a", ",\"name\":\"\\u001b[31m\""), ""),
        SNAPSHOT("1", "", ENV("a", ",\"gpus\":-1"), ""),
        SNAPSHOT("1", "", "", "{\"pid\":1,\"usage\":[0]}"),
        SNAPSHOT("1", "", "", "{\"pid\":0,\"usage\":[]}"),
        SNAPSHOT("1", "", "", "{\"pid\":1,\"usage\":[{\"index\":70000}]}"),
        SNAPSHOT("1", "", "", "{\"pid\":1,\"usage\":[]},{\"pid\":1,\"usage\":[]}"),
        SNAPSHOT("1", "", "", "{\"pid\":2,\"usage\":[]},{\"pid\":1,\"usage\":[]}"),
    };
    const char *good = SNAPSHOT("1", DEVICE("0", ATTACHMENT("a")), ENV("a", ",\"unheard-of\":1"), "");
    struct genv_snapshot *snapshot = NULL;

    (void)state;
    assert_int_equal(genv_snapshot_from_json(good, strlen(good), &snapshot, NULL), 0);
    assert_int_equal(snapshot->envs[0].attachment_count, 1);
    genv_snapshot_free(snapshot);
    snapshot = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct genv_error err = {0};

        if (genv_snapshot_from_json(texts[i], strlen(texts[i]), &snapshot, &err) != -EINVAL || snapshot ||
            !*err.message)
            fail_msg("taken: %s", texts[i]);
    }
}

/* The newest host of a fleet is asked by the oldest. */
static void a_later_version_is_read_as_far_as_it_is_known(void **state)
{
    static const char text[] = SNAPSHOT(
        "2", "{\"index\":0,\"uuid\":\"GPU-0\",\"state\":\"ok\",\"attachments\":[" ATTACHMENT("a") "],\"lease\":{}}",
        ENV("a", ",\"unheard-of\":[1]"), "{\"pid\":1,\"usage\":[{\"index\":0,\"engine\":\"x\"}],\"unheard-of\":1}");
    struct genv_snapshot *snapshot = NULL;
    struct genv_error err = {0};

    (void)state;
    if (genv_snapshot_from_json(text, strlen(text), &snapshot, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(snapshot->devices[0].state, GENV_DEVICE_OK);
    assert_int_equal(snapshot->envs[0].attachment_count, 1);
    assert_int_equal(snapshot->processes[0].usages[0].index, 0);
    genv_snapshot_free(snapshot);
}

static void a_usage_by_index_alone_is_of_the_device_that_has_it(void **state)
{
    static const char text[] = SNAPSHOT("1", DEVICE("0", "") "," DEVICE("3", "") "," DEVICE("7", ""), "",
                                        "{\"pid\":1,\"usage\":[{\"index\":7},{\"index\":0},{\"index\":3},{\"index\":5},"
                                        "{\"index\":8},{\"index\":0,\"uuid\":\"GPU-gone\"}]}");
    static const char *const expected[] = {"GPU-7", "GPU-0", "GPU-3", "", "", "GPU-gone"};
    struct genv_snapshot *snapshot = NULL;

    (void)state;
    assert_int_equal(genv_snapshot_from_json(text, strlen(text), &snapshot, NULL), 0);
    assert_int_equal(snapshot->processes[0].usage_count, ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        assert_string_equal(snapshot->processes[0].usages[i].uuid, expected[i]);
    genv_snapshot_free(snapshot);
}

static void an_unknown_state_is_not_ok(void **state)
{
    static const char *const states[] = {"\"OK\"", "\"\"", "\"drained\"",
                                         "\"withdrawn-by-its-administrator-for-repair\"", "null"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        cleanup_free char *text = NULL;
        struct genv_snapshot *snapshot = NULL;

        assert_true(asprintf(&text, SNAPSHOT("1", "{\"index\":0,\"state\":%s,\"attachments\":[]}", "", ""), states[i]) >
                    0);
        assert_int_equal(genv_snapshot_from_json(text, strlen(text), &snapshot, NULL), 0);
        assert_int_equal(snapshot->devices[0].state, GENV_DEVICE_FAILED);
        genv_snapshot_free(snapshot);
    }
}

/* Whether @new has all that @old has, and further members perhaps. */
static bool extends(const json_t *new, const json_t *old)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_array(old) && json_array_size(old) == json_array_size(new)) {
        json_array_foreach (old, i, value) {
            if (!extends(json_array_get(new, i), value))
                return false;
        }
        return true;
    }
    if (!json_is_object(old))
        return json_equal(new, old);
    json_object_foreach ((json_t *)old, key, value) {
        if (!extends(json_object_get(new, key), value))
            return false;
    }
    return true;
}

static void snapshots_of_the_first_release_read_and_write_the_same(void **state)
{
    static const char *const files[] = {"snapshot-empty.json", "snapshot-simulated.json", "snapshot-states.json"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        cleanup_free char *path = unit_path(VERSION_1, files[i]), *text = NULL, *written = NULL;
        cleanup_json json_t *before = NULL, *after = NULL;
        json_t *env;
        size_t e;

        assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
        written = again(text);
        before = json_loads(text, 0, NULL);
        after = json_loads(written, 0, NULL);
        /* A device that is gone has no index to be told by. */
        json_array_foreach (json_object_get(before, "envs"), e, env) {
            json_t *devices = json_object_get(env, "devices");

            while (json_is_null(json_array_get(devices, 0)))
                json_array_remove(devices, 0);
        }
        if (!extends(after, before))
            fail_msg("%s: %s", files[i], written);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_later_version_is_read_as_far_as_it_is_known),
    cmocka_unit_test(a_usage_by_index_alone_is_of_the_device_that_has_it),
    cmocka_unit_test(an_unknown_state_is_not_ok),
    cmocka_unit_test(snapshots_of_the_first_release_read_and_write_the_same),
    cmocka_unit_test(what_is_read_back_is_the_same),
    cmocka_unit_test(users_are_those_of_the_host),
    cmocka_unit_test(what_makes_no_sense_is_refused),
    cmocka_unit_test(every_field_is_told),
    cmocka_unit_test(a_visitor_is_told_what_json_says),
    cmocka_unit_test(a_visitor_may_give_up),
    cmocka_unit_test(the_parts_are_arrays_of_the_same_objects),
    cmocka_unit_test(an_empty_machine_has_empty_arrays),
};

UNIT_MAIN(tests)
