/* What the unit tests share. */
#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"

static void prepare(void)
{
    static const char *const variables[] = {
        "GENV_TMPDIR",         "GENV_DEVICES", "GENV_MOCK_DEVICE_COUNT", "GENV_MOCK_DEVICE_TOTAL_MEMORY",
        "GENV_ENVIRONMENT_ID", "GENV_LOCK",    "XDG_DATA_HOME",          "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
    };

    for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
        unsetenv(variables[i]);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* whatever nohup(1) or a shell's & have ignored */
    cmocka_set_message_output(CM_OUTPUT_TAP);
}

/* cmocka 1.1.7 prints a skipped test as "not ok 3 # SKIP name", which is a failure in TAP, and has no reason for it. */
static void print_tap(FILE *output)
{
    char line[1024], reason[256] = "", name[256];
    int number;

    while (fgets(line, sizeof(line), output)) {
        if (sscanf(line, "# skipped: %255[^\n]", reason) == 1)
            continue;
        if (sscanf(line, "not ok %d # SKIP %255s", &number, name) == 2)
            printf("ok %d - %s # SKIP %s\n", number, name, reason);
        else
            fputs(line, stdout);
        fflush(stdout);
    }
}

static bool skipped;

void unit_skip(const char *reason)
{
    skipped = true;
    print_message("# skipped: %s\n", reason);
}

/* cmocka leaves a skipped test by a jump, past what would free its memory: nobody looks for leaks then. */
static _Noreturn void finish(int status)
{
    fflush(stdout);
    if (skipped)
        _exit(status);
    exit(status);
}

int unit_main(int (*run_group)(void))
{
    FILE *output;
    int fds[2], status;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        return 1;
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]), close(fds[1]);
        prepare();
        finish(run_group());
    }
    close(fds[1]);
    output = fdopen(fds[0], "r");
    if (!output)
        return 1;
    print_tap(output);
    fclose(output);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int unit_make_directory(void **state)
{
    char template[] = "/tmp/genv-unit-XXXXXX";

    if (!mkdtemp(template) || chmod(template, 0755) < 0)
        return -1;
    *state = strdup(template);
    return *state ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int unit_remove_directory(void **state)
{
    int r = nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return r;
}

char *unit_path(const char *directory, const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

void unit_write(const char *directory, const char *name, const char *text)
{
    cleanup_free char *path = unit_path(directory, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

int unit_count_entries(const char *directory)
{
    cleanup_closedir DIR *dir = opendir(directory);
    int count = -2;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    return count;
}

bool unit_can_be_others(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(setgroups(0, NULL) < 0 || setresgid(USER_B, USER_B, USER_B) < 0 || setresuid(USER_B, USER_B, USER_B) < 0);
    return pid > 0 && unit_wait(pid) == 0;
}

int unit_mount_silent(const char *path, uid_t uid)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    char options[128];
    struct stat st;

    if (fd < 0 || stat(path, &st) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1;
    snprintf(options, sizeof(options), "fd=%d,rootmode=%o,user_id=%u,group_id=%u,allow_other", fd, st.st_mode & S_IFMT,
             uid, uid);
    return mount("silent", path, "fuse", MS_NOSUID | MS_NODEV, options) < 0 ? -1 : fd;
}

static void become(uid_t uid)
{
    if (uid == (uid_t)-1)
        return;
    require(setgroups(0, NULL) == 0);
    require(setresgid(uid, uid, uid) == 0);
    require(setresuid(uid, uid, uid) == 0);
}

pid_t unit_start(uid_t uid, int (*body)(void *data), void *data)
{
    pid_t parent = getpid(), pid;

    fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        for (int i = 0; uid != (uid_t)-1 && proc_uid(pid) != uid && i < 10000; i++)
            usleep(500);
        return pid;
    }
    become(uid);
    prctl(PR_SET_DUMPABLE, 1); /* else /proc/self is root's */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    require(getppid() == parent);
    _exit(body(data));
}

static int wait_without_end(void *data)
{
    (void)data;
    pause();
    return 0;
}

pid_t unit_member(uid_t uid)
{
    static struct {
        uid_t uid;
        pid_t parent, pid;
    } members[2];
    size_t i = uid == USER_B;

    if (uid == geteuid())
        return getpid();
    if (!members[i].pid || members[i].uid != uid || members[i].parent != getpid()) {
        members[i].uid = uid;
        members[i].parent = getpid();
        members[i].pid = unit_start(uid, wait_without_end, NULL);
    }
    return members[i].pid;
}

int unit_wait(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int unit_fork(uid_t uid, int (*body)(void *data), void *data)
{
    return unit_wait(unit_start(uid, body, data));
}

uint64_t unit_random(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15;
    uint64_t number = (*seed ^ *seed >> 30) * 0xbf58476d1ce4e5b9;
    number = (number ^ number >> 27) * 0x94d049bb133111eb;
    return number ^ number >> 31;
}
