/* posix_spawn() and wait4(): no shell between the clock and the program. */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Starts @argv (found in PATH) with its standard output in @out and its standard error in @err. */
static pid_t start(char *const argv[], int out, int err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        fail("cannot start %s: %s", argv[0], strerror(r));
    return pid;
}

static int null_device(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fail("cannot open /dev/null: %s", strerror(errno));
    return fd;
}

static struct cost wait_for(pid_t pid)
{
    struct cost cost = {0};
    struct rusage usage;
    int status;

    while (wait4(pid, &status, 0, &usage) < 0) {
        if (errno != EINTR)
            fail("cannot wait: %s", strerror(errno));
    }
    cost.rss_kib = usage.ru_maxrss;
    cost.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return cost;
}

struct cost measure(char *const argv[])
{
    int out = null_device();
    double before = now_seconds();
    struct cost cost = wait_for(start(argv, out, STDERR_FILENO));

    cost.seconds = now_seconds() - before;
    return cost;
}

void read_output(char *const argv[], char *text, size_t size)
{
    size_t length = 0;
    ssize_t got;
    int ends[2];
    pid_t pid;
    struct cost cost;

    if (pipe2(ends, O_CLOEXEC) < 0)
        fail("cannot make a pipe: %s", strerror(errno));
    pid = start(argv, ends[1], STDERR_FILENO);
    close(ends[1]);
    while (length < size - 1 && (got = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    cost = wait_for(pid);
    if (cost.status != 0)
        fail("%s %s ended with status %d", argv[0], argv[1] ? argv[1] : "", cost.status);
}

double measure_many(size_t count, char *const *(*argv_of)(size_t i), size_t *ret_succeeded)
{
    pid_t *pids = calloc(count, sizeof(*pids));
    size_t succeeded = 0;
    double seconds;

    if (!pids)
        fail("out of memory");
    seconds = now_seconds();
    for (size_t i = 0; i < count; i++)
        pids[i] = start(argv_of(i), null_device(), null_device());
    for (size_t i = 0; i < count; i++)
        succeeded += wait_for(pids[i]).status == 0;
    seconds = now_seconds() - seconds;
    free(pids);
    *ret_succeeded = succeeded;
    return seconds;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}
