/* The connection file of a Jupyter kernel, looked for without waiting for a file system that does not answer. */
#include "store/kernel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"

#define PATIENCE_MS  200 /* for all files of a listing together */
#define MOUNTS_MAX   (4 << 20)
#define OVERFLOW_UID 65534 /* who owns what has no owner here, as on a server with other users */

/* What is known of a file: 0 and its owner, or an errno. EAGAIN: nothing. */
struct answer {
    int error;
    uid_t uid;
};

static struct answer describe(int fd)
{
    struct statx st;

    if (fd < 0)
        return (struct answer){.error = errno};
    /* Not synchronised: the server has been asked, or is not to be. */
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_UID, &st) < 0)
        return (struct answer){.error = EAGAIN};
    return (struct answer){.uid = st.stx_uid};
}

/* From the kernel's cache alone. */
static struct answer look_up_cached(const char *path)
{
    cleanup_close int fd = file_open_resolved(AT_FDCWD, path, O_PATH | O_NOFOLLOW, FILE_RESOLVE_CACHED);

    return describe(fd);
}

/* In the child, of a program that may have threads: nothing but system calls. It has no descriptor of the caller's,
 * locks above all, and ends by itself, if a file system lets it. */
static _Noreturn void look_up_in_child(const char *path, int output)
{
    const struct itimerval patience = {.it_value = {.tv_usec = 2 * PATIENCE_MS * 1000}};
    struct answer answer;
    sigset_t none;
    int fd;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_REAL, &patience, NULL);
    dup2(output, 0);
    file_close_from(1);
    fd = file_open_resolved(AT_FDCWD, path, O_PATH | O_NOFOLLOW, FILE_RESOLVE_NO_LINKS);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    answer = describe(fd);
    if (answer.error == ELOOP) /* where it leads nobody has looked at */
        answer.error = EAGAIN;
    _exit(write(0, &answer, sizeof(answer)) != sizeof(answer));
}

/* A child of a child, which nobody has to wait for, without a signal to whoever's program this is. */
static void start_looking(const char *path, int output)
{
    pid_t pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, NULL);

    if (pid == 0) {
        if (syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, NULL) == 0)
            look_up_in_child(path, output);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

static struct answer look_up_with_patience(struct kernel_file_look *look, const char *path)
{
    cleanup_close int input = -1, output = -1;
    struct answer answer = {.error = EAGAIN};
    struct pollfd ready = {.events = POLLIN};
    int fds[2];
    int64_t left;

    if (!look->deadline_ms)
        look->deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    left = look->deadline_ms - clock_monotonic_ms();
    if (left <= 0 || pipe2(fds, O_CLOEXEC) < 0)
        return answer;
    ready.fd = input = fds[0];
    output = fds[1];
    start_looking(path, output);
    close(steal_fd(&output));
    while (left > 0 && poll(&ready, 1, (int)left) < 0 && errno == EINTR)
        left = look->deadline_ms - clock_monotonic_ms();
    if (!ready.revents || read(input, &answer, sizeof(answer)) != sizeof(answer))
        answer.error = EAGAIN;
    return answer;
}

static bool is_canonical(const char *path)
{
    return *path == '/' && !strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../");
}

/* The bytes of @path that the mount point @point, escaped as in mountinfo, covers; 0: it is not below it. */
static size_t covered(const char *path, const char *point, size_t length)
{
    size_t at = 0;

    for (size_t i = 0; i < length; i++, at++) {
        char c = point[i];

        if (c == '\\' && i + 3 < length) { /* a space is \040 */
            c = (char)((point[i + 1] - '0') * 64 + (point[i + 2] - '0') * 8 + (point[i + 3] - '0'));
            i += 3;
        }
        if (path[at] != c)
            return 0;
    }
    return at == 1 || path[at] == '/' || !path[at] ? at : 0;
}

/* Whether the path is on a file system in user space that a user, not root, has mounted: they may keep whoever asks it
 * for as long as they like, and a child in it can't be ended. */
static bool is_on_users_file_system(struct kernel_file_look *look, const char *path)
{
    size_t longest = 0;
    bool found = false;

    if (!look->mounts && file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &look->mounts, NULL) < 0)
        return true;
    for (const char *line = look->mounts, *end; *line; line = end + (*end == '\n')) {
        const char *point = line, *type, *user;
        size_t length;

        end = line + strcspn(line, "\n");
        for (int i = 0; point && i < 4; i++) /* "36 35 98:0 / /mount/point rw … - fuse.sshfs source rw,user_id=1000" */
            point = (point = strchr(point, ' ')) ? point + 1 : NULL;
        if (!point || point > end)
            continue;
        length = covered(path, point, strcspn(point, " "));
        if (length < longest || !length)
            continue;
        longest = length;
        type = strstr(point, " - ");
        found = type && type < end && strncmp(type + 3, "fuse", 4) == 0;
        user = found ? strstr(type, "user_id=") : NULL;
        found = found && !(user && user < end && strncmp(user, "user_id=0,", 10) == 0);
    }
    return found;
}

static struct answer look_up(struct kernel_file_look *look, const char *path)
{
    struct answer answer = look_up_cached(path);

    if (answer.error != EAGAIN && answer.error != ENOSYS && answer.error != EPERM && answer.error != EINVAL)
        return answer;
    if (!is_canonical(path) || is_on_users_file_system(look, path))
        return (struct answer){.error = EAGAIN};
    return look_up_with_patience(look, path);
}

/* Whether the directory that keeps us out is @owner's: another's says nothing of a kernel of @owner's. */
static bool is_private_of(struct kernel_file_look *look, const char *path, uid_t owner)
{
    cleanup_free char *prefix = strdup(path);
    struct answer answer = {.error = EACCES};

    while (prefix && answer.error == EACCES && strrchr(prefix, '/') > prefix) {
        *strrchr(prefix, '/') = '\0';
        answer = look_up(look, prefix);
    }
    return answer.error || answer.uid == owner;
}

bool kernel_file_exists(struct kernel_file_look *look, const char *path, uid_t owner)
{
    struct answer answer = look_up(look, path);

    if (answer.error == EACCES)
        return owner == 0 || is_private_of(look, path, owner);
    if (answer.error)
        return answer.error == EAGAIN || answer.error == ENOMEM || answer.error == EMFILE || answer.error == ENFILE;
    return owner == 0 || answer.uid == owner || answer.uid == OVERFLOW_UID;
}

void kernel_file_look_release(struct kernel_file_look *look)
{
    free(look->mounts);
    look->mounts = NULL;
}
