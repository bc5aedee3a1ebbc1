/* Asking hosts, over an ssh that answers by itself. */
#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "remote/ask.h"

static const char script[] = "#!/bin/sh\n"
                             "case \" $* \" in\n"
                             "*' well '*) echo well ;;\n"
                             "*' fails '*) echo did this; exit 1 ;;\n"
                             "*' mute '*) exit 1 ;;\n"
                             "*' slow '*) echo did that; exec sleep 1000 ;;\n"
                             "esac\n";

/* Fails three times as the file "said" has it, with the status in "status", in what runs there; each call is a line in
 * "calls". */
static const char failing_script[] = "#!/bin/sh\n"
                                     "[ \"$5\" != -V ] || exit 0\n"
                                     "cd \"$XDG_RUNTIME_DIR\" && echo >>calls\n"
                                     "[ $(wc -l <calls) -gt 3 ] && echo well && exit\n"
                                     "echo \"$*\" | sed 's/.*echo \\(.* begin\\);.*/\\1/'\n"
                                     "cat said >&2\n"
                                     "exit $(cat status)\n";

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
static void plant_ssh(const char *directory, const char *text)
{
    cleanup_free char *ssh = unit_path(directory, "ssh"), *path = NULL;

    unit_write(directory, "ssh", text);
    assert_int_equal(chmod(ssh, 0755), 0);
    assert_true(asprintf(&path, "%s:/usr/bin:/bin", directory) > 0);
    setenv("PATH", path, 1);
    assert_int_equal(chmod(directory, 0700), 0);
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

    plant_ssh(*state, script);
    ask(false, questions);
    assert_int_equal(taken[FAILS].times, 0);
    assert_int_equal(taken[SLOW].times, 0);
}

static void unless_it_is_wanted_always(void **state)
{
    struct question questions[COUNT];

    plant_ssh(*state, script);
    ask(true, questions);
    assert_string_equal(taken[FAILS].said, "did this\n");
    assert_true(taken[FAILS].times == 1 && !taken[FAILS].with_error);
    assert_string_equal(taken[SLOW].said, "did that\n");
    assert_true(taken[SLOW].times == 1 && !taken[SLOW].with_error);
}

/* How often ssh is called where it fails so, three times. */
static size_t count_calls(const char *directory, const char *status, const char *said)
{
    static const char *const words[] = {"snapshot", NULL};
    const struct ask_options options = {.timeout_seconds = 60, .take = take};
    const struct host host = {"gpu-1", "gpu-1", "genv"};
    struct question question = {.host = &host, .words = words};
    cleanup_free char *path = unit_path(directory, "calls"), *calls = NULL;
    int signal;
    size_t count;

    unit_write(directory, "calls", "");
    unit_write(directory, "said", said);
    unit_write(directory, "status", status);
    assert_int_equal(ask_hosts(&question, 1, &options, &signal, NULL), 0);
    assert_int_equal(file_read_at(AT_FDCWD, path, 100, &calls, &count), 0);
    assert_true((question.err.code == 0) == (count == 4));
    return count;
}

static void a_host_is_asked_again_unless_its_failure_lasts(void **state)
{
    plant_ssh(*state, failing_script);
    assert_int_equal(count_calls(*state, "255", "Connection closed by 10.0.0.1 port 22\r\n"), 4);
    assert_int_equal(count_calls(*state, "255", "ssh: in the words of some later ssh: too many of you\r\n"), 4);
    /* What is said of a shared connection is not why it failed. */
    assert_int_equal(count_calls(*state, "255",
                                 "Control socket connect(/run/x): Connection refused\r\n"
                                 "Connection closed by 10.0.0.1 port 22\r\n"),
                     4);
    assert_int_equal(count_calls(*state, "255", "x@y: Permission denied (publickey).\r\n"), 1);
    assert_int_equal(count_calls(*state, "255", "ssh: connect to host x port 22: Connection refused\r\n"), 1);
    assert_int_equal(count_calls(*state, "255",
                                 "stdio forwarding failed\r\nHost key verification failed.\r\n"
                                 "Connection closed by UNKNOWN port 65535\r\n"),
                     1);
    assert_int_equal(count_calls(*state, "255", ""), 1);
    assert_int_equal(count_calls(*state, "1", "genv: Connection closed by 10.0.0.1 port 22\n"), 1);
}

/* Takes a command apart at its blanks, as a forced "exec $SSH_ORIGINAL_COMMAND" does. */
static const char splitting_script[] = "#!/bin/sh\n"
                                       "[ \"$5\" != -V ] || exit 0\n"
                                       "for command; do :; done\n"
                                       "echo \"$command\" >>\"$XDG_RUNTIME_DIR/calls\"\n"
                                       "exec $command\n";

static void a_host_that_takes_no_shell_is_asked_plainly(void **state)
{
    static const char *const words[] = {"hello", NULL}, *const failing[] = {"-", NULL};
    const struct ask_options options = {.timeout_seconds = 60, .take = take, .always = true};
    const struct host host = {"gpu-1", "gpu-1", "echo"}, other = {"gpu-2", "gpu-2", "false"};
    struct question questions[] = {{.host = &host, .words = words}, {.host = &other, .words = failing}};
    cleanup_free char *path = unit_path(*state, "calls"), *calls = NULL;
    const char *plain;
    int signal;

    memset(taken, 0, sizeof(taken));
    plant_ssh(*state, splitting_script);
    assert_int_equal(ask_hosts(questions, ARRAY_SIZE(questions), &options, &signal, NULL), 0);
    assert_int_equal(questions[0].err.code, 0);
    assert_string_equal(taken[0].said, "hello\n");
    assert_int_equal(taken[0].times, 1);
    assert_int_not_equal(questions[1].err.code, 0); /* of the second call */
    assert_non_null(strstr(questions[1].err.message, "status 1 without an error message"));
    assert_int_equal(taken[1].times, 0);
    assert_int_equal(file_read_at(AT_FDCWD, path, 4096, &calls, NULL), 0);
    assert_non_null(strstr(calls, "\necho hello\n"));
    plain = strstr(calls, "\nfalse -\n");
    assert_true(plain && !strstr(plain + 1, "\nfalse -\n"));
}

static const struct CMUnitTest tests[] = {
    test_in_directory(what_a_failure_printed_is_no_answer),
    test_in_directory(unless_it_is_wanted_always),
    test_in_directory(a_host_is_asked_again_unless_its_failure_lasts),
    test_in_directory(a_host_that_takes_no_shell_is_asked_plainly),
};

UNIT_MAIN(tests)
