/* What a process in an environment gets. */
#include "machine.h"

/* The variables as lines "NAME=VALUE", or "NAME" for one that is not set; until the next call. */
static const char *describe(const struct genv_env *env, bool by_uuid)
{
    static char text[4096];
    struct genv_variable *variables = NULL;
    size_t length = 0;

    assert_int_equal(genv_variables(env, by_uuid, &variables, NULL), 0);
    for (const struct genv_variable *variable = variables; variable->name; variable++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%s\n", variable->name,
                                   variable->value ? "=" : "", variable->value ? variable->value : "");
    free(variables);
    return text;
}

static struct genv_env *get(struct genv *g, const char *eid)
{
    struct genv_env *env = NULL;

    assert_int_equal(genv_env_get(g, eid, &env, NULL), 0);
    return env;
}

static void outside_of_any_environment_none_is_set(void **state)
{
    (void)state;
    assert_string_equal(describe(NULL, false), "GENV_ENVIRONMENT_ID\nGENV_SHELL\nGENV_ENVIRONMENT_NAME\nGENV_GPUS\n"
                                               "GENV_GPU_MEMORY\nCUDA_VISIBLE_DEVICES\nCUDA_DEVICE_ORDER\n");
}

static void an_environment_says_what_it_is_what_is_configured_and_its_devices(void **state)
{
    const struct genv_config config = {.name = "a = 'b'", .gpus = 0, .gpu_memory = 4000000000};
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_env struct genv_env *detached = NULL, *attached = NULL;

    machine_activate(g, "e");
    detached = get(g, "e");
    assert_string_equal(describe(detached, false),
                        "GENV_ENVIRONMENT_ID=e\nGENV_SHELL=1\nGENV_ENVIRONMENT_NAME\nGENV_GPUS\nGENV_GPU_MEMORY\n"
                        "CUDA_VISIBLE_DEVICES=-1\nCUDA_DEVICE_ORDER=PCI_BUS_ID\n");
    assert_int_equal(genv_configure(g, "e", &config, GENV_CONFIG_ALL, NULL, NULL), 0);
    assert_int_equal(machine_attach_index(g, "e", 2, false, NULL), 0);
    assert_int_equal(machine_attach_index(g, "e", 0, false, NULL), 0);
    attached = get(g, "e");
    assert_string_equal(
        describe(attached, false),
        "GENV_ENVIRONMENT_ID=e\nGENV_SHELL=1\nGENV_ENVIRONMENT_NAME=a = 'b'\nGENV_GPUS=0\nGENV_GPU_MEMORY=4g\n"
        "CUDA_VISIBLE_DEVICES=0,2\nCUDA_DEVICE_ORDER=PCI_BUS_ID\n");
}

static void devices_are_named_by_uuid_where_the_caller_or_the_user_says_so(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    cleanup_env struct genv_env *env = NULL;
    char line[2 * GENV_UUID_SIZE + 32];

    machine_activate(g, "e");
    assert_int_equal(machine_attach(g, "e", 2, NULL), 0);
    env = get(g, "e");
    snprintf(line, sizeof(line), "CUDA_VISIBLE_DEVICES=%s,%s\n", env->attachments[0].device.uuid,
             env->attachments[1].device.uuid);
    assert_non_null(strstr(describe(env, true), line));
    assert_non_null(strstr(describe(env, false), "CUDA_VISIBLE_DEVICES=0,1\n"));
    setenv("GENV_VISIBLE_DEVICES", "uuid", 1);
    assert_non_null(strstr(describe(env, false), line));
    setenv("GENV_VISIBLE_DEVICES", "index", 1);
    assert_non_null(strstr(describe(env, false), "CUDA_VISIBLE_DEVICES=0,1\n"));
    unsetenv("GENV_VISIBLE_DEVICES");
}

static const struct CMUnitTest tests[] = {
    TEST(outside_of_any_environment_none_is_set),
    TEST(an_environment_says_what_it_is_what_is_configured_and_its_devices),
    TEST(devices_are_named_by_uuid_where_the_caller_or_the_user_says_so),
};

UNIT_MAIN(tests)
