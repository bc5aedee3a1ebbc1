/* What is new, and what is due, from one look to the next. */
#include "unit/unit.h"

#include <time.h>

#include "enforce/rounds.h"

/* A machine on which @count processes use device 0 outside any environment. */
struct world {
    struct genv_usage usage;
    struct genv_gpu_process processes[4];
    struct genv_snapshot snapshot;
    struct enforce_host host;
};

static void make(struct world *world, size_t count)
{
    *world = (struct world){.usage = {.uuid = "GPU-0", .used_memory = 1}};
    for (size_t i = 0; i < ARRAY_SIZE(world->processes); i++)
        world->processes[i] = (struct genv_gpu_process){
            .pid = 100 + (pid_t)i, .start_time = 7, .uid = 0, .usages = &world->usage, .usage_count = 1};
    world->snapshot = (struct genv_snapshot){.processes = world->processes, .process_count = count};
    world->host = (struct enforce_host){"", &world->snapshot};
}

static void look(struct rounds *rounds, size_t processes, size_t expected_new, size_t expected_due)
{
    cleanup_violation_list struct violation_list found = {0}, due = {0};
    struct world world;

    make(&world, processes);
    assert_int_equal(rounds_look(rounds, &world.host, 1, &found, &due, NULL), 0);
    assert_int_equal(found.count, expected_new);
    assert_int_equal(due.count, expected_due);
}

static void each_is_new_and_due_once(void **state)
{
    const struct limits none = {0};
    struct rounds rounds = {.rules = 1U << RULE_NON_ENV_PROCESSES, .limits = &none};

    (void)state;
    look(&rounds, 0, 0, 0);
    look(&rounds, 2, 2, 2);
    look(&rounds, 2, 0, 0);
    look(&rounds, 3, 1, 1);
    assert_int_equal(rounds_next_ms(&rounds), -1);
    look(&rounds, 0, 0, 0); /* it is over, so the next time is another one */
    look(&rounds, 1, 1, 1);
    rounds_release(&rounds);
}

static void grace_comes_between(void **state)
{
    const struct timespec grace = {.tv_nsec = 60000000};
    const struct limits none = {0};
    struct rounds rounds = {.rules = 1U << RULE_NON_ENV_PROCESSES, .limits = &none, .grace_seconds = 0.05};

    (void)state;
    look(&rounds, 1, 1, 0);
    assert_in_range(rounds_next_ms(&rounds), 0, 50);
    nanosleep(&grace, NULL);
    assert_int_equal(rounds_next_ms(&rounds), 0);
    look(&rounds, 2, 1, 2); /* one more process gives the user no more time */
    look(&rounds, 0, 0, 0);
    nanosleep(&grace, NULL);
    look(&rounds, 2, 2, 0); /* what ended in time has its grace anew */
    rounds_release(&rounds);
}

/* Two processes of one environment, of which the first to be listed is the larger, use more than its capacity. */
static void take_turns(struct rounds *rounds, pid_t larger, size_t expected_due)
{
    struct genv_usage usages[2] = {{.uuid = "GPU-0", .used_memory = larger == 100 ? 5 : 4},
                                   {.uuid = "GPU-0", .used_memory = larger == 100 ? 4 : 5}};
    struct genv_gpu_process processes[2];
    struct genv_attachment attachment = {.device.uuid = "GPU-0", .gpu_memory = 6};
    struct genv_device device = {.id.uuid = "GPU-0", .total_memory = 16};
    struct genv_env env = {.eid = "a", .attachments = &attachment, .attachment_count = 1};
    struct genv_snapshot snapshot = {.devices = &device,
                                     .device_count = 1,
                                     .envs = &env,
                                     .env_count = 1,
                                     .processes = processes,
                                     .process_count = 2};
    struct enforce_host host = {"", &snapshot};
    cleanup_violation_list struct violation_list found = {0}, due = {0};

    for (size_t i = 0; i < 2; i++)
        processes[i] = (struct genv_gpu_process){
            .pid = 100 + (pid_t)i, .start_time = 7, .eid = "a", .usages = &usages[i], .usage_count = 1};
    assert_int_equal(rounds_look(rounds, &host, 1, &found, &due, NULL), 0);
    assert_int_equal(due.count, expected_due);
    if (expected_due) {
        assert_int_equal(due.items[0].pid, larger);
        rounds_not_done(rounds, &due);
        assert_int_equal(rounds_next_ms(rounds), 0);
    }
}

static void taking_turns_gains_no_time(void **state)
{
    const struct timespec part = {.tv_nsec = 30000000};
    const struct limits none = {0};
    struct rounds rounds = {.rules = 1U << RULE_ENV_MEMORY, .limits = &none, .grace_seconds = 0.05};

    (void)state;
    take_turns(&rounds, 100, 0);
    nanosleep(&part, NULL);
    take_turns(&rounds, 101, 0);
    nanosleep(&part, NULL);
    take_turns(&rounds, 100, 1);
    rounds_release(&rounds);
}

/* An attachment over a maximum of none, made at @time. */
static void hold(struct rounds *rounds, time_t time, size_t expected_new, size_t expected_due,
                 struct violation *ret_violation)
{
    struct genv_attachment attachment = {.device.uuid = "GPU-0", .time = {.tv_sec = time}};
    struct genv_device device = {.id.uuid = "GPU-0", .total_memory = 16};
    struct genv_env env = {.eid = "a", .attachments = &attachment, .attachment_count = 1};
    struct genv_snapshot snapshot = {.devices = &device, .device_count = 1, .envs = &env, .env_count = 1};
    struct enforce_host host = {"", &snapshot};
    cleanup_violation_list struct violation_list found = {0}, due = {0};

    assert_int_equal(rounds_look(rounds, &host, 1, &found, &due, NULL), 0);
    assert_int_equal(found.count, expected_new);
    assert_int_equal(due.count, expected_due);
    if (due.count)
        *ret_violation = due.items[0];
}

static void what_was_settled_and_is_there_again_is_due_again(void **state)
{
    struct limit none = {.subject = LIMIT_ANYONE, .kind = LIMIT_DEVICES, .maximum = 0};
    const struct limits limits = {.items = &none, .count = 1};
    struct rounds rounds = {.rules = 1U << RULE_MAX_DEVICES, .limits = &limits, .retry = true};
    struct violation violation;

    (void)state;
    hold(&rounds, 1, 1, 1, &violation);
    hold(&rounds, 1, 0, 0, &violation); /* nobody has said what became of it */
    for (int i = 0; i < 3; i++) {
        rounds_settle(&rounds, &violation);
        assert_int_equal(rounds_next_ms(&rounds), -1); /* it is over as far as anybody knows */
        hold(&rounds, 1, 1, 1, &violation);            /* and the very same is put back */
    }
    violation.attached.tv_sec = 0; /* as another host tells of it */
    rounds_settle(&rounds, &violation);
    hold(&rounds, 1, 1, 1, &violation);
    rounds_release(&rounds);
}

static void what_could_not_be_tried_is_due_again(void **state)
{
    struct limit none = {.subject = LIMIT_ANYONE, .kind = LIMIT_DEVICES, .maximum = 0};
    const struct limits limits = {.items = &none, .count = 1};
    struct rounds rounds = {.rules = 1U << RULE_MAX_DEVICES, .limits = &limits, .retry = true};
    struct violation violation;

    (void)state;
    hold(&rounds, 1, 1, 1, &violation);
    rounds_postpone(&rounds, &violation);
    assert_int_equal(rounds_next_ms(&rounds), -1); /* no reason to look sooner */
    hold(&rounds, 1, 0, 1, &violation);
    hold(&rounds, 1, 0, 0, &violation);
    rounds_release(&rounds);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_was_settled_and_is_there_again_is_due_again),
    cmocka_unit_test(what_could_not_be_tried_is_due_again),
    cmocka_unit_test(taking_turns_gains_no_time),
    cmocka_unit_test(each_is_new_and_due_once),
    cmocka_unit_test(grace_comes_between),
};

UNIT_MAIN(tests)
