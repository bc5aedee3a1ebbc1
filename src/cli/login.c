/* The user's login shell, set up by the files of src/shell/login/. */
#include "cli/login.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/user.h"
#include "shell/shell.h"

#define OWN_PREFIX "GENV_"

/* @entry, "NAME=VALUE", becomes a variable. */
static int put(const char *entry, struct genv_error *err)
{
    const char *equals = strchr(entry, '=');
    cleanup_free char *name = equals ? strndup(entry, (size_t)(equals - entry)) : NULL;

    if (!equals)
        return 0;
    if (!name || (*name && setenv(name, equals + 1, 1) < 0))
        return error_no_memory(err);
    return 0;
}

/* Puts those of @entries that are genv's own (@own), or those that are not. */
static int put_all(const struct text *entries, bool own, struct genv_error *err)
{
    size_t next;
    int r = 0;

    for (size_t i = 0; r == 0 && i < entries->length; i = next) {
        const char *entry = entries->data + i;

        next = i + strlen(entry) + 1;
        if ((strncmp(entry, OWN_PREFIX, strlen(OWN_PREFIX)) == 0) == own)
            r = put(entry, err);
    }
    return r;
}

int login_restore_variables(pid_t caller, struct genv_error *err)
{
    cleanup_text struct text began = TEXT_INIT, now = TEXT_INIT;
    cleanup_user struct user_entry user = {.buffer = NULL};
    const char *here = getenv("SSH_CONNECTION");
    char connection[256];
    int r;

    /* sshd itself, which root may read, is of another connection or none. */
    if (!here || proc_variable(caller, "SSH_CONNECTION", connection, sizeof(connection)) < 0 ||
        strcmp(here, connection) != 0 || proc_environment(caller, &began.data, &began.length) < 0)
        return 0;
    for (char **entry = environ; *entry; entry++)
        text_add_bytes(&now, *entry, strlen(*entry) + 1);
    if (now.failed)
        return error_no_memory(err);
    clearenv();
    r = put_all(&began, false, err);
    if (r == 0)
        r = put_all(&now, true, err);
    if (user_find(getuid(), &user) == 0 && chdir(user.passwd.pw_dir) < 0)
        return r; /* it stays where it is, as sshd does */
    return r;
}

/* Hands @value over to the files of the folder login. */
static int hand_over(const char *name, const char *value, struct genv_error *err)
{
    if ((value ? setenv(name, value, 1) : unsetenv(name)) < 0)
        return error_no_memory(err);
    return 0;
}

/* Reads the beginning of what @words print; "" where they fail. */
static void read_output(const char *program, const char *const *words, char *output, size_t size)
{
    ssize_t n = 1;
    size_t length = 0;
    int pair[2];
    pid_t pid;

    *output = '\0';
    if (pipe2(pair, O_CLOEXEC) < 0)
        return;
    pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (dup2(nothing, STDIN_FILENO) < 0 || dup2(pair[1], STDOUT_FILENO) < 0 || dup2(nothing, STDERR_FILENO) < 0)
            _exit(EXIT_FAILURE);
        execv(program, (char **)words);
        _exit(EXIT_FAILURE);
    }
    close(pair[1]);
    while (pid > 0 && n > 0 && length < size - 1) {
        n = read(pair[0], output + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    output[length] = '\0';
    close(pair[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* What ZDOTDIR is in a zsh that has read the system's zshenv and no other file: its type, ':', and its value. */
static void ask_zsh(const char *shell, char *answer, size_t size)
{
    static const char mark[] = "genv-zdotdir ", code[] = "print -rn -- \"genv-zdotdir ${(t)ZDOTDIR}:$ZDOTDIR\"";
    static const char *const words[] = {"zsh", "-f", "-c", code, NULL};
    const char *before = getenv("ZDOTDIR");
    char output[8192], *found;

    read_output(shell, words, output, sizeof(output));
    found = strstr(output, mark);
    if (found && strchr(found, ':'))
        snprintf(answer, size, "%s", found + strlen(mark));
    else
        snprintf(answer, size, "%s:%s", before ? "scalar-export" : "", before ? before : "");
}

/* Puts @folder, where our .zshenv is, in the place of the user's. -ENOTSUP: the system's zshenv, which comes first,
 * does not let us. */
static int set_zdotdir(const char *shell, const char *folder, struct genv_error *err)
{
    const char *given = getenv("ZDOTDIR");
    cleanup_free char *before = given ? strdup(given) : NULL; /* setenv(3) may move it */
    char its[4400], ours[4400];
    const char *value;
    int r;

    if (given && !before)
        return error_no_memory(err);
    ask_zsh(shell, its, sizeof(its));
    r = hand_over("ZDOTDIR", folder, err);
    if (r < 0)
        return r;
    value = strchr(its, ':') + 1;
    if (strcmp(value, before ? before : "") != 0) {
        ask_zsh(shell, ours, sizeof(ours));
        if (strcmp(strchr(ours, ':') + 1, folder) != 0) {
            hand_over("ZDOTDIR", before, NULL);
            return -ENOTSUP;
        }
    }
    return hand_over("GENV_LOGIN_ZDOTDIR", its, err);
}

struct login {
    char file[4400]; /* what the shell reads; of a shell that is none of ours, its name */
    const char *words[6];
};

/* How a shell of @kind comes to read what sets it up. */
static void set_words(struct login *login, enum shell_kind kind)
{
    const char *const words[][ARRAY_SIZE(login->words)] = {
        [SHELL_BASH] = {"bash", "--rcfile", login->file, "-i"},
        [SHELL_ZSH] = {"-zsh", "-i"}, /* finds it in ZDOTDIR */
        [SHELL_FISH] = {"fish", "-l", "-i", "-C", "source $GENV_LOGIN_FILE"},
    };

    memcpy(login->words, words[kind], sizeof(login->words));
}

static int set_variables(const struct login_request *request, const struct login *login, struct genv_error *err)
{
    int r = hand_over("GENV_LOGIN_FILE", login->file, err);

    if (r == 0)
        r = hand_over("GENV_LOGIN_GENV", request->installation->genv, err);
    if (r == 0)
        r = hand_over("GENV_LOGIN_ID", request->eid, err);
    if (r == 0)
        r = hand_over("GENV_LOGIN_PROMPT", request->prompt ? "1" : NULL, err);
    return r;
}

/* -ENOTSUP: @shell is none that genv sets up, or cannot be. */
static int set_up(const char *shell, const struct login_request *request, struct login *login, struct genv_error *err)
{
    static const char *const files[] = {[SHELL_BASH] = "bashrc", [SHELL_ZSH] = ".zshenv", [SHELL_FISH] = "login.fish"};
    const char *root = strcmp(request->installation->root, "/") == 0 ? "" : request->installation->root;
    char folder[4200];
    enum shell_kind kind;
    int r = 0;

    if (shell_kind_of_program(shell, &kind) < 0)
        return -ENOTSUP;
    snprintf(folder, sizeof(folder), "%s/login", root);
    snprintf(login->file, sizeof(login->file), "%s/%s", folder, files[kind]);
    if (access(login->file, R_OK) < 0)
        return -ENOTSUP;
    set_words(login, kind);
    if (kind == SHELL_ZSH)
        r = set_zdotdir(shell, folder, err);
    return r < 0 ? r : set_variables(request, login, err);
}

int login_become_shell(const struct login_request *request, struct genv_error *err)
{
    cleanup_user struct user_entry user = {.buffer = NULL};
    bool known = user_find(getuid(), &user) == 0;
    const char *shell = known && *user.passwd.pw_shell ? user.passwd.pw_shell : "/bin/sh";
    const char *slash = strrchr(shell, '/');
    struct login login = {.file = ""};
    int r = set_up(shell, request, &login, err);

    if (r == -ENOTSUP) { /* it just begins, as a login shell */
        snprintf(login.file, sizeof(login.file), "-%s", slash ? slash + 1 : shell);
        login.words[0] = login.file;
        login.words[1] = NULL;
        r = 0;
    }
    if (r < 0)
        return r;
    execv(shell, (char **)login.words);
    return error_set_errno(err, errno, "cannot start the login shell %s", shell);
}
