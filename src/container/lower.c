/* The machine's own OCI runtime. */
#include "container/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

#define CONFIGURATION_MAX 4096
#define OUTPUT_MAX        (1024 * 1024) /* of a command that is asked */

/* Engines start runtimes with few variables. */
static const char path_default[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static bool is_this_program(const char *path)
{
    struct stat self, other;

    return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 && self.st_dev == other.st_dev &&
           self.st_ino == other.st_ino;
}

static int find_in_path(const char *name, char **ret_path)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, name)) {
        struct stat st;

        if (stat(path.file, &st) == 0 && S_ISREG(st.st_mode) && access(path.file, X_OK) == 0 &&
            !is_this_program(path.file)) {
            *ret_path = strdup(path.file);
            return *ret_path ? 0 : -ENOMEM;
        }
    }
    return -ENOENT;
}

/* The line that is no comment; free() it. NULL: the file is not there, or says nothing. */
static int read_configuration(char **ret_name, struct genv_error *err)
{
    cleanup_free char *text = NULL;
    char *rest, *line, *found = NULL;
    int r = file_read_at(AT_FDCWD, LOWER_CONFIGURATION, CONFIGURATION_MAX, &text, NULL);

    *ret_name = NULL;
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return error_set_errno(err, -r, "cannot read %s", LOWER_CONFIGURATION);
    for (rest = text; (line = strsep(&rest, "\n"));) {
        line += strspn(line, " \t\r");
        line[strcspn(line, "#\r")] = '\0';
        for (size_t length = strlen(line); length && strchr(" \t", line[length - 1]);)
            line[--length] = '\0';
        if (*line && found)
            return error_set(err, EINVAL, "%s has more than one line: leave the name of one OCI runtime",
                             LOWER_CONFIGURATION);
        if (*line)
            found = line;
    }
    *ret_name = found ? strdup(found) : NULL;
    return found && !*ret_name ? error_no_memory(err) : 0;
}

static int find_named(const char *name, const char *where, char **ret_path, struct genv_error *err)
{
    int r = strchr(name, '/') ? 0 : find_in_path(name, ret_path);

    if (strchr(name, '/')) {
        if (is_this_program(name))
            return error_set(err, EINVAL, "%s names genv-container-runtime itself: set it to runc or crun", where);
        r = access(name, X_OK) < 0 ? -errno : 0;
        *ret_path = r == 0 ? strdup(name) : NULL;
        if (r == 0 && !*ret_path)
            r = -ENOMEM;
    }
    return r < 0 ? error_set_errno(err, -r, "cannot use the OCI runtime '%s' that %s names", name, where) : 0;
}

int lower_find(char **ret_path, struct genv_error *err)
{
    static const char *const names[] = {"nvidia-container-runtime", "runc", "crun"};
    const char *variable = getenv("GENV_RUNTIME");
    cleanup_free char *configured = NULL;

    if (!getenv("PATH"))
        setenv("PATH", path_default, 1);
    if (variable && *variable)
        return find_named(variable, "GENV_RUNTIME", ret_path, err);
    if (read_configuration(&configured, err) < 0)
        return -EINVAL;
    if (configured)
        return find_named(configured, LOWER_CONFIGURATION, ret_path, err);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (find_in_path(names[i], ret_path) == 0)
            return 0;
    }
    return error_set(err, ENOENT, "cannot find nvidia-container-runtime, runc or crun: install one, or name it in %s",
                     LOWER_CONFIGURATION);
}

bool lower_is_nvidias(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strncmp(slash ? slash + 1 : path, "nvidia-", strlen("nvidia-")) == 0;
}

int lower_become(const char *path, char **words, struct genv_error *err)
{
    execv(path, words);
    return error_set_errno(err, errno, "cannot start the OCI runtime %s", path);
}

/* Sockets that a service manager passes say for which process they are. */
static void take_sockets(pid_t parent)
{
    const char *listener = getenv("LISTEN_PID");
    char own[16];

    if (!listener || strtol(listener, NULL, 10) != parent)
        return;
    snprintf(own, sizeof(own), "%d", getpid());
    setenv("LISTEN_PID", own, 1);
}

static int wait_for(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int lower_run(const char *path, char **words, struct genv_error *err)
{
    void (*of_children)(int) = signal(SIGCHLD, SIG_DFL); /* one that is ignored leaves no status */
    pid_t parent = getpid(), child = fork();
    int r;

    if (child == 0) {
        signal(SIGCHLD, of_children);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        take_sockets(parent);
        execv(path, words);
        _exit(127);
    }
    r = child < 0 ? -errno : wait_for(child);
    return r < 0 ? error_set_errno(err, -r, "cannot start the OCI runtime %s", path) : r;
}

static void become_asked(const char *path, char **words, int output)
{
    int null = open("/dev/null", O_RDWR);

    dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execv(path, words);
    _exit(127);
}

int lower_ask(const char *path, char **words, const struct runtime_line *line, const char *const *command,
              char **ret_output)
{
    size_t count = (size_t)(line->command - words), further = 0;
    cleanup_free char **asking = NULL, *output = NULL;
    int ends[2], status, r;
    pid_t child;

    while (command[further])
        further++;
    asking = calloc(count + further + 1, sizeof(*asking));
    if (!asking)
        return -ENOMEM;
    memcpy(asking, words, count * sizeof(*asking));
    memcpy(asking + count, command, further * sizeof(*asking));
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    child = fork();
    if (child == 0)
        become_asked(path, asking, ends[1]);
    close(ends[1]);
    r = child < 0 ? -EAGAIN : file_read(ends[0], OUTPUT_MAX, &output, NULL);
    close(ends[0]);
    status = child < 0 ? -EAGAIN : wait_for(child);
    if (r < 0 || (status != 0 && status != -ECHILD)) /* a caller that ignores its children's ends gets none */
        return -EIO;
    if (ret_output)
        *ret_output = STEAL_POINTER(output);
    return 0;
}
