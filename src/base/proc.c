/* Processes, as /proc tells of them. */
#include "base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

#define ENVIRONMENT_MAX (4 * 1024 * 1024) /* more than the kernel lets exec(2) carry by default */

/* Reads a small file of /proc in one system call. */
static ssize_t read_small(const char *path, char *buffer, size_t size)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, buffer, size - 1);
    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    return n;
}

#define ARGUMENTS_READ           4096 /* of a command line */
#define ENVIRONMENT_LOOKS        5    /* at one that is empty */
#define STATUS_MAX               (4 * 1024 * 1024)
#define INITIAL_PID_NAMESPACE    0xEFFFFFFCULL /* PROC_PID_INIT_INO, of all kernels */
#define MACHINE_ID_LENGTH        32
#define FIELDS_BEFORE_START_TIME 18 /* from field 4, the parent, to field 22; see proc(5) */

int proc_stat_parse(const char *text, struct proc_stat *ret_stat)
{
    const char *rest = strrchr(text, ')'); /* the name before it may hold anything, parentheses too */
    struct proc_stat stat;
    char *end;

    if (!rest || rest[1] != ' ' || !rest[2] || rest[3] != ' ')
        return -EINVAL;
    stat.state = rest[2];
    rest += 4;
    stat.parent = (pid_t)strtol(rest, &end, 10);
    if (end == rest)
        return -EINVAL;
    for (int i = 0; i < FIELDS_BEFORE_START_TIME; i++) {
        rest = strchr(rest, ' ');
        if (!rest)
            return -EINVAL;
        rest++;
    }
    stat.start_time = strtoull(rest, &end, 10);
    if (end == rest)
        return -EINVAL;
    *ret_stat = stat;
    return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret_stat)
{
    char path[32], text[1024];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    n = read_small(path, text, sizeof(text));
    if (n < 0)
        return -ESRCH;
    return proc_stat_parse(text, ret_stat);
}

bool proc_is_alive(pid_t pid, uint64_t start_time)
{
    struct proc_stat stat;

    if (pid <= 0)
        return false;
    if (proc_stat_read(pid, &stat) == 0)
        return stat.state != 'Z' && stat.state != 'X' && (start_time == 0 || stat.start_time == start_time);
    /* /proc may be mounted with hidepid: then only the PID can be asked for. */
    return kill(pid, 0) == 0 || errno == EPERM;
}

int proc_children(pid_t pid, pid_t **ret_children, size_t *ret_count)
{
    cleanup_closedir DIR *directory = opendir("/proc");
    cleanup_free pid_t *children = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;

    if (!directory)
        return -errno;
    while ((entry = readdir(directory))) {
        struct proc_stat stat;
        uint64_t number;

        if (text_to_u64(entry->d_name, INT32_MAX, &number) < 0 || proc_stat_read((pid_t)number, &stat) < 0 ||
            stat.parent != pid || stat.state == 'Z' || stat.state == 'X')
            continue;
        if (count == room) {
            pid_t *larger = realloc(children, (room = room * 2 + 8) * sizeof(*children));

            if (!larger)
                return -ENOMEM;
            children = larger;
        }
        children[count++] = (pid_t)number;
    }
    *ret_children = STEAL_POINTER(children);
    *ret_count = count;
    return 0;
}

bool proc_is_same_program(pid_t pid, pid_t other)
{
    struct stat program, other_program;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    if (stat(path, &program) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/exe", other);
    return stat(path, &other_program) == 0 && program.st_dev == other_program.st_dev &&
           program.st_ino == other_program.st_ino;
}

/* Whether the mask @name of /proc/PID/status has SIGHUP. */
static bool mask_has_hangup(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    return line && strtoull(line + strlen(name), NULL, 16) & 1U << (SIGHUP - 1);
}

bool proc_is_hung_up(pid_t pid)
{
    char path[32], status[4096];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (read_small(path, status, sizeof(status)) < 0)
        return true;
    return (mask_has_hangup(status, "\nSigPnd:") || mask_has_hangup(status, "\nShdPnd:")) &&
           !mask_has_hangup(status, "\nSigIgn:") && !mask_has_hangup(status, "\nSigCgt:");
}

struct timespec proc_began(uint64_t start_time)
{
    struct timespec now = {0}, up = {0};
    int64_t per_second = sysconf(_SC_CLK_TCK), ns;

    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    ns = (now.tv_sec - up.tv_sec) * INT64_C(1000000000) + now.tv_nsec - up.tv_nsec;
    ns += (int64_t)start_time * (INT64_C(1000000000) / per_second);
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

uid_t proc_uid(pid_t pid)
{
    char path[32];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    /* The directory itself turns root's for processes that are not dumpable; its world-readable files too, so ask
     * the status file, which names the effective user, only where the cheap way says root. */
    if (stat(path, &st) < 0)
        return (uid_t)-1;
    if (st.st_uid == 0) {
        char text[2048];
        const char *line;
        unsigned effective;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        if (read_small(path, text, sizeof(text)) > 0 && (line = strstr(text, "\nUid:")) &&
            sscanf(line, "\nUid: %*u %u", &effective) == 1)
            return (uid_t)effective;
    }
    return st.st_uid;
}

uid_t proc_login_uid(pid_t pid)
{
    char path[32], text[16];

    snprintf(path, sizeof(path), "/proc/%d/loginuid", pid); /* where the kernel has it; 4294967295 is none */
    return read_small(path, text, sizeof(text)) > 0 ? (uid_t)strtoul(text, NULL, 10) : (uid_t)-1;
}

void proc_name(pid_t pid, char *name, size_t size)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    if (read_small(path, name, size) < 0)
        *name = '\0';
    name[strcspn(name, "\n")] = '\0';
}

void proc_first_argument(pid_t pid, char *argument, size_t size)
{
    char path[32], words[ARGUMENTS_READ];
    ssize_t length;
    size_t first;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    length = read_small(path, words, sizeof(words));
    first = length > 0 ? strlen(words) + 1 : sizeof(words);
    copy_string(argument, size, length > 0 && first < (size_t)length ? words + first : "");
}

void proc_command(pid_t pid, char *command, size_t size)
{
    char path[32];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    n = read_small(path, command, size);
    if (n <= 0) {
        proc_name(pid, command, size);
        n = (ssize_t)strlen(command);
    }
    if (n < 0)
        n = 0;
    while (n > 0 && (command[n - 1] == '\0' || command[n - 1] == '\n'))
        n--;
    command[n] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        if (command[i] == '\0')
            command[i] = ' ';
    }
    utf8_make_printable(command);
}

/* Whether it has lost its old program and not begun the new one. A process without variables has arguments; a zombie
 * and a thread of the kernel, which have neither, have no program. */
static bool is_executing(pid_t pid)
{
    char path[32], text[2];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    if (read_small(path, text, sizeof(text)) != 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return readlink(path, text, sizeof(text)) > 0;
}

int proc_environment(pid_t pid, char **ret_entries, size_t *ret_length)
{
    char path[32];
    int r;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    for (int looks = ENVIRONMENT_LOOKS; looks > 0; looks--) {
        r = file_read_at(AT_FDCWD, path, ENVIRONMENT_MAX, ret_entries, ret_length);
        if (r < 0)
            return r == -ENOENT ? -ESRCH : -EACCES;
        if (*ret_length)
            return 0;
        if (is_executing(pid)) {
            free(STEAL_POINTER(*ret_entries));
            return -EAGAIN;
        }
        if (looks > 1) /* it may have been, and have begun meanwhile */
            free(STEAL_POINTER(*ret_entries));
    }
    return 0;
}

int proc_variable(pid_t pid, const char *name, char *value, size_t size)
{
    cleanup_free char *text = NULL;
    size_t length, name_length = strlen(name);
    int r = proc_environment(pid, &text, &length);

    if (r < 0)
        return r;
    for (const char *entry = text; entry < text + length; entry += strlen(entry) + 1) {
        if (strncmp(entry, name, name_length) == 0 && entry[name_length] == '=') {
            copy_string(value, size, entry + name_length + 1);
            return 0;
        }
    }
    return -ENOENT;
}

int proc_boot_id(char boot_id[static BOOT_ID_SIZE])
{
    ssize_t n = read_small("/proc/sys/kernel/random/boot_id", boot_id, BOOT_ID_SIZE);

    if (n < 0)
        return (int)n;
    return n == BOOT_ID_SIZE - 1 ? 0 : -EINVAL;
}

void proc_machine(char machine[static MACHINE_SIZE])
{
    char id[MACHINE_ID_LENGTH + 1];
    ssize_t n = read_small("/etc/machine-id", id, sizeof(id));

    *machine = '\0';
    if (n == MACHINE_ID_LENGTH && strspn(id, "0123456789abcdefABCDEF") == MACHINE_ID_LENGTH) /* not "uninitialized" */
        snprintf(machine, MACHINE_SIZE, "%016llx", (unsigned long long)text_hash(TEXT_HASH_INIT, id));
}

void proc_hostname(char *name, size_t size)
{
    if (gethostname(name, size) < 0)
        copy_string(name, size, "localhost");
    utf8_make_printable(name);
}

uint64_t proc_pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) < 0 ? 0 : st.st_ino;
}

/* false: it is in the namespace of the caller, or gone. */
static bool read_nested(pid_t pid, struct proc_nested *ret_nested)
{
    cleanup_free char *text = NULL; /* as long as its user's groups are many */
    const char *line, *innermost;
    char path[32];
    struct proc_stat stat;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (file_read_at(AT_FDCWD, path, STATUS_MAX, &text, NULL) < 0 || !(line = strstr(text, "\nNSpid:")))
        return false;
    line += strlen("\nNSpid:");
    innermost = line + strcspn(line, "\n");
    while (innermost > line && innermost[-1] != '\t')
        innermost--;
    *ret_nested = (struct proc_nested){.pid = pid, .inner = (pid_t)strtol(innermost, NULL, 10)};
    if (innermost == line + 1 || ret_nested->inner <= 0 || proc_stat_read(pid, &stat) < 0 || stat.state == 'Z')
        return false; /* "NSpid:\t4242\n": one number, so one namespace */
    ret_nested->start_time = stat.start_time;
    return true;
}

int proc_nested_compare(const void *left, const void *right)
{
    const struct proc_nested *a = left, *b = right;

    return a->inner < b->inner ? -1 : a->inner > b->inner;
}

int proc_list_nested(struct proc_nested **ret_list, size_t *ret_count)
{
    cleanup_free struct proc_nested *list = NULL;
    struct proc_stat init;
    struct dirent *entry;
    size_t count = 0;
    DIR *proc;

    if (proc_pid_namespace() != INITIAL_PID_NAMESPACE || proc_stat_read(1, &init) < 0)
        return -ENOTSUP;
    proc = opendir("/proc");
    if (!proc)
        return -ENOTSUP;
    while ((entry = readdir(proc))) {
        struct proc_nested nested, *grown;
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 0 || !read_nested(pid, &nested))
            continue;
        grown = reallocarray(list, count + 1, sizeof(*list));
        if (!grown) {
            closedir(proc);
            return -ENOMEM;
        }
        list = grown;
        list[count++] = nested;
    }
    closedir(proc);
    if (count)
        qsort(list, count, sizeof(*list), proc_nested_compare);
    *ret_list = STEAL_POINTER(list);
    *ret_count = count;
    return 0;
}
