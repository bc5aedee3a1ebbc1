/* Environments as data. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "model/config.h"
#include "model/env.h"
#include "model/record.h"

static void fill(char *text, char c, size_t length)
{
    memset(text, c, length);
    text[length] = '\0';
}

static void identifiers_follow_the_rule(void **state)
{
    static const char *const accepted[] = {"1", "a", "Z", "1573", "1573-2", "a.b_c-d", "0...", "a-", "job.1", "9_"};
    static const char *const refused[] = {"",    ".",   "..",    "-1", "_a", "a b", "a/b",  "../x", "a\n", "a\x1b", "ä",
                                          "a:b", "a+b", "$(id)", " a", "a ", "a%",  "\xff", "a\\",  "/",   "*"};
    char text[GENV_EID_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
        assert_int_equal(genv_eid_validate(accepted[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct genv_error err = {0};

        if (genv_eid_validate(refused[i], &err) != -EINVAL)
            fail_msg("accepted: %s", refused[i]);
        assert_non_null(strstr(err.message, "128 letters, digits"));
    }
    fill(text, 'x', GENV_EID_MAX);
    assert_int_equal(genv_eid_validate(text, NULL), 0);
    fill(text, 'x', GENV_EID_MAX + 1);
    assert_int_equal(genv_eid_validate(text, NULL), -EINVAL);
}

static void every_byte_of_an_identifier_counts(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const char first[] = {(char)c, 0}, second[] = {'a', (char)c, 0};

        assert_int_equal(genv_eid_validate(first, NULL), alphanumeric ? 0 : -EINVAL);
        assert_int_equal(genv_eid_validate(second, NULL),
                         alphanumeric || c == '.' || c == '_' || c == '-' ? 0 : -EINVAL);
    }
}

static void names_follow_the_rule(void **state)
{
    static const char *const accepted[] = {"a", " ", "Norwegian Wood", "日本語", "$(id) `id` \"'\\;|&", "é", "../x"};
    static const char *const refused[] = {"",         "a\nb",         "\x1b[31m", "\t",      "\xff",
                                          "\xc0\xaf", "\xe2\x80\xae", "\x7f",     "\xc2\x85"};
    char text[GENV_NAME_MAX + 2];
    struct genv_error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
        assert_int_equal(genv_name_validate(accepted[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        assert_int_equal(genv_name_validate(refused[i], &err), -EINVAL);
    assert_non_null(strstr(err.message, "128 bytes of UTF-8"));
    fill(text, 'x', GENV_NAME_MAX);
    assert_int_equal(genv_name_validate(text, NULL), 0);
    fill(text, 'x', GENV_NAME_MAX + 1);
    assert_int_equal(genv_name_validate(text, NULL), -EINVAL);
}

static void kernel_ids_follow_the_rule(void **state)
{
    char text[GENV_KERNEL_ID_MAX + 2];

    (void)state;
    assert_int_equal(kernel_id_validate("8d3f1e0a-1111-2222-3333-444444444444", NULL), 0);
    assert_int_equal(kernel_id_validate("", NULL), -EINVAL);
    assert_int_equal(kernel_id_validate("../../etc/passwd", NULL), -EINVAL);
    assert_int_equal(kernel_id_validate("a/b", NULL), -EINVAL);
    fill(text, 'x', GENV_KERNEL_ID_MAX);
    assert_int_equal(kernel_id_validate(text, NULL), 0);
    fill(text, 'x', GENV_KERNEL_ID_MAX + 1);
    assert_int_equal(kernel_id_validate(text, NULL), -EINVAL);
}

static void configurations_are_looked_at_in_the_fields_that_count(void **state)
{
    struct genv_config bad_gpus = {.gpus = -2}, many = {.gpus = DEVICE_COUNT_MAX + 1};
    struct genv_config bad_memory = {.gpus = -1, .gpu_memory = (uint64_t)INT64_MAX + 1};
    struct genv_config bad_name = {.name = "a\nb", .gpus = -1}, unset = GENV_CONFIG_INIT, unterminated;
    struct genv_config full = {.name = "x", .gpus = DEVICE_COUNT_MAX, .gpu_memory = INT64_MAX};

    (void)state;
    memset(&unterminated, 'x', sizeof(unterminated));
    assert_int_equal(config_validate(&unset, GENV_CONFIG_ALL, NULL), 0);
    assert_int_equal(config_validate(&full, GENV_CONFIG_ALL, NULL), 0);
    assert_int_equal(config_validate(&bad_gpus, GENV_CONFIG_GPUS, NULL), -EINVAL);
    assert_int_equal(config_validate(&many, GENV_CONFIG_GPUS, NULL), -EINVAL);
    assert_int_equal(config_validate(&bad_memory, GENV_CONFIG_GPU_MEMORY, NULL), -EINVAL);
    assert_int_equal(config_validate(&bad_name, GENV_CONFIG_NAME, NULL), -EINVAL);
    assert_int_equal(config_validate(&unterminated, GENV_CONFIG_NAME, NULL), -EINVAL);
    assert_int_equal(config_validate(&bad_gpus, GENV_CONFIG_NAME | GENV_CONFIG_GPU_MEMORY, NULL), 0);
    assert_int_equal(config_validate(&bad_memory, GENV_CONFIG_NAME | GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(config_validate(&bad_name, GENV_CONFIG_GPUS, NULL), 0);
    assert_int_equal(config_validate(&unterminated, 0, NULL), 0);
}

static void lists_take_over_and_sort(void **state)
{
    cleanup_env_list struct env_list list = {0};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct genv_env env = {
            .created = {.tv_sec = (time_t)(unit_random(&seed) % 10), .tv_nsec = (long)(unit_random(&seed) % 3)}};

        snprintf(env.eid, sizeof(env.eid), "e%d", i);
        env.processes = calloc(1, sizeof(*env.processes));
        env.process_count = 1;
        assert_int_equal(env_list_add(&list, &env), 0);
        assert_null(env.processes); /* handed over */
    }
    env_list_sort(&list);
    assert_int_equal(list.count, 300);
    for (size_t i = 1; i < list.count; i++) {
        const struct genv_env *a = &list.envs[i - 1], *b = &list.envs[i];

        assert_true(a->created.tv_sec < b->created.tv_sec ||
                    (a->created.tv_sec == b->created.tv_sec && a->created.tv_nsec < b->created.tv_nsec) ||
                    (a->created.tv_sec == b->created.tv_sec && a->created.tv_nsec == b->created.tv_nsec &&
                     strcmp(a->eid, b->eid) < 0));
    }
    assert_string_equal(env_list_find(&list, "e123")->eid, "e123");
    assert_null(env_list_find(&list, "e12x"));
    env_list_release(&list);
    assert_null(env_list_find(&list, "e1"));
    env_list_sort(&list);
}

static void a_process_is_registered_once_for_each_namespace(void **state)
{
    struct genv_env env = {0};

    (void)state;
    assert_int_equal(env_add_process(&env, &(struct genv_process){.pid = 7, .start_time = 1, .pid_namespace = 10}), 0);
    assert_int_equal(env_add_process(&env, &(struct genv_process){.pid = 7, .start_time = 2, .pid_namespace = 10}), 0);
    assert_int_equal(env.process_count, 1);
    assert_int_equal(env.processes[0].start_time, 2); /* the PID is the new process's */
    assert_int_equal(env_add_process(&env, &(struct genv_process){.pid = 7, .start_time = 3, .pid_namespace = 11}), 0);
    assert_int_equal(env_add_process(&env, &(struct genv_process){.pid = 8, .start_time = 4, .pid_namespace = 10}), 0);
    assert_int_equal(env.process_count, 3);

    assert_true(env_has_process(&env, 7, 11));
    assert_false(env_has_process(&env, 8, 11));
    assert_false(env_remove_process(&env, 8, 11));
    assert_false(env_remove_process(&env, 9, 10));
    assert_true(env_remove_process(&env, 7, 11));
    assert_false(env_remove_process(&env, 7, 11));
    assert_true(env_has_process(&env, 7, 10));
    assert_true(env_remove_process(&env, 7, 10));
    assert_int_equal(env.process_count, 1);
    assert_int_equal(env.processes[0].pid, 8);
    env_release(&env);
    assert_int_equal(env.process_count, 0);
}

static void a_kernel_is_registered_once(void **state)
{
    struct genv_env env = {0};

    (void)state;
    assert_int_equal(env_add_kernel(&env, &(struct genv_kernel){.id = "a", .connection_file = "/1"}), 0);
    assert_int_equal(env_add_kernel(&env, &(struct genv_kernel){.id = "b", .connection_file = "/2"}), 0);
    assert_int_equal(env_add_kernel(&env, &(struct genv_kernel){.id = "a", .connection_file = "/3"}), 0);
    assert_int_equal(env.kernel_count, 2);
    assert_string_equal(env.kernels[0].connection_file, "/3");
    assert_true(env_has_kernel(&env, "b"));
    assert_false(env_remove_kernel(&env, "c"));
    assert_true(env_remove_kernel(&env, "a"));
    assert_int_equal(env.kernel_count, 1);
    assert_string_equal(env.kernels[0].id, "b");
    env_release(&env);
}

static void attachments_follow_their_devices(void **state)
{
    struct genv_attachment attachments[] = {{.device.uuid = "A", .index = 0},
                                            {.device.uuid = "B", .index = 1},
                                            {.device.uuid = "gone", .index = 2},
                                            {.device.uuid = "C", .index = 3}};
    const struct genv_device devices[] = {
        {.index = 0, .id.uuid = "C"}, {.index = 1, .id.uuid = "A"}, {.index = 4, .id.uuid = "B"}};
    struct genv_env env = {.attachments = attachments, .attachment_count = ARRAY_SIZE(attachments)}, none = {0};

    (void)state;
    env_resolve_indices(&env, devices, ARRAY_SIZE(devices));
    assert_string_equal(attachments[0].device.uuid, "gone");
    assert_int_equal(attachments[0].index, -1);
    assert_string_equal(attachments[1].device.uuid, "C");
    assert_string_equal(attachments[2].device.uuid, "A");
    assert_string_equal(attachments[3].device.uuid, "B");
    assert_int_equal(attachments[3].index, 4);
    assert_ptr_equal(genv_env_attachment(&env, "A"), &attachments[2]);
    assert_null(genv_env_attachment(&env, "D"));
    env_resolve_indices(&none, devices, ARRAY_SIZE(devices));
    env_resolve_indices(&env, NULL, 0);
    assert_int_equal(attachments[3].index, -1);
}

static void a_description_names_the_owner(void **state)
{
    struct genv_env env = {.uid = 0, .eid = "1573", .config = {.name = "Yesterday"}};
    char text[ENV_DESCRIPTION_SIZE];

    (void)state;
    env_describe(&env, text);
    assert_string_equal(text, "environment 1573 (Yesterday) of root");
    env.config.name[0] = '\0';
    env.uid = 4000000000; /* nobody's */
    env_describe(&env, text);
    assert_string_equal(text, "environment 1573 of 4000000000");
    fill(env.eid, 'e', GENV_EID_MAX);
    fill(env.config.name, 'n', GENV_NAME_MAX);
    assert_int_equal(record_set_origin(&env, RECORD_ELSEWHERE), 0);
    env_describe(&env, text);
    assert_string_equal(text + strlen(text) - 35, "n) of 4000000000 on another machine"); /* nothing is cut */
    env_release(&env);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(identifiers_follow_the_rule),
    cmocka_unit_test(every_byte_of_an_identifier_counts),
    cmocka_unit_test(names_follow_the_rule),
    cmocka_unit_test(kernel_ids_follow_the_rule),
    cmocka_unit_test(configurations_are_looked_at_in_the_fields_that_count),
    cmocka_unit_test(lists_take_over_and_sort),
    cmocka_unit_test(a_process_is_registered_once_for_each_namespace),
    cmocka_unit_test(a_kernel_is_registered_once),
    cmocka_unit_test(attachments_follow_their_devices),
    cmocka_unit_test(a_description_names_the_owner),
};

UNIT_MAIN(tests)
