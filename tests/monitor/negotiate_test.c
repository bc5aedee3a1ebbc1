/* What the headers Accept and Host ask for. */
#include <errno.h>

#include "../unit/unit.h"
#include "monitor/answer.h"

static void test_openmetrics(void **state)
{
    static const char *const asking[] = {
        "application/openmetrics-text",
        ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
        "text/plain;q=0.3, APPLICATION/OpenMetrics-Text ; version=1.0.0 ; q=0.301",
        "*/*, application/openmetrics-text",
    };
    static const char *const others[] = {
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.000",
        "application/openmetrics-textual",
        "xapplication/openmetrics-text",
        ",;,;q=;;",
        "application/openmetrics-text;q",
    };

    (void)state;
    assert_false(answer_is_openmetrics(NULL));
    for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
        assert_true(answer_is_openmetrics(asking[i]));
    for (size_t i = 0; i + 1 < ARRAY_SIZE(others); i++)
        assert_false(answer_is_openmetrics(others[i]));
    assert_true(answer_is_openmetrics(others[ARRAY_SIZE(others) - 1])); /* a weight that is none does not count */
}

static void test_loopback(void **state)
{
    static const char *const here[] = {"localhost", "LocalHost:8000", "127.0.0.1",  "127.3.2.1:80",
                                       "[::1]",     "[::1]:8000",     "localhost.", "localhost.:80"};
    static const char *const elsewhere[] = {
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1:8000",
        "[::2]:80",
        "[",
        "[::1",
        "0x7f.1",
        "127.1",
        "::1",
        "0",
        "[127.0.0.1]",
        "localhostx",
        "localhost..",
        "[::1].",
        ".",
        "evil.example:localhost",
        "localhost:80@evil.example",
        "localhost:evil.example",
        "127.0.0.1:80.evil.example",
        "[::1]evil.example",
        "[::1].evil.example:80",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(here); i++)
        assert_true(answer_is_loopback(here[i]));
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        if (answer_is_loopback(elsewhere[i]))
            fail_msg("taken for loopback: %s", elsewhere[i]);
    }
}

static void test_host(void **state)
{
    (void)state;
    assert_true(answer_is_host("gpu-server", "gpu-server"));
    assert_true(answer_is_host("GPU-Server:8000", "gpu-server"));
    assert_true(answer_is_host("gpu-server.:8000", "gpu-server"));
    assert_true(answer_is_host("gpu-server", "GPU-server."));
    assert_false(answer_is_host("gpu-server..", "gpu-server"));
    assert_false(answer_is_host("gpu-server.evil.example", "gpu-server"));
    assert_false(answer_is_host("gpu-server:evil", "gpu-server"));
    assert_false(answer_is_host("gpu", "gpu-server"));
    assert_false(answer_is_host("", "gpu-server"));
}

static void test_allowed(void **state)
{
    static const char list[] = "gpu.example.org,.lab.example,[2001:db8::1]";
    static const char *const here[] = {
        "gpu.example.org", "GPU.Example.Org:8443", "lab.example",      "a.lab.example:80",    "a.b.LAB.example",
        "[2001:db8::1]",   "[2001:db8::1]:443",    "gpu.example.org.", "gpu.example.org.:80", "a.lab.example.",
    };
    static const char *const elsewhere[] = {
        "",
        "example.org",
        "gpu.example.org.evil.example",
        "gpu.example.org:evil",
        "evil-lab.example",
        ".evil",
        "gpu.example.orgs",
        "[2001:db8::2]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "lab.example.evil",
        "gpu.example.or",
        "gpu.example.org..",
        ".",
        "*",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(here); i++) {
        if (!answer_is_allowed(here[i], list))
            fail_msg("not allowed: %s", here[i]);
        assert_true(answer_is_allowed(here[i], "gpu.example.org.,.lab.example.,[2001:db8::1]"));
        assert_true(answer_is_allowed(here[i], "other,*"));
        assert_false(answer_is_allowed(here[i], "other"));
    }
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        if (answer_is_allowed(elsewhere[i], list))
            fail_msg("allowed: %s", elsewhere[i]);
    }
}

static void test_allowed_lists(void **state)
{
    static const char *const wrong[] = {"",     ",",  "a,",     ",a",  "http://a", "a:80", "a b", "*.a", ".",
                                        "[::1", "[]", "[a.b]x", "::1", "a/b",      "a,,b", "**",  "a\n"};
    struct genv_error err = {0};

    (void)state;
    assert_int_equal(answer_check_allowed("gpu.example.org,.lab.example,[2001:db8::1],*,A_b-1", &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        if (answer_check_allowed(wrong[i], &err) != -EINVAL)
            fail_msg("taken for names: %s", wrong[i]);
    }
}

/* Anything may come: nothing is read behind its end (the sanitized build sees that). */
static void test_rubbish(void **state)
{
    static const char pieces[] = "aq=;, 01.*/\t[]:-";
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t length = unit_random(&seed) % 40;
        cleanup_free char *text = calloc(length + 1, 1);

        for (size_t i = 0; i < length; i++)
            text[i] = pieces[unit_random(&seed) % (sizeof(pieces) - 1)];
        assert_false(answer_is_openmetrics(text));
        answer_is_loopback(text);
        answer_is_allowed(text, "a.q,.a,[::1]");
        answer_is_allowed("a.q:1", text);
        answer_check_allowed(text, NULL);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_openmetrics), cmocka_unit_test(test_loopback),      cmocka_unit_test(test_host),
    cmocka_unit_test(test_allowed),     cmocka_unit_test(test_allowed_lists), cmocka_unit_test(test_rubbish),
};

UNIT_MAIN(tests)
