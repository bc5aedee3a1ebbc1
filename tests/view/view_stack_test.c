/* The view in threads of little stack, as programs start by the hundred: what it needs is not theirs to have. */
#include "view_world.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "wrapped.h" /* the functions that are written by hand */

#define ROOM (1 << 16) /* for whatever a function fills */

/* Runs @body in a thread of the least stack that there is. */
static void run_in_little_stack(void *(*body)(void *data), void *data)
{
    pthread_attr_t attributes;
    pthread_t thread;

    require(pthread_attr_init(&attributes) == 0);
    require(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
    require(pthread_create(&thread, &attributes, body, data) == 0);
    require(pthread_join(thread, NULL) == 0);
    require(pthread_attr_destroy(&attributes) == 0);
}

struct calls {
    nvmlDevice_t device;
    void *room[5]; /* for whatever is taken or filled: a number, then zeros */
};

typedef uintptr_t (*any_function)(const void *, void *, void *, void *, void *);

/* What the function takes first. */
static const void *first_argument(const char *name, const struct calls *calls)
{
    static const char *const places[] = {"GetCount", "DeviceCount", "ExportTable", "ByUUIDV"};

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (strstr(name, places[i]))
            return calls->room[4];
    }
    if (strstr(name, "ByUUID"))
        return A;
    if (strstr(name, "ByPciBusId") || strstr(name, "BySerial"))
        return "00000000:01:00.0";
    if (strstr(name, "InfoByIndex") || strstr(name, "GetHandleByIndex") || strstr(name, "nvmlSystem"))
        return NULL; /* 0 */
    return strcmp(name, "nvmlErrorString") == 0 ? NULL : calls->device;
}

/* Calls each function. */
static void call_all(const struct calls *calls, unsigned number)
{
    for (size_t i = 0; i < ARRAY_SIZE(wrapped); i++) {
        any_function function = (any_function)view_function(wrapped[i]);

        for (size_t k = 0; k < ARRAY_SIZE(calls->room); k++) {
            memset(calls->room[k], 0, ROOM);
            memcpy(calls->room[k], &number, sizeof(number));
        }
        function(first_argument(wrapped[i], calls), calls->room[0], calls->room[1], calls->room[2], calls->room[3]);
    }
}

static void call_both(const struct calls *calls)
{
    call_all(calls, 0);
    call_all(calls, 8);
}

/* What a record may hold that makes more work of reading it. */
static const char *const records[] = {
    "{\"version\": 1, \"attachments\": [{\"uuid\": \"" A "\"}], \"x\"",
    "{\"version\": 9, \"attachments\": [{\"uuid\": \"" A "\"}]}",
    "{\"version\": 1, \"name\": {\"later\": [\"a\", {\"b\": null}]}}",
};

static void write_deep_record(int depth)
{
    char *deep = NULL;

    require(asprintf(&deep, "{\"version\": 1, \"later\": %0*d%0*d}", depth, 0, depth, 0) > 0);
    memset(strchr(deep, '0'), '[', (size_t)depth);
    memset(strchr(deep, '0'), ']', (size_t)depth);
    unit_write(getenv("GENV_TMPDIR"), "envs/odd.json", deep);
    free(deep);
}

static void *call_all_in_many_states(void *data)
{
    call_both(data);
    view_enter("e2");
    call_both(data);
    view_enter("odd");
    for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
        unit_write(getenv("GENV_TMPDIR"), "envs/odd.json", records[i]);
        call_both(data);
    }
    for (int depth = 1; depth < 2000; depth = depth * 3 / 2 + 1) {
        write_deep_record(depth);
        call_both(data);
    }
    view_enter("never-was");
    call_both(data);
    view_leave();
    call_both(data);
    return NULL;
}

static int call_in_little_stack(void *data)
{
    struct calls calls;

    (void)data;
    signal(SIGSEGV, SIG_DFL); /* cmocka would go on */
    for (size_t i = 0; i < ARRAY_SIZE(calls.room); i++)
        require(calls.room[i] = malloc(ROOM));
    require(VIEW(nvmlDeviceGetHandleByIndex_v2)(0, &calls.device) == NVML_SUCCESS);
    call_both(&calls); /* the simulated library reads its file, and what is looked up once is */
    view_leave();
    call_both(&calls);
    view_enter("e1");
    run_in_little_stack(call_all_in_many_states, &calls);
    return 0;
}

static void set_machine(void)
{
    pid_t member = view_start(-1, NULL);

    view_set_world("{\"devices\": [{\"uuid\": \"" A "\", \"processes\": [{\"pid\": %d, \"used_memory\": 7},"
                   " {\"pid\": 1, \"used_memory\": 9}]}, {\"uuid\": \"" B "\"}], \"excluded\": [\"" C "\"]}",
                   member);
    VIEW_SAVE("e1", -1, member, ON(A, 0, 5 * GIB));
    VIEW_SAVE("e2", -1, member, ON(A, 0, 0), ON(B, 1, GIB));
    view_enter("e1");
}

static void every_function_does_with_little_stack(void **state)
{
    (void)state;
    skip_unless(strcmp(getenv("GENV_SANITIZE"), "none") == 0, "sanitizers need more stack than that themselves");
    set_machine();
    assert_int_equal(unit_fork(-1, call_in_little_stack, NULL), 0);
}

static void *call_first(void *data)
{
    unsigned count = 0;

    (void)data;
    require(VIEW(nvmlInit_v2)() == NVML_SUCCESS);
    require(VIEW(nvmlDeviceGetCount_v2)(&count) == NVML_SUCCESS && count == 1);
    return NULL;
}

static int load_in_little_stack(void *data)
{
    (void)data;
    signal(SIGSEGV, SIG_DFL);
    require(view_function("nvmlInit_v2"));
    run_in_little_stack(call_first, NULL);
    return 0;
}

static void the_first_call_does_so_as_well(void **state)
{
    (void)state;
    skip_unless(strcmp(getenv("GENV_SANITIZE"), "none") == 0, "sanitizers need more stack than that themselves");
    set_machine();
    assert_int_equal(unit_fork(-1, load_in_little_stack, NULL), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(the_first_call_does_so_as_well, view_make_unloaded, view_remove),
    TEST(every_function_does_with_little_stack),
};

UNIT_MAIN(tests)
