/* Asking hosts, over an ssh that answers by itself. */
#include "../unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "remote/ask.h"

static const char script[] = "#!/bin/sh\n"
                             "case \" $* \" in\n"
                             "*' well '*) echo well ;;\n"
                             "*' fails '*) echo did this; exit 1 ;;\n"
                             "*' mute '*) exit 1 ;;\n"
                             "*' slow '*) echo did that; exec sleep 1000 ;;\n"
                             "esac\n";

enum { WELL, FAILS, MUTE, SLOW, COUNT };

static struct {
    char said[32];
    unsigned times;
    bool with_error;
} taken[COUNT];

static int take(size_t index, const struct text *output, void *data, struct genv_error *err)
{
    (void)data;
    snprintf(taken[index].said, sizeof(taken[index].said), "%s", output->data ? output->data : "");
    taken[index].times++;
    taken[index].with_error = err != NULL;
    return 0;
}

/* An ssh of the test's own comes first. */
static void plant_ssh(const char *directory)
{
    cleanup_free char *ssh = unit_path(directory, "ssh"), *path = NULL;

    unit_write(directory, "ssh", script);
    assert_int_equal(chmod(ssh, 0755), 0);
    assert_true(asprintf(&path, "%s:/usr/bin:/bin", directory) > 0);
    setenv("PATH", path, 1);
    setenv("XDG_RUNTIME_DIR", directory, 1);
}

static void ask(bool always, struct question questions[COUNT])
{
    static const char *const words[] = {"enforce-act", NULL};
    const struct ask_options options = {.timeout_seconds = 1, .take = take, .always = always};
    const struct host_defaults defaults = {0};
    cleanup_host_list struct host_list hosts = {0};
    int signal;

    memset(taken, 0, sizeof(taken));
    assert_int_equal(hosts_parse("well,fails,mute,slow", &defaults, &hosts, NULL), 0);
    for (size_t i = 0; i < COUNT; i++)
        questions[i] = (struct question){.host = &hosts.hosts[i], .words = words};
    assert_int_equal(ask_hosts(questions, COUNT, &options, &signal, NULL), 0);
    assert_int_equal(questions[WELL].err.code, 0);
    assert_int_not_equal(questions[FAILS].err.code, 0);
    assert_int_not_equal(questions[MUTE].err.code, 0);
    assert_int_equal(questions[SLOW].err.code, ETIMEDOUT);
    assert_string_equal(taken[WELL].said, "well\n");
    assert_true(taken[WELL].times == 1 && taken[WELL].with_error);
    assert_int_equal(taken[MUTE].times, 0);
}

static void what_a_failure_printed_is_no_answer(void **state)
{
    struct question questions[COUNT];

    plant_ssh(*state);
    ask(false, questions);
    assert_int_equal(taken[FAILS].times, 0);
    assert_int_equal(taken[SLOW].times, 0);
}

static void unless_it_is_wanted_always(void **state)
{
    struct question questions[COUNT];

    plant_ssh(*state);
    ask(true, questions);
    assert_string_equal(taken[FAILS].said, "did this\n");
    assert_true(taken[FAILS].times == 1 && !taken[FAILS].with_error);
    assert_string_equal(taken[SLOW].said, "did that\n");
    assert_true(taken[SLOW].times == 1 && !taken[SLOW].with_error);
}

static const struct CMUnitTest tests[] = {
    test_in_directory(what_a_failure_printed_is_no_answer),
    test_in_directory(unless_it_is_wanted_always),
};

UNIT_MAIN(tests)
