/* Events where many are at work, somebody is killed, or means harm. */
#include "machine.h"

#include <fcntl.h>
#include <signal.h>

#include "base/file.h"
#include "base/text.h"

static void ignore_finding(const struct genv_finding *finding, void *data)
{
    (void)finding;
    (void)data;
}

static void count_ends(const struct genv_event *event, void *data)
{
    *(int *)data += event->kind == GENV_EVENT_ENDED;
}

static int activate_and_end(void *directory)
{
    struct genv *g = machine_open(directory);

    machine_activate(g, "dead");
    require(machine_attach(g, "dead", 2, NULL) == 0);
    genv_close(g);
    return 0;
}

static int sweep(void *directory)
{
    struct genv *g = machine_open(directory);
    int ends = 0;

    genv_listen(g, count_ends, &ends);
    require(machine_attach(g, "none", 1, NULL) == -ENOENT);
    genv_close(g);
    return ends;
}

#define CONTENDERS 8

static void of_many_one_tells_of_an_end(void **state)
{
    pid_t pids[CONTENDERS];
    int ends = 0;

    assert_int_equal(unit_fork((uid_t)-1, activate_and_end, *state), 0);
    for (size_t i = 0; i < CONTENDERS; i++)
        pids[i] = unit_start((uid_t)-1, sweep, *state);
    for (size_t i = 0; i < CONTENDERS; i++)
        ends += unit_wait(pids[i]);
    assert_int_equal(ends, 1);
}

static void write_kind(const struct genv_event *event, void *data)
{
    require(write(*(int *)data, &"CELcARDX"[event->kind], 1) == 1);
}

static int change_for_ever(void *directory)
{
    cleanup_free char *path = unit_path(directory, "kinds");
    struct genv *g = machine_open(directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    require(g && fd >= 0);
    genv_listen(g, write_kind, &fd);
    machine_activate(g, "dead");
    for (;;)
        require(machine_attach(g, "dead", 1, NULL) == 0 && genv_detach(g, "dead", NULL, NULL, NULL) == 0);
}

/* A kill takes the last event with it at most: whatever was told before is a whole story. */
static void a_kill_leaves_no_event_twice(void **state)
{
    cleanup_free char *path = unit_path(*state, "kinds");
    cleanup_genv struct genv *g = machine_open(*state);
    uint64_t seed = 11;
    int ends = 0;

    genv_listen(g, count_ends, &ends);
    for (int round = 0; round < 30; round++) {
        pid_t pid = unit_start((uid_t)-1, change_for_ever, *state);
        cleanup_free char *kinds = NULL;
        const char *kind;
        size_t length;

        usleep((useconds_t)(unit_random(&seed) % 5000));
        kill(pid, SIGKILL);
        unit_wait(pid);
        ends = 0;
        genv_diagnose(g, ignore_finding, NULL);
        assert_true(ends <= 1);
        if (file_read_at(AT_FDCWD, path, 1 << 20, &kinds, &length) < 0 || !length)
            continue; /* it was killed before it could tell */
        assert_int_equal(ends, 1);
        assert_int_equal(unlink(path), 0);
        kind = kinds;
        for (const char *expected = "CEAD"; *kind; kind++, expected = expected[1] ? expected + 1 : "AD") {
            if (*kind != *expected)
                fail_msg("%s", kinds);
        }
    }
}

#define HOSTILE 80
#define DEVICES 1024

/* A record of an earlier boot that is as large as it may be. */
static void write_large(const char *directory, int number)
{
    cleanup_text struct text record = TEXT_INIT;
    char name[64];

    text_add(&record, "{\"version\":1,\"boot_id\":\"-\",\"created\":\"2026-11-20T10:14:12Z\",\"attachments\":[");
    for (int i = 0; i < DEVICES; i++)
        text_addf(&record, "%s{\"uuid\":\"GPU-%d\",\"time\":\"2026-11-20T10:14:13Z\"}", i ? "," : "", i);
    text_add(&record, "]}");
    snprintf(name, sizeof(name), "state/envs/%d.json", number);
    unit_write(directory, name, record.data);
}

static void count_kinds(const struct genv_event *event, void *data)
{
    ((size_t *)data)[event->kind]++;
}

/* What a user's records of earlier days say must not fill the memory of root, who removes them. */
static void large_records_are_removed_a_few_at_a_time(void **state)
{
    cleanup_genv struct genv *g = machine_open(*state);
    size_t counts[GENV_EVENT_ENDED + 1] = {0};

    machine_activate(g, "a");
    for (int i = 0; i < HOSTILE; i++)
        write_large(*state, i);
    genv_listen(g, count_kinds, counts);
    genv_diagnose(g, ignore_finding, NULL);
    assert_in_range(counts[GENV_EVENT_ENDED], 1, HOSTILE - 1);
    genv_diagnose(g, ignore_finding, NULL);
    assert_int_equal(counts[GENV_EVENT_ENDED], HOSTILE);
    assert_int_equal(counts[GENV_EVENT_DETACHED], HOSTILE * DEVICES);
}

static const struct CMUnitTest tests[] = {
    TEST(of_many_one_tells_of_an_end),
    TEST(a_kill_leaves_no_event_twice),
    TEST(large_records_are_removed_a_few_at_a_time),
};

UNIT_MAIN(tests)
