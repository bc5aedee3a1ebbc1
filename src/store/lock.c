/* File locks with a time limit, and who holds them. */
#include "store/lock.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/clock.h"
#include "base/proc.h"
#include "base/user.h"

#define STEP_MIN_NS 50000L
#define STEP_MAX_NS 2000000L

static int wait_without_end(int fd, int operation)
{
    while (flock(fd, operation) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* flock(2) knows no time limit, and a library has no signals, threads or children of its own in somebody else's
 * process: it asks again, after steps that grow. */
static int ask_until(int fd, int operation, int64_t deadline_ms)
{
    struct timespec step = {.tv_nsec = STEP_MIN_NS};

    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (clock_monotonic_ms() >= deadline_ms)
            return -EAGAIN;
        nanosleep(&step, NULL);
        step.tv_nsec = 2 * step.tv_nsec < STEP_MAX_NS ? 2 * step.tv_nsec : STEP_MAX_NS;
    }
    return 0;
}

int lock_wait(int fd, int operation, int64_t timeout_ms)
{
    if (timeout_ms < 0)
        return wait_without_end(fd, operation);
    return ask_until(fd, operation, timeout_ms ? clock_monotonic_ms() + timeout_ms : 0);
}

/* 0: nobody can be told. Where the kernel's number of the device is another than that of stat(2), as on btrfs and
 * overlays, no lock is found to be this one. */
static pid_t find_holder(int fd)
{
    cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
    unsigned major_number, minor_number;
    unsigned long long inode;
    char line[256];
    struct stat st;
    int pid;

    if (!locks || fstat(fd, &st) < 0)
        return 0;
    while (fgets(line, sizeof(line), locks)) {
        /* "3: FLOCK  ADVISORY  WRITE 4242 fe:00:1572866 0 EOF"; who waits has "->" before FLOCK */
        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_number, &minor_number, &inode) == 4 &&
            makedev(major_number, minor_number) == st.st_dev && inode == st.st_ino)
            return pid;
    }
    return 0;
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
