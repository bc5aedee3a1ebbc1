/* File locks with a time limit, and who holds them. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/text.h"
#include "base/user.h"

#define STEP_MIN_NS               50000L
#define STEP_MAX_NS               2000000L
#define STEP_MAX_INTERRUPTIBLE_NS 10000000L /* who waits so may wait for hours */

static int wait_without_end(int fd, int operation)
{
    while (flock(fd, operation) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* flock(2) knows no time limit, and a library has no signals, threads or children of its own in somebody else's
 * process: it asks again, after steps that grow. A signal that comes between two system calls interrupts neither, so
 * @interrupt is asked after a while as well. */
static int ask_until(int fd, int operation, int64_t deadline_ms, const struct interrupt *interrupt)
{
    const long step_max_ns = interrupt_is_set(interrupt) ? STEP_MAX_INTERRUPTIBLE_NS : STEP_MAX_NS;
    struct timespec step = {.tv_nsec = STEP_MIN_NS};
    int64_t now_ms, asked_ms = clock_monotonic_ms();

    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        now_ms = clock_monotonic_ms();
        if (now_ms >= deadline_ms)
            return -EAGAIN;
        if (nanosleep(&step, NULL) < 0 || now_ms - asked_ms >= INTERRUPT_INTERVAL_MS) {
            asked_ms = now_ms;
            if (interrupt_ask(interrupt))
                return -ECANCELED;
        }
        step.tv_nsec = 2 * step.tv_nsec < step_max_ns ? 2 * step.tv_nsec : step_max_ns;
    }
    return 0;
}

int lock_wait_interruptibly(int fd, int operation, int64_t timeout_ms, const struct interrupt *interrupt)
{
    if (timeout_ms < 0 && !interrupt_is_set(interrupt))
        return wait_without_end(fd, operation);
    if (timeout_ms < 0)
        return ask_until(fd, operation, INT64_MAX, interrupt);
    return ask_until(fd, operation, timeout_ms ? clock_monotonic_ms() + timeout_ms : 0, interrupt);
}

int lock_wait(int fd, int operation, int64_t timeout_ms)
{
    return lock_wait_interruptibly(fd, operation, timeout_ms, NULL);
}

/* Whether the line @text, of /proc/locks or behind "lock:" in fdinfo, is of a flock() on that file, by process
 * *@ret_pid: "3: FLOCK  ADVISORY  WRITE 4242 fe:00:1572866 0 EOF"; who waits has "->" before FLOCK. Where the kernel's
 * number of the device is another than that of stat(2), as on btrfs and overlays, no lock is found to be this one. */
static bool is_lock_on(const char *text, const struct stat *st, pid_t *ret_pid)
{
    unsigned major_number, minor_number;
    unsigned long long inode;

    return sscanf(text, "%*d: FLOCK %*s %*s %d %x:%x:%llu", ret_pid, &major_number, &minor_number, &inode) == 4 &&
           makedev(major_number, minor_number) == st->st_dev && inode == st->st_ino;
}

/* Who took it, or 0. */
static pid_t find_taker(const struct stat *st)
{
    cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
    char line[256];
    pid_t pid;

    while (locks && fgets(line, sizeof(line), locks)) {
        if (is_lock_on(line, st, &pid))
            return pid;
    }
    return 0;
}

static bool has_lock(int directory, const char *descriptor, const struct stat *st)
{
    cleanup_close int fd = openat(directory, descriptor, O_RDONLY | O_CLOEXEC);
    cleanup_fclose FILE *info = fd < 0 ? NULL : fdopen(fd, "r");
    char line[256];
    pid_t pid;

    if (info)
        steal_fd(&fd);
    while (info && fgets(line, sizeof(line), info)) {
        if (strncmp(line, "lock:", strlen("lock:")) == 0 && is_lock_on(line + strlen("lock:"), st, &pid))
            return true;
    }
    return false;
}

/* 1 or 0: whether a descriptor of the process holds the lock; -EACCES and so on: that can't be seen. What its
 * descriptors lead to is not looked at, which may be a file system that does not answer. */
static int holds(pid_t pid, const struct stat *st)
{
    char path[64];
    cleanup_closedir DIR *descriptors = NULL;
    struct dirent *entry;
    int found = 0;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
    descriptors = opendir(path);
    if (!descriptors)
        return -errno;
    while (!found && (entry = readdir(descriptors)))
        found = entry->d_name[0] != '.' && has_lock(dirfd(descriptors), entry->d_name, st);
    return found;
}

/* 0: nobody that can be seen. */
static pid_t search_holder(const struct stat *st)
{
    cleanup_closedir DIR *processes = opendir("/proc");
    struct dirent *entry;
    uint64_t pid;

    while (processes && (entry = readdir(processes))) {
        if (text_to_u64(entry->d_name, INT32_MAX, &pid) == 0 && (pid_t)pid != getpid() && holds((pid_t)pid, st) == 1)
            return (pid_t)pid;
    }
    return 0;
}

/* 0: nobody can be told. Who took the lock may have ended, and its number be another's, while a child still holds it;
 * but who may not look there is told of the taker. */
static pid_t find_holder(int fd)
{
    struct stat st;
    pid_t taker;
    int r = 0;

    if (fstat(fd, &st) < 0)
        return 0;
    taker = find_taker(&st); /* a PID namespace does not show locks of those that have ended */
    if (taker > 0)
        r = holds(taker, &st);
    return r == 1 || r == -EACCES ? taker : search_holder(&st);
}

bool lock_describe_holder(int fd, char text[static LOCK_HOLDER_SIZE])
{
    char command[GENV_COMMAND_SIZE], user[GENV_USERNAME_SIZE];
    pid_t pid = find_holder(fd);
    uid_t uid = pid > 0 ? proc_uid(pid) : (uid_t)-1;

    if (uid == (uid_t)-1) {
        snprintf(text, LOCK_HOLDER_SIZE, "another process");
        return false;
    }
    proc_command(pid, command, sizeof(command));
    user_name(uid, user, sizeof(user));
    snprintf(text, LOCK_HOLDER_SIZE, "process %d (%s) of %s", pid, command, user);
    return true;
}
