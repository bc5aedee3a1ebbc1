/* File locks with a time limit, and who holds them. */
#include "store/lock.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/proc.h"
#include "base/user.h"

#define PAUSE_FIRST_NS 200000L  /* the lock is held for about so long */
#define PAUSE_LAST_NS  8000000L /* and a crowd of waiters must not starve the one who holds it */

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int lock_wait(int fd, int operation, int timeout_ms)
{
    long long deadline = now_ms() + timeout_ms;
    long pause = PAUSE_FIRST_NS;

    if (timeout_ms < 0) {
        while (flock(fd, operation) < 0) {
            if (errno != EINTR)
                return -errno;
        }
        return 0;
    }
    /* flock(2) knows no time limit, and a library must not take SIGALRM: ask again after growing pauses. */
    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (now_ms() >= deadline)
            return -EAGAIN;
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        if (pause < PAUSE_LAST_NS)
            pause += pause / 2;
    }
    return 0;
}

static pid_t find_holder(int fd)
{
    cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
    unsigned long long inode;
    char line[256];
    struct stat st;
    int pid;

    if (!locks || fstat(fd, &st) < 0)
        return 0;
    while (fgets(line, sizeof(line), locks)) {
        /* "3: FLOCK  ADVISORY  WRITE 4242 fe:00:1572866 0 EOF"; who waits has "->" before FLOCK */
        if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%llu", &pid, &inode) == 2 && inode == st.st_ino)
            return pid;
    }
    return 0;
}

void lock_describe_holder(int fd, char text[static LOCK_HOLDER_SIZE])
{
    char command[GENV_COMMAND_SIZE], user[GENV_USERNAME_SIZE];
    pid_t pid = find_holder(fd);
    uid_t uid = pid > 0 ? proc_uid(pid) : (uid_t)-1;

    if (uid == (uid_t)-1) {
        snprintf(text, LOCK_HOLDER_SIZE, "another process");
        return;
    }
    proc_command(pid, command, sizeof(command));
    user_name(uid, user, sizeof(user));
    snprintf(text, LOCK_HOLDER_SIZE, "process %d (%s) of %s", pid, command, user);
}
