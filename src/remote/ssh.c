/* How ssh is called: with the user's configuration first, ours behind it, and words that no shell takes apart. */
#include "remote/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "base/trust.h"
#include "base/user.h"
#include "remote/frame.h"
#include "remote/words.h"

#define COMMAND_MAX (100 * 1024) /* of the 128 KiB that Linux takes in one argument */
#define CONFIG_NAME "config"
#define CONFIG_MAX  16384
/* What ssh adds to the directory's path: %C is 40 digits, and while it binds the socket there are 17 characters more.
 */
#define SOCKET_NAME_MAX 58

/* Whether ssh can have its sockets, and its configuration, in the directory @path. */
static bool is_fit(const char *path)
{
    return strlen(path) + SOCKET_NAME_MAX < sizeof(((struct sockaddr_un *)NULL)->sun_path) && !strpbrk(path, "\"%\n");
}

/* The directory @name in @parent. ssh is told its path, so that nobody else may be able to change what that leads to;
 * with @own others cannot write @parent either. */
static int open_directory(const char *parent, bool own, const char *name, char **ret_path, int *ret_fd)
{
    cleanup_free char *resolved = NULL, *path = NULL;
    struct stat st;
    int r = trust_resolve(parent, &resolved);

    if (r == 0 && own && (stat(resolved, &st) < 0 || !trust_is_own(&st)))
        r = -EPERM;
    if (r < 0)
        return r;
    if (asprintf(&path, "%s/%s", resolved, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (!is_fit(path))
        return -ENAMETOOLONG;
    r = trust_open_private(resolved, name, ret_fd);
    if (r == 0)
        *ret_path = STEAL_POINTER(path);
    return r;
}

/* In the runtime directory if that is the user's: after su(1) or sudo(8) it may be another's. Else in /tmp, where
 * anybody may have been first. */
static int find_directory(char **ret_path, int *ret_fd)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char name[40];

    if (runtime && *runtime == '/' && open_directory(runtime, true, "genv-ssh", ret_path, ret_fd) == 0)
        return 0;
    snprintf(name, sizeof(name), "genv-ssh-%u", (unsigned)geteuid());
    return open_directory("/tmp", false, name, ret_path, ret_fd);
}

/* ssh does so with a configuration that it reads by itself, and not with one that another includes. */
static int check_user_config(const char *home, struct genv_error *err)
{
    cleanup_free char *path = NULL;
    struct stat st;

    if (asprintf(&path, "%s/.ssh/config", home) < 0) {
        path = NULL;
        return error_no_memory(err);
    }
    if (stat(path, &st) == 0 && ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & S_IWOTH))
        return error_set(err, EPERM, "bad owner or permissions on %s: run 'chmod go-w' on it, or 'chown'", path);
    return 0;
}

/* ssh itself looks into the home directory that passwd(5) names, and expands ~ in Include by $HOME. */
static int add_user_include(struct text *config, struct genv_error *err)
{
    cleanup_user struct user_entry user = {.buffer = NULL};
    const char *home = getenv("HOME");

    if (user_find(geteuid(), &user) == 0 && *user.passwd.pw_dir == '/' &&
        !strpbrk(user.passwd.pw_dir, "\"\\*?[]{}$%\n")) {
        home = user.passwd.pw_dir;
        text_addf(config, "Include \"%s/.ssh/config\"\n", home);
    } else {
        text_add(config, "Include ~/.ssh/config\n");
    }
    return home ? check_user_config(home, err) : 0;
}

/* In ssh's configuration the first value counts: the user's, the system's, ours. */
static int make_config(struct text *config, const char *directory, struct genv_error *err)
{
    int r;

    text_add(config, "# Written by genv, and rewritten when it changes.\n");
    r = add_user_include(config, err);
    text_add(config, "Include /etc/ssh/ssh_config\n");
    text_addf(config,
              "Host *\n"
              "    ControlMaster auto\n"
              "    ControlPath \"%s/%%C\"\n"
              "    ControlPersist 60\n"
              "    ServerAliveInterval 15\n"
              "    ServerAliveCountMax 3\n",
              directory);
    return r == 0 && config->failed ? error_no_memory(err) : r;
}

static int check_installed(struct genv_error *err)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, "ssh")) {
        if (access(path.file, X_OK) == 0)
            return 0;
    }
    return error_set(err, ENOENT, "ssh is not in PATH: install it (Debian and Ubuntu: openssh-client)");
}

int ssh_prepare(char **ret_config, struct genv_error *err)
{
    cleanup_free char *directory = NULL, *old = NULL, *path = NULL;
    cleanup_text struct text config = TEXT_INIT;
    cleanup_close int fd = -1;
    int r = check_installed(err);

    if (r < 0)
        return r;
    if (find_directory(&directory, &fd) < 0) {
        *ret_config = NULL;
        return 0;
    }
    r = make_config(&config, directory, err);
    if (r < 0)
        return r;
    if (asprintf(&path, "%s/" CONFIG_NAME, directory) < 0) {
        path = NULL;
        return error_no_memory(err);
    }
    if (file_read_at(fd, CONFIG_NAME, CONFIG_MAX, &old, NULL) < 0 || strcmp(old, config.data) != 0) {
        r = file_replace(fd, CONFIG_NAME, config.data, config.length, 0600, (uid_t)-1, false);
        if (r < 0)
            return error_set_errno(err, -r, "cannot write %s", path);
    }
    *ret_config = STEAL_POINTER(path);
    return 0;
}

bool ssh_takes(const char *option)
{
    static const char refusal[] = "Bad configuration option";
    char output[1024] = "";
    size_t length = 0;
    ssize_t n = 1;
    int pair[2];
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0)
        return true;
    pid = fork();
    if (pid == 0) {
        if (dup2(pair[1], STDOUT_FILENO) >= 0 && dup2(pair[1], STDERR_FILENO) >= 0)
            execlp("ssh", "ssh", "-F", "/dev/null", "-o", option, "-V", (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    close(pair[1]);
    while (pid > 0 && n > 0 && length < sizeof(output) - 1) {
        n = read(pair[0], output + length, sizeof(output) - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    close(pair[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return !strstr(output, refusal);
}

/* The words of the command there, as one text. */
static int add_command(struct text *command, const struct host *host, const char *const *words, struct genv_error *err)
{
    bool encode = false;

    for (size_t i = 0; words[i]; i++)
        encode = encode || word_needs_encoding(words[i]);
    text_add(command, host->genv);
    if (encode)
        text_add(command, " --encoded");
    for (size_t i = 0; words[i]; i++) {
        text_add(command, " ");
        if (encode)
            word_encode(command, words[i]);
        else
            text_add(command, words[i]);
        if (command->length > COMMAND_MAX)
            return error_set(err, E2BIG,
                             "the command is too long (limit %d KiB, where a byte that is not a letter or digit counts "
                             "as 3): put it into a file on the host",
                             COMMAND_MAX / 1024);
    }
    return command->failed ? error_no_memory(err) : 0;
}

void strv_free(char **strings)
{
    if (!strings)
        return;
    for (size_t i = 0; strings[i]; i++)
        free(strings[i]);
    free(strings);
}

struct vector {
    char **words;
    size_t count;
    bool failed;
};

static void vector_release(struct vector *vector)
{
    strv_free(vector->words);
}

static void add_word(struct vector *vector, const char *word)
{
    char **larger = vector->failed ? NULL : realloc(vector->words, (vector->count + 2) * sizeof(*larger));

    if (larger)
        vector->words = larger;
    if (larger && (larger[vector->count] = strdup(word)))
        larger[++vector->count] = NULL;
    else
        vector->failed = true;
}

static void add_option(struct vector *vector, const char *option)
{
    add_word(vector, "-o");
    add_word(vector, option);
}

int ssh_command(const struct host *host, const struct ssh_call *call, const char *const *words, char ***ret_argv,
                struct genv_error *err)
{
    cleanup_with(vector_release) struct vector argv = {0};
    cleanup_text struct text command = TEXT_INIT;
    char timeout[40];
    int r;

    if (call->nonce)
        frame_add_runner(&command, call->nonce);
    r = add_command(&command, host, words, err);
    if (r < 0)
        return r;
    if (call->below_shell)
        text_add(&command, "; exit"); /* else most shells become the last command; to all it means the same */
    snprintf(timeout, sizeof(timeout), "ConnectTimeout=%u", call->timeout_seconds ? call->timeout_seconds : 1);
    add_word(&argv, "ssh");
    if (call->config) {
        add_word(&argv, "-F");
        add_word(&argv, call->config);
    }
    add_option(&argv, "BatchMode=yes");
    add_option(&argv, timeout);
    if (call->has_remote_command)
        add_option(&argv, "RemoteCommand=none"); /* else a configured one clashes with ours */
    if (call->terminal == SSH_NO_INPUT) {
        add_option(&argv, "ClearAllForwardings=yes");
        add_option(&argv, "PermitLocalCommand=no");
        add_option(&argv, "LogLevel=INFO"); /* below it some failures are silent */
        add_word(&argv, "-ax");
    }
    if (!call->share)
        add_option(&argv, "ControlMaster=no");
    add_word(&argv, call->terminal == SSH_TERMINAL ? "-tt" : "-T");
    add_word(&argv, "--");
    add_word(&argv, host->destination);
    add_word(&argv, command.data);
    if (argv.failed)
        return error_no_memory(err);
    *ret_argv = STEAL_POINTER(argv.words);
    return 0;
}
