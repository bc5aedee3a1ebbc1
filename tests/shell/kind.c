/* Shells are known by their names, and what goes to a shell is quoted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shell/shell.h"

static void test_parse(void **state)
{
    static const char *const others[] = {"", "sh", "dash", "ksh", "Bash", "bash ", "zsh-5.9", "/bin/bash"};
    enum shell_kind kind;

    (void)state;
    for (int i = SHELL_BASH; i <= SHELL_FISH; i++) {
        assert_int_equal(shell_kind_parse(shell_kind_name((enum shell_kind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_int_equal(shell_kind_parse(others[i], &kind), -EINVAL);
}

static void test_programs(void **state)
{
    static const struct {
        const char *program;
        int code;
        enum shell_kind kind;
    } cases[] = {
        {"bash", 0, SHELL_BASH},
        {"-bash", 0, SHELL_BASH},
        {"bash\n", 0, SHELL_BASH},
        {"/usr/bin/bash", 0, SHELL_BASH},
        {"/usr/bin/bash (deleted)", 0, SHELL_BASH},
        {"/bin/bash-static", 0, SHELL_BASH},
        {"bash5.2", 0, SHELL_BASH},
        {"/opt/x/.bash-wrapped", 0, SHELL_BASH},
        {"/usr/bin/zsh-5.9", 0, SHELL_ZSH},
        {"zsh5", 0, SHELL_ZSH},
        {"-zsh", 0, SHELL_ZSH},
        {"/usr/bin/fish", 0, SHELL_FISH},
        {"fish-4.0", 0, SHELL_FISH},
        {"/usr/bin/dash", -EINVAL, 0},
        {"-sh", -EINVAL, 0},
        {"ksh93", -EINVAL, 0},
        {"/bin/busybox", -EINVAL, 0},
        {"", -ENOENT, 0},
        {"sudo", -ENOENT, 0},
        {"python3.11", -ENOENT, 0},
        {"sshd", -ENOENT, 0},
        {"bashful", -ENOENT, 0},
        {"zshrc_editor", -ENOENT, 0},
        {"fisherman", -ENOENT, 0},
        {"/home/bash/editor", -ENOENT, 0},
        {"rcs", -ENOENT, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        enum shell_kind kind = cases[i].kind;
        int r = shell_kind_of_program(cases[i].program, &kind);

        if (r != cases[i].code || kind != cases[i].kind)
            fail_msg("%s: %d, kind %d", cases[i].program, r, (int)kind);
    }
}

/* What bash, zsh and fish must get so that nothing in it is theirs to interpret. */
static void test_quoting(void **state)
{
    static const struct {
        enum shell_kind kind;
        const char *expected;
    } cases[] = {
        {SHELL_BASH, "\\builtin printf %s 'a '\\''$(b)\\\n'\n"},
        {SHELL_ZSH, "\\builtin printf %s 'a '\\''$(b)\\\n'\n"},
        {SHELL_FISH, "builtin printf %s 'a \\'$(b)\\\\\n'\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_text struct text code = TEXT_INIT;

        shell_add_words(&code, cases[i].kind, "a '$(b)\\\n");
        assert_string_equal(code.data, cases[i].expected);
    }
}

/* Paths that contain a placeholder are not replaced once more. */
static void test_placeholders(void **state)
{
    static const struct shell_paths paths = {
        .genv = "/@SHIMS@/user@host", .shims = "/@GENV@", .completions = "/@COMPLETIONS@/@GENV@"};
    static const struct genv_variable variables[] = {{"GENV_ONE", NULL}, {"CUDA_TWO", "2"}, {NULL, NULL}};

    (void)state;
    for (int i = SHELL_BASH; i <= SHELL_FISH; i++) {
        cleanup_text struct text code = TEXT_INIT;

        shell_add_init(&code, (enum shell_kind)i, &paths, variables);
        assert_non_null(strstr(code.data, i == SHELL_ZSH ? " '\\''GENV_ONE'\\'' '\\''CUDA_TWO'\\''\n"
                                                         : " 'GENV_ONE' 'CUDA_TWO'\n"));
        assert_non_null(strstr(code.data, paths.genv));
        assert_non_null(strstr(code.data, paths.shims));
        assert_non_null(strstr(code.data, paths.completions));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_placeholders),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
