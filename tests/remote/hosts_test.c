/* Host lists and files: what is a host, what is not, and what of it is said. */
#include "../unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "remote/hosts.h"

/* "name destination genv;…" of all hosts. */
static char *show(const struct host_list *list)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    for (size_t i = 0; i < list->count; i++)
        fprintf(file, "%s%s %s %s", i ? ";" : "", list->hosts[i].name, list->hosts[i].destination, list->hosts[i].genv);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void expect_list(const char *list, const struct host_defaults *defaults, const char *expected)
{
    cleanup_host_list struct host_list hosts = {0};
    struct genv_error err = {0};
    cleanup_free char *shown = NULL;

    if (hosts_parse(list, defaults, &hosts, &err) < 0)
        fail_msg("%s: %s", list, err.message);
    shown = show(&hosts);
    assert_string_equal(shown, expected);
}

static void lists(void **state)
{
    const struct host_defaults defaults = {.user = "paul", .genv = "~/bin/genv"};

    (void)state;
    expect_list("a", NULL, "a a genv");
    expect_list("a,b.example.org,10.0.0.1", NULL, "a a genv;b.example.org b.example.org genv;10.0.0.1 10.0.0.1 genv");
    expect_list("john@a , b", NULL, "a john@a genv;b b genv");
    expect_list("john@a,b", &defaults, "a john@a ~/bin/genv;b paul@b ~/bin/genv");
    expect_list("fe80::1%eth0", NULL, "fe80::1%eth0 fe80::1%eth0 genv");
    expect_list("john@example.org@a", NULL, "a john@example.org@a genv");
    expect_list("a_1-b", NULL, "a_1-b a_1-b genv");
}

static void named_twice(void **state)
{
    (void)state;
    expect_list("a,b,a", NULL, "a a genv;b b genv");
    expect_list("john@a,paul@a,A", NULL, "a john@a genv");
}

static void expect_refusal(const char *list, const char *culprit)
{
    struct host_list hosts = {0};
    struct genv_error err = {0};

    if (hosts_parse(list, NULL, &hosts, &err) != -EINVAL)
        fail_msg("taken for hosts: %s", list);
    assert_int_equal(err.code, EINVAL);
    if (!strstr(err.message, culprit))
        fail_msg("%s: %s", list, err.message);
    assert_null(hosts.hosts);
}

/* Each would mean something to a shell, to ssh's options, or to its configuration. */
static void hostile(void **state)
{
    static const char *const names[] = {
        "-oProxyCommand=id",
        "a b",
        "$(id)",
        "`id`",
        "a;id",
        "a|id",
        "a&id",
        "a>b",
        "a<b",
        "a'b",
        "a\"b",
        "a\\b",
        "a\nb",
        "a*",
        "a?",
        "[a]",
        "{a}",
        "~a",
        "!a",
        "a#b",
        "a/b",
        "a=b",
        "ssh://a",
        "\xc3\xa4",
        "a\tb",
        "\x1b[",
        "",
        "@",
        "paul@",
        "@a",
        "-l@a",
        "$x@a",
        "pa ul@a",
        "a@-b",
        "(a)",
        "^a",
        "a@b\rc",
        "p;id@a",
        "a,,b",
        "a,",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        expect_refusal(names[i], "' is not a ");
    expect_refusal("good,-bad,good2", "'-bad' is not a host: ");
}

static void programs(void **state)
{
    static const char *const good[] = {"genv", "/opt/genv/bin/genv", "~/genv", "./genv-1.0+x,y@z_"};
    static const char *const bad[] = {"",    "-x",    "~",  "~/",  "~paul/genv", "a b", "$x",
                                      "a;b", "~/~/x", "a'", "`x`", "a\\b",       "a=b", "~/-x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good) + ARRAY_SIZE(bad); i++) {
        const char *program = i < ARRAY_SIZE(good) ? good[i] : bad[i - ARRAY_SIZE(good)];
        const struct host_defaults defaults = {.genv = program};
        cleanup_host_list struct host_list hosts = {0};
        int r = hosts_parse("a", &defaults, &hosts, NULL);

        if ((r == 0) != (i < ARRAY_SIZE(good)))
            fail_msg("%s: %d", program, r);
        if (r == 0)
            assert_string_equal(hosts.hosts[0].genv, program);
    }
}

static void files(void **state)
{
    const struct host_defaults defaults = {.user = "paul"};
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free char *path = unit_path(*state, "hosts"), *shown = NULL;

    unit_write(*state, "hosts",
               "# ours\n\n  gpu-1\ngpu-2   # the new one\r\n\tjohn@gpu-3\t genv=~/genv  \n#gpu-4\ngpu-1\ngpu-5 "
               "genv=/opt/genv");
    assert_int_equal(hosts_read(path, &defaults, &hosts, NULL), 0);
    shown = show(&hosts);
    assert_string_equal(shown, "gpu-1 paul@gpu-1 genv;gpu-2 paul@gpu-2 genv;gpu-3 john@gpu-3 ~/genv;gpu-5 paul@gpu-5 "
                               "/opt/genv");
}

static void files_with_a_mark(void **state)
{
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free char *path = unit_path(*state, "hosts"), *shown = NULL;

    unit_write(*state, "hosts", "\xEF\xBB\xBFgpu-1\r\ngpu-2\r\n"); /* as an editor of Windows leaves it */
    assert_int_equal(hosts_read(path, NULL, &hosts, NULL), 0);
    shown = show(&hosts);
    assert_string_equal(shown, "gpu-1 gpu-1 genv;gpu-2 gpu-2 genv");
}

static void expect_file_refusal(const char *directory, const char *text, const char *sentence)
{
    cleanup_free char *path = unit_path(directory, "hosts");
    struct host_list hosts = {0};
    struct genv_error err = {0};

    unit_write(directory, "hosts", text);
    assert_int_equal(hosts_read(path, NULL, &hosts, &err), -EINVAL);
    if (!strstr(err.message, sentence))
        fail_msg("%s", err.message);
}

static void bad_files(void **state)
{
    cleanup_free char *path = unit_path(*state, "nothing");
    struct host_list hosts = {0};
    struct genv_error err = {0};

    expect_file_refusal(*state, "a\nb\n\nc d\n", "/hosts:4: expected genv=PATH, not 'd'");
    expect_file_refusal(*state, "a\n-b\n", "/hosts:2: '-b' is not a host: ");
    expect_file_refusal(*state, "a genv=$HOME/genv\n", "/hosts:1: '$HOME/genv' is not a path: ");
    expect_file_refusal(*state, "# nobody\n", "has no hosts");
    expect_file_refusal(*state, "", "has no hosts");
    assert_int_equal(hosts_read(path, NULL, &hosts, &err), -ENOENT);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(hosts_read(*state, NULL, &hosts, &err), -EISDIR);
}

static void not_text(void **state)
{
    cleanup_free char *path = unit_path(*state, "hosts");
    struct host_list hosts = {0};
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite("a\0b\n", 1, 4, file), 4);
    fclose(file);
    assert_int_equal(hosts_read(path, NULL, &hosts, NULL), -EINVAL);
    file = fopen(path, "we");
    assert_non_null(file);
    for (int i = 0; i < (1 << 20); i++)
        fputs("a\n", file);
    fclose(file);
    assert_int_equal(hosts_read(path, NULL, &hosts, NULL), -EFBIG);
}

static void many(void **state)
{
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free char *path = unit_path(*state, "hosts");
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    for (int i = 0; i < 20000; i++)
        fprintf(file, "host%d\n", i % 15000);
    fclose(file);
    assert_int_equal(hosts_read(path, NULL, &hosts, NULL), 0);
    assert_int_equal(hosts.count, 15000);
    assert_string_equal(hosts.hosts[14999].name, "host14999");
}

static void which_file(void **state)
{
    cleanup_free char *config = unit_path(*state, ".config"), *folder = unit_path(*state, ".config/genv");
    cleanup_free char *path = NULL, *own = unit_path(*state, ".config/genv/hostfile"), *found = NULL;
    struct genv_error err = {0};

    setenv("HOME", *state, 1);
    setenv("GENV_HOSTFILE", "/somewhere/else", 1);
    assert_int_equal(hosts_find_file(&path, &err), 0);
    assert_string_equal(path, "/somewhere/else");
    setenv("GENV_HOSTFILE", "", 1);
    if (access("/etc/genv/hostfile", F_OK) < 0) {
        assert_int_equal(hosts_find_file(&found, &err), -ENOENT);
        assert_non_null(strstr(err.message, "-H "));
    }
    assert_int_equal(mkdir(config, 0755), 0);
    assert_int_equal(mkdir(folder, 0755), 0);
    unit_write(folder, "hostfile", "a\n");
    assert_int_equal(hosts_find_file(&found, &err), 0);
    assert_string_equal(found, own);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(lists),       cmocka_unit_test(named_twice),
    cmocka_unit_test(hostile),     cmocka_unit_test(programs),
    test_in_directory(files),      test_in_directory(bad_files),
    test_in_directory(not_text),   test_in_directory(many),
    test_in_directory(which_file), test_in_directory(files_with_a_mark),
};

UNIT_MAIN(tests)
