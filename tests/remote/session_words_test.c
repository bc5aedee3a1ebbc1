/* What the two sides of a session say to each other. */
#include "../unit/unit.h"

#include <errno.h>
#include <string.h>

#include "remote/session_words.h"
#include "remote/ssh.h"

static void expect_words(const struct session_request *request, const char *const *expected)
{
    char **words = NULL;
    size_t i = 0;

    assert_int_equal(session_words(request, "5eed", &words, NULL), 0);
    for (; expected[i]; i++)
        assert_string_equal(words[i], expected[i]);
    assert_null(words[i]);
    strv_free(words);
}

static void a_request(void **state)
{
    char *command[] = {"python", "--gpus", "", NULL};
    struct session_request request = {.config = GENV_CONFIG_INIT, .prompt = true};

    (void)state;
    expect_words(&request, (const char *const[]){"remote-session", "--nonce=5eed", "--shell", NULL});
    request.prompt = false;
    expect_words(&request, (const char *const[]){"remote-session", "--nonce=5eed", "--no-prompt", "--shell", NULL});
    request.command = command;
    request.config.gpus = 2;
    expect_words(&request, (const char *const[]){"remote-session", "--nonce=5eed", "--gpus=2", "--", "python", "--gpus",
                                                 "", NULL});
}

/* What is said as @result and @sentence is heard as @code with @heard in the sentence. */
static void expect_heard(int result, const char *sentence, int code, const char *heard)
{
    cleanup_text struct text output = TEXT_INIT;
    struct genv_error said = {0}, err = {0};
    struct frame_line line;

    error_set(&said, EIO, "%s", sentence);
    text_add(&output, "Last login: today ");
    session_add_answer(&output, "5eed", result, &said);
    text_add(&output, "$ ");
    assert_int_equal(session_read_answer(&output, "other", &line, &err), -EAGAIN);
    assert_int_equal(session_read_answer(&output, "5eed", &line, &err), code);
    assert_int_equal(err.code, -code);
    assert_non_null(strstr(err.message, heard));
    assert_string_equal(output.data + line.end, "$ ");
}

static void answers(void **state)
{
    (void)state;
    expect_heard(0, "", 0, "");
    expect_heard(-EBUSY, "", -EBUSY, "the devices are no longer available");
    expect_heard(-EIO, "device 3 is taken", -EREMOTEIO, "device 3 is taken");
    expect_heard(-EIO, "", -EPROTO, "unexpected output from genv on the host: 'failed '");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_request),
    cmocka_unit_test(answers),
};

UNIT_MAIN(tests)
