/* Tells a user something on his terminals. */
#include "enforce/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <utmpx.h>

#include "base/file.h"
#include "base/text.h"

#define TERMINALS_MAX  64
#define TTY_MAJOR      4 /* of consoles (below minor 64) and serial lines; see devices.txt of the kernel */
#define TTY_SERIAL     64
#define PTS_MAJOR      136
#define PTS_MAJOR_LAST 143
#define PTS_PER_MAJOR  256

struct notice {
    uid_t uid;
    const char *text;
    size_t length;
    dev_t done[TERMINALS_MAX]; /* the terminals that were tried */
    size_t count;
    int written;
};

static bool was_tried(struct notice *notice, dev_t device)
{
    for (size_t i = 0; i < notice->count; i++) {
        if (notice->done[i] == device)
            return true;
    }
    if (notice->count == TERMINALS_MAX)
        return true;
    notice->done[notice->count++] = device;
    return false;
}

/* Opening any other device could set something off. */
static bool is_terminal(dev_t device)
{
    unsigned number = major(device);

    return number == TTY_MAJOR || (number >= PTS_MAJOR && number <= PTS_MAJOR_LAST);
}

/* Looks at @path before it is opened, and opens just that. */
static int open_terminal(struct notice *notice, const char *path)
{
    cleanup_close int node = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char opened[32];
    struct stat st;

    if (node < 0 || fstat(node, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_uid != notice->uid ||
        !is_terminal(st.st_rdev) || was_tried(notice, st.st_rdev))
        return -1;
    snprintf(opened, sizeof(opened), "/proc/self/fd/%d", node);
    return open(opened, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void write_to(struct notice *notice, const char *path)
{
    cleanup_close int fd = open_terminal(notice, path);

    if (fd >= 0 && isatty(fd) && write(fd, notice->text, notice->length) == (ssize_t)notice->length)
        notice->written++;
}

static void write_to_logins(struct notice *notice)
{
    const struct utmpx *entry;

    setutxent();
    while ((entry = getutxent())) {
        char path[sizeof("/dev/") + sizeof(entry->ut_line)];

        if (entry->ut_type != USER_PROCESS)
            continue;
        snprintf(path, sizeof(path), "/dev/%.*s", (int)sizeof(entry->ut_line), entry->ut_line);
        if (!strstr(path, "..")) /* whoever may write utmp shall not lead elsewhere */
            write_to(notice, path);
    }
    endutxent();
}

/* The number of the process's controlling terminal, field 7 of /proc/PID/stat; 0: it has none. */
static dev_t terminal_of(pid_t pid)
{
    cleanup_free char *text = NULL;
    const char *rest;
    char path[32];
    unsigned number;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (file_read_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return 0;
    rest = strrchr(text, ')'); /* the name before it may hold anything */
    if (!rest || sscanf(rest, ") %*c %*d %*d %*d %u", &number) != 1)
        return 0;
    return makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00));
}

static void write_to_process(struct notice *notice, pid_t pid)
{
    dev_t device = terminal_of(pid);
    unsigned high = major(device), low = minor(device);
    char path[32];

    if (high >= PTS_MAJOR && high <= PTS_MAJOR_LAST)
        snprintf(path, sizeof(path), "/dev/pts/%u", (high - PTS_MAJOR) * PTS_PER_MAJOR + low);
    else if (high == TTY_MAJOR && low < TTY_SERIAL)
        snprintf(path, sizeof(path), "/dev/tty%u", low);
    else if (high == TTY_MAJOR)
        snprintf(path, sizeof(path), "/dev/ttyS%u", low - TTY_SERIAL);
    else
        return;
    write_to(notice, path);
}

int notify_user(uid_t uid, const pid_t *pids, size_t count, const char *message)
{
    cleanup_free char *printable = strdup(message), *text = NULL;
    struct notice notice = {.uid = uid};
    sigset_t blocked, before;
    int length;

    if (!printable)
        return 0;
    utf8_make_printable(printable);
    length = asprintf(&text, "\r\n%s\r\n", printable); /* a program may have made the terminal raw */
    if (length < 0) {
        text = NULL;
        return 0;
    }
    notice.text = text;
    notice.length = (size_t)length;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTTOU); /* on our own terminal, with "stty tostop": it would stop us */
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    write_to_logins(&notice);
    for (size_t i = 0; i < count; i++)
        write_to_process(&notice, pids[i]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return notice.written;
}
