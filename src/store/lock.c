/* File locks with a time limit, and who holds them. */
#include "store/lock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/proc.h"
#include "base/user.h"

#define STACK_SIZE (64 * 1024)
#define POLL_NS    5000000L

struct wait {
    int fd, operation;
    int result;
};

static int wait_without_end(int fd, int operation)
{
    while (flock(fd, operation) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return 0;
}

static void *wait_in_thread(void *data)
{
    struct wait *wait = data;

    /* flock(2) is no cancellation point, and nothing else happens here. NOLINTNEXTLINE(cert-pos47-c) */
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    wait->result = wait_without_end(wait->fd, wait->operation);
    return NULL;
}

static struct timespec deadline_after(int milliseconds)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += milliseconds / 1000;
    deadline.tv_nsec += milliseconds % 1000 * 1000000L;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

static int start_thread(struct wait *wait, pthread_t *ret_thread)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int r;

    sigfillset(&all); /* the program's signals are handled by its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    r = pthread_create(ret_thread, &attributes, wait_in_thread, wait);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

/* For a process that may not have a thread, at its user's limit of processes. */
static int poll_until(int fd, int operation, struct timespec deadline)
{
    struct timespec now;

    do {
        if (flock(fd, operation | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < deadline.tv_sec || (now.tv_sec == deadline.tv_sec && now.tv_nsec < deadline.tv_nsec));
    return -EAGAIN;
}

/* flock(2) knows no time limit, a library must not take SIGALRM, and asking again and again is slow where hundreds do
 * it: a thread waits in the kernel's queue, and is cancelled when the time is over. */
static int wait_until(int fd, int operation, struct timespec deadline)
{
    struct wait wait = {.fd = fd, .operation = operation, .result = -EAGAIN};
    pthread_t thread;

    if (start_thread(&wait, &thread) < 0)
        return poll_until(fd, operation, deadline);
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline) == ETIMEDOUT) {
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    return wait.result;
}

int lock_wait(int fd, int operation, int timeout_ms)
{
    if (timeout_ms < 0)
        return wait_without_end(fd, operation);
    while (flock(fd, operation | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return timeout_ms ? wait_until(fd, operation, deadline_after(timeout_ms)) : -EAGAIN;
        if (errno != EINTR)
            return -errno;
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
