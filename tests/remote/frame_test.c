/* A host's answer, and what start-up files there may print around it. */
#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "remote/frame.h"

#define NONCE "0123456789abcdef0123456789abcdef"
#define OLD   "00000000000000000000000000000000" /* of an earlier call */
#define BEGIN "genv-session " NONCE " begin\n"
#define END   "genv-session " NONCE " end\n"

/* What frame_unwrap() leaves of @printed and returns. */
static int unwrap(const char *printed, struct text *output, struct genv_error *err)
{
    text_add(output, printed);
    return frame_unwrap(output, NONCE, err);
}

static void the_answer_is_found_in_any_noise(void **state)
{
    static const char *const noises[] = {
        "",
        "welcome {to}\n}\n",
        "no newline",
        "genv-session " OLD " begin\n{}\ngenv-session " OLD " end\n", /* replayed */
        "genv-session " OLD " ready\n",
        "genv-session 0 begin\n",
        "genv-session \n",
        "genv-session",
        "genv-session 0123456789abcdef", /* cut in its nonce */
        "\xff\xfe\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(noises); i++) {
        cleanup_text struct text printed = TEXT_INIT, output = TEXT_INIT;

        text_addf(&printed, "%s" BEGIN "{}\n" END "%s", noises[i], noises[i]);
        assert_int_equal(unwrap(printed.data, &output, NULL), 0);
        assert_string_equal(output.data, "{}\n");
    }
}

static void noise_may_be_huge(void **state)
{
    cleanup_text struct text output = TEXT_INIT;

    (void)state;
    for (size_t i = 0; i < 100000; i++)
        text_add(&output, "genv-session " OLD " ready\n");
    text_add(&output, BEGIN "{}\n" END);
    assert_int_equal(frame_unwrap(&output, NONCE, NULL), 0);
    assert_string_equal(output.data, "{}\n");
}

static void what_is_no_answer_is_refused(void **state)
{
    static const struct {
        const char *printed, *left, *sentence;
    } rows[] = {
        {BEGIN "{}\n", "{}\n", "incomplete output"},
        {BEGIN "{}\ngenv-session " NONCE " en", "{}\ngenv-session " NONCE " en", "incomplete output"},
        {BEGIN, "", "incomplete output"},
        {BEGIN "{}\n" END BEGIN "[]\n" END, "", "two answers"},
        {BEGIN BEGIN "{}\n" END, "", "two answers"},
        {END "{}\n" BEGIN, "", "incomplete output"},
        {END, "", "first line"},
        {"genv-session " NONCE " ready\n{}\n" END, "", "first line"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_text struct text output = TEXT_INIT;
        struct genv_error err = {0};

        assert_int_equal(unwrap(rows[i].printed, &output, &err), -EPROTO);
        assert_string_equal(output.data, rows[i].left);
        assert_non_null(strstr(err.message, rows[i].sentence));
    }
}

static void only_what_began_has_an_answer(void **state)
{
    static const struct {
        const char *printed;
        bool has;
    } rows[] = {
        {BEGIN, true},
        {"noise" BEGIN "{}", true},
        {"genv-session " NONCE " ready\n" BEGIN, true},
        {"", false},
        {"{}\n", false},
        {END, false},
        {"genv-session " OLD " begin\n", false},
        {"denied: sh -c 'echo genv-session " NONCE " begin; \"$0\" \"$@\"'\n", false}, /* said of the command itself */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_text struct text output = TEXT_INIT;

        text_add(&output, rows[i].printed);
        assert_int_equal(frame_has_answer(&output, NONCE), rows[i].has);
    }
}

static void a_line_without_end_is_none_of_ours(void **state)
{
    cleanup_text struct text output = TEXT_INIT;
    struct frame_line line;

    (void)state;
    text_add(&output, "genv-session " NONCE " ready");
    assert_int_equal(frame_find(&output, 0, NONCE, &line), -EAGAIN);
    while (output.length < 2000)
        text_add(&output, "y");
    assert_int_equal(frame_find(&output, 0, NONCE, &line), -EPROTO);
    assert_int_equal(frame_unwrap(&output, NONCE, NULL), -EPROTO);
}

static void a_forced_command_answers_alone(void **state)
{
    cleanup_text struct text output = TEXT_INIT, nothing = TEXT_INIT;

    (void)state;
    assert_int_equal(unwrap("{\n}\n", &output, NULL), 0);
    assert_string_equal(output.data, "{\n}\n");
    assert_int_equal(frame_unwrap(&nothing, NONCE, NULL), 0);
    assert_int_equal(nothing.length, 0);
}

static void lines_are_read_as_they_are_written(void **state)
{
    cleanup_text struct text text = TEXT_INIT;
    struct frame_line line;

    (void)state;
    text_add(&text, "noise");
    frame_add_line(&text, OLD, "busy");
    frame_add_line(&text, NONCE, "failed because");
    text_add(&text, "genv-session " NONCE " ready\r\nsh$ ");
    assert_int_equal(frame_find(&text, 0, NONCE, &line), 0);
    assert_string_equal(line.words, "failed because");
    assert_int_equal(frame_find(&text, line.end, NONCE, &line), 0);
    assert_string_equal(line.words, "ready");
    assert_string_equal(text.data + line.end, "sh$ ");
    assert_int_equal(frame_find(&text, line.end, NONCE, &line), -EAGAIN);
}

#define NOT_INSTALLED 99

/* Has the shell @name run @words behind the runner. Returns its exit status; @output is what is left of what it
 * printed.
 */
static int run_by(const char *name, const char *words, struct text *output)
{
    cleanup_text struct text command = TEXT_INIT;
    char buffer[4096];
    int pair[2], status;
    ssize_t n;
    pid_t pid;

    frame_add_runner(&command, NONCE);
    text_add(&command, words);
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        if (dup2(pair[1], STDOUT_FILENO) >= 0 && close(STDERR_FILENO) == 0)
            execlp(name, name, "-c", command.data, (char *)NULL);
        _exit(NOT_INSTALLED);
    }
    close(pair[1]);
    while ((n = read(pair[0], buffer, sizeof(buffer))) > 0)
        text_add_bytes(output, buffer, (size_t)n);
    close(pair[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(frame_unwrap(output, NONCE, NULL), 0);
    return WEXITSTATUS(status);
}

static void every_shell_runs_what_is_wrapped(void **state)
{
    static const char *const shells[] = {"sh", "dash", "bash", "zsh", "fish", "tcsh"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
        cleanup_text struct text output = TEXT_INIT, none = TEXT_INIT;

        int status = run_by(shells[i], "printf %s,%s a b%20c", &output);

        if (status == NOT_INSTALLED)
            continue;
        assert_int_equal(status, 0);
        assert_string_equal(output.data, "a,b%20c");
        assert_int_equal(run_by(shells[i], "false", &none), 1);
        assert_string_equal(none.data, "");
        assert_int_equal(run_by(shells[i], "/nonexistent/genv snapshot", &none), 127);
    }
}

static void nonces_differ(void **state)
{
    char one[FRAME_NONCE_SIZE], two[FRAME_NONCE_SIZE];

    (void)state;
    assert_int_equal(frame_make_nonce(one, NULL), 0);
    assert_int_equal(frame_make_nonce(two, NULL), 0);
    assert_int_equal(strlen(one), FRAME_NONCE_SIZE - 1);
    assert_string_not_equal(one, two);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_answer_is_found_in_any_noise),
    cmocka_unit_test(noise_may_be_huge),
    cmocka_unit_test(what_is_no_answer_is_refused),
    cmocka_unit_test(a_line_without_end_is_none_of_ours),
    cmocka_unit_test(a_forced_command_answers_alone),
    cmocka_unit_test(lines_are_read_as_they_are_written),
    cmocka_unit_test(every_shell_runs_what_is_wrapped),
    cmocka_unit_test(only_what_began_has_an_answer),
    cmocka_unit_test(nonces_differ),
};

UNIT_MAIN(tests)
