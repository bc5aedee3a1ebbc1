/* Errands to hosts, over an ssh that answers by itself. */
#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "remote/errands.h"

#define COUNT 600 /* of each host: more than one call takes */

/* Each call is a line in "calls": the host, and how many words behind the command there are. "half" fails at its second
 * call, after a word of what it did. */
static const char script[] = "#!/bin/sh\n"
                             "case \"$*\" in *' -V'|*' -V '*) exit ;; esac\n"
                             "while [ \"$1\" != -- ]; do shift; done\n"
                             "host=$2 words=$(printf %s \"$3\" | tr ' ' '\\n' | grep -c '%7Bx')\n"
                             "cd \"$XDG_RUNTIME_DIR\" && echo \"$host $words\" >>calls\n"
                             "line=$(expr \"$3\" : '.*echo \\(genv-session [0-9a-f]*\\) begin')\n"
                             "echo \"$line begin\"\n"
                             "echo \"did $words\"\n"
                             "[ $host != half ] || [ $(grep -c half calls) -lt 2 ] || exit 1\n"
                             "echo \"$line end\"\n";

struct seen {
    size_t answers, failures;
    size_t words; /* that the host "whole" was told of */
    char failed[32];
};

static void answered(const struct host *host, const struct text *answer, void *data)
{
    struct seen *seen = data;
    size_t words = 0;

    assert_int_equal(sscanf(answer->data, "did %zu", &words), 1);
    seen->answers++;
    if (strcmp(host->name, "whole") == 0)
        seen->words += words;
}

static void failed(const struct host *host, const struct genv_error *err, void *data)
{
    struct seen *seen = data;

    assert_true(*err->message != '\0');
    seen->failures++;
    snprintf(seen->failed, sizeof(seen->failed), "%s", host->name);
}

static size_t count_calls(const char *directory, const char *host)
{
    cleanup_free char *path = unit_path(directory, "calls"), *calls = NULL;
    size_t count = 0;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 16, &calls, NULL), 0);
    for (const char *line = calls; (line = strstr(line, host)); line++)
        count++;
    return count;
}

static void each_host_is_told_all_in_pieces_until_it_fails(void **state)
{
    static const char *const command[] = {"enforce-act", NULL};
    const struct host_defaults defaults = {0};
    cleanup_host_list struct host_list hosts = {0};
    cleanup_free char *ssh = unit_path(*state, "ssh"), *path = NULL;
    struct errand errands[2 * COUNT];
    struct seen seen = {0};
    const struct errands_request request = {.hosts = &hosts,
                                            .command = command,
                                            .errands = errands,
                                            .count = ARRAY_SIZE(errands),
                                            .timeout_seconds = 60,
                                            .answered = answered,
                                            .failed = failed,
                                            .data = &seen};
    char word[256] = "{x";
    int signal;

    unit_write(*state, "ssh", script);
    assert_int_equal(chmod(ssh, 0755), 0);
    assert_true(asprintf(&path, "%s:/usr/bin:/bin", (char *)*state) > 0);
    setenv("PATH", path, 1);
    assert_int_equal(chmod(*state, 0700), 0);
    setenv("XDG_RUNTIME_DIR", *state, 1);
    memset(word + 2, 'y', sizeof(word) - 3);
    assert_int_equal(hosts_parse("whole,nothing,half", &defaults, &hosts, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(errands); i++)
        errands[i] = (struct errand){i % 2 ? 0 : 2, word};
    assert_int_equal(errands_run(&request, &signal, NULL), 0);
    assert_int_equal(seen.words, COUNT);
    assert_int_equal(count_calls(*state, "whole"), 3);
    assert_int_equal(count_calls(*state, "nothing"), 0); /* there is nothing for it */
    assert_int_equal(count_calls(*state, "half"), 2);
    assert_int_equal(seen.answers, 5); /* what was done before a failure counts */
    assert_int_equal(seen.failures, 1);
    assert_string_equal(seen.failed, "half");
}

static const struct CMUnitTest tests[] = {
    test_in_directory(each_host_is_told_all_in_pieces_until_it_fails),
};

UNIT_MAIN(tests)
