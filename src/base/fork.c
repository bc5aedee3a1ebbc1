/* Descriptors that a child of fork(2) does not keep. */
#include "base/fork.h"

#include <pthread.h>
#include <unistd.h>

/* Handlers of fork(2) have no argument: the list is the process's. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct fork_guard *first;
static unsigned count;

static void unlink_guard(struct fork_guard *guard)
{
    if (!guard->link)
        return;
    *guard->link = guard->next;
    if (guard->next)
        guard->next->link = guard->link;
    guard->link = NULL;
}

static void close_now(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void before_fork(void)
{
    pthread_mutex_lock(&mutex);
    count++;
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

static void after_fork_in_child(void)
{
    for (struct fork_guard *guard = first, *next; guard; guard = next) {
        next = guard->next;
        close_now(guard->fd);
        guard->link = NULL;
    }
    first = NULL;
    pthread_mutex_unlock(&mutex);
}

static void begin(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

unsigned fork_count(void)
{
    unsigned forks;

    pthread_once(&once, begin);
    pthread_mutex_lock(&mutex);
    forks = count;
    pthread_mutex_unlock(&mutex);
    return forks;
}

bool fork_guard(struct fork_guard *guard, int *fd, unsigned forks)
{
    bool in_time;

    pthread_mutex_lock(&mutex);
    in_time = count == forks;
    if (in_time) {
        *guard = (struct fork_guard){.fd = fd, .next = first, .link = &first};
        if (first)
            first->link = &guard->next;
        first = guard;
    }
    pthread_mutex_unlock(&mutex);
    if (!in_time)
        close_now(fd);
    return in_time;
}

void fork_release(struct fork_guard *guard)
{
    pthread_mutex_lock(&mutex);
    unlink_guard(guard);
    pthread_mutex_unlock(&mutex);
}

/* At once for a fork: between the two, the number could be another file's already. */
void fork_close(struct fork_guard *guard)
{
    pthread_mutex_lock(&mutex);
    if (guard->link) {
        close_now(guard->fd);
        unlink_guard(guard);
    }
    pthread_mutex_unlock(&mutex);
}
