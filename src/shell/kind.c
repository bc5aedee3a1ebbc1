/* Which shell is it? */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/proc.h"
#include "shell/shell.h"

static const char *const kind_names[] = {
    [SHELL_BASH] = "bash",
    [SHELL_ZSH] = "zsh",
    [SHELL_FISH] = "fish",
};

/* Shells that we don't speak: what called us is one of these, and not $SHELL. */
static const char *const foreign_shells[] = {
    "ash", "busybox", "csh",  "dash", "elvish", "ion", "ksh",  "mksh",  "nu",   "oil",
    "osh", "pdksh",   "posh", "pwsh", "rc",     "sh",  "tcsh", "xonsh", "yash", "ysh",
};

int shell_kind_parse(const char *name, enum shell_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            *ret_kind = (enum shell_kind)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *shell_kind_name(enum shell_kind kind)
{
    return kind_names[kind];
}

/* Whether the program @program is @shell, or is named after it: zsh-5.9, bash-static, "bash (deleted)". */
static bool is_shell(const char *program, const char *shell)
{
    size_t length = strlen(shell);

    return strncmp(program, shell, length) == 0 && !isalpha((unsigned char)program[length]) && program[length] != '_';
}

int shell_kind_of_program(const char *program, enum shell_kind *ret_kind)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;

    /* A login shell calls itself "-bash"; some systems wrap the real one as ".bash-wrapped". */
    name += strspn(name, "-.");
    for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
        if (is_shell(name, kind_names[i])) {
            *ret_kind = (enum shell_kind)i;
            return 0;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(foreign_shells); i++) {
        if (is_shell(name, foreign_shells[i]))
            return -EINVAL;
    }
    return -ENOENT;
}

int shell_kind_of_process(pid_t pid, enum shell_kind *ret_kind)
{
    char path[32], program[4096];
    ssize_t length;
    int r;

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    length = readlink(path, program, sizeof(program) - 1);
    if (length > 0) {
        program[length] = '\0';
        r = shell_kind_of_program(program, ret_kind);
        if (r != -ENOENT)
            return r;
    }
    /* The link is not everybody's to read, and under an emulator it names the emulator. */
    proc_name(pid, program, sizeof(program));
    return shell_kind_of_program(program, ret_kind);
}

int shell_kind_of_caller(enum shell_kind *ret_kind)
{
    const char *fallback = getenv("SHELL");
    struct proc_stat stat;
    int r;

    /* Past what may stand in between: sudo, env, time, a debugger. */
    for (pid_t pid = getppid(); pid > 1; pid = stat.parent) {
        r = shell_kind_of_process(pid, ret_kind);
        if (r != -ENOENT)
            return r;
        if (proc_stat_read(pid, &stat) < 0)
            break;
    }
    return fallback && shell_kind_of_program(fallback, ret_kind) == 0 ? 0 : -EINVAL;
}
