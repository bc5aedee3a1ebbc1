/* A shell leaves, and what it has left running stays in the environment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "libgenv/environment.h"
#include "model/record.h"

#define TICK_NS          10000000L /* the grain of start times */
#define PTMX_MAJOR       5
#define PTMX_MINOR       2
#define PTS_MAJOR        136 /* and those behind it, 256 terminals each */
#define PTS_PER_MAJOR    256
#define FDINFO_SIZE      512
#define TERMINAL_OF_PTMX "tty-index:"

static bool is_or_descends_from(pid_t pid, pid_t ancestor)
{
    struct proc_stat stat;

    while (pid > 1 && pid != ancestor && proc_stat_read(pid, &stat) == 0)
        pid = stat.parent;
    return pid == ancestor;
}

/* The pipe that descriptor @name in @directory, /proc/PID/fd, leads to, and which end it is: S_IRUSR or S_IWUSR. */
static bool find_pipe(DIR *directory, const char *name, struct stat *ret_pipe, mode_t *ret_end)
{
    struct stat link;

    if (fstatat(dirfd(directory), name, ret_pipe, 0) < 0 || !S_ISFIFO(ret_pipe->st_mode) ||
        fstatat(dirfd(directory), name, &link, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    *ret_end = link.st_mode & (S_IRUSR | S_IWUSR);
    return true;
}

static DIR *open_descriptors(pid_t pid)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    return opendir(path);
}

/* Whether descriptor @name of @shell, in @directory, is the master of the pseudo-terminal @slave. */
static bool is_master(pid_t shell, DIR *directory, const char *name, const struct stat *slave)
{
    char path[sizeof("/proc/2147483647/fdinfo/") + NAME_MAX];
    cleanup_free char *info = NULL;
    struct stat master;
    const char *line;

    if (!S_ISCHR(slave->st_mode) || major(slave->st_rdev) < PTS_MAJOR ||
        fstatat(dirfd(directory), name, &master, 0) < 0 || !S_ISCHR(master.st_mode) ||
        master.st_rdev != makedev(PTMX_MAJOR, PTMX_MINOR))
        return false;
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", shell, name);
    if (file_read_at(AT_FDCWD, path, FDINFO_SIZE, &info, NULL) < 0 || !(line = strstr(info, TERMINAL_OF_PTMX)))
        return false;
    return strtoul(line + strlen(TERMINAL_OF_PTMX), NULL, 10) ==
           (major(slave->st_rdev) - PTS_MAJOR) * PTS_PER_MAJOR + minor(slave->st_rdev);
}

/* Whether standard input or output of @child is a pipe or a terminal whose other end the shell holds: a coprocess, a
 * helper of its prompt, what copies its output. (A script's own output, kept as another descriptor, is the same end.)
 */
static bool is_coprocess(pid_t shell, pid_t child)
{
    static const char *const standard[] = {"0", "1"};
    cleanup_closedir DIR *ours = open_descriptors(shell), *theirs = open_descriptors(child);
    struct stat pipe, other;
    struct dirent *entry;
    mode_t end, other_end;

    while (ours && theirs && (entry = readdir(ours))) {
        bool is_pipe = find_pipe(ours, entry->d_name, &pipe, &end);

        for (size_t i = 0; *entry->d_name != '.' && i < ARRAY_SIZE(standard); i++) {
            if (is_pipe ? find_pipe(theirs, standard[i], &other, &other_end) && pipe.st_dev == other.st_dev &&
                              pipe.st_ino == other.st_ino && end != other_end
                        : fstatat(dirfd(theirs), standard[i], &other, 0) == 0 &&
                              is_master(shell, ours, entry->d_name, &other))
                return true;
        }
    }
    return false;
}

/* Whether it has entered another environment, as a shell in the shell does. */
static bool is_elsewhere(const struct env_list *list, const struct genv_env *env, pid_t pid)
{
    struct proc_stat stat;

    if (proc_stat_read(pid, &stat) < 0)
        return true;
    for (size_t i = 0; i < list->count; i++) {
        const struct genv_env *other = &list->envs[i];

        for (size_t k = 0; other != env && k < other->process_count; k++) {
            if (other->processes[k].pid == pid && other->processes[k].start_time == stat.start_time)
                return true;
        }
    }
    return false;
}

/* Whether @child was started in @env. A fork of the shell that has executed nothing shows the variables that the shell
 * itself began with, and one that is executing its program at this moment none: of these only the time tells. */
static bool was_started_in(const struct genv_env *env, pid_t shell, pid_t child)
{
    char eid[GENV_EID_MAX + 1];
    struct timespec began;
    struct proc_stat stat;
    int r =
        proc_is_same_program(child, shell) ? -EAGAIN : proc_variable(child, "GENV_ENVIRONMENT_ID", eid, sizeof(eid));

    if (r != -EAGAIN)
        return r == 0 && strcmp(eid, env->eid) == 0;
    if (proc_stat_read(child, &stat) < 0)
        return false;
    began = proc_began(stat.start_time);
    began.tv_nsec += TICK_NS;
    return began.tv_sec > env->created.tv_sec ||
           (began.tv_sec == env->created.tv_sec && began.tv_nsec >= env->created.tv_nsec);
}

static bool is_heir(const struct genv *g, const struct env_list *list, const struct genv_env *env, pid_t shell,
                    pid_t child)
{
    return proc_uid(child) == env->uid && handle_may_change(g, env->uid) && was_started_in(env, shell, child) &&
           !is_elsewhere(list, env, child) && !is_or_descends_from(getpid(), child) && !is_coprocess(shell, child) &&
           !proc_is_hung_up(child);
}

/* Registers those of @children that inherit, which is what remains of them, ended by 0. */
static int register_heirs(struct genv *g, const struct env_list *list, struct genv_env *env, pid_t shell,
                          pid_t *children, size_t count, struct genv_error *err)
{
    size_t kept = 0;
    int r;

    for (size_t i = 0; i < count; i++) {
        if (!is_heir(g, list, env, shell, children[i]))
            continue;
        r = environment_register(g, env, &(struct genv_member){.pid = children[i]}, err);
        if (r == -ENOMEM)
            return r;
        if (r == 0) /* it may have ended just now */
            children[kept++] = children[i];
    }
    children[kept] = 0;
    return 0;
}

static int hand_over(struct genv *g, const struct env_list *list, struct genv_env *env, pid_t shell, pid_t *children,
                     size_t count, struct genv_error *err)
{
    cleanup_env_content struct genv_env before = {0};
    bool left;
    int r;

    r = record_check_changeable(env, err);
    if (r < 0)
        return r;
    if (env_copy(env, &before) < 0)
        return error_no_memory(err);
    r = register_heirs(g, list, env, shell, children, count, err);
    if (r < 0)
        return r;
    left = env_remove_process(env, shell, proc_pid_namespace());
    if (!left && !*children)
        return error_set(err, ENOENT, "process %d is not in environment %s", shell, env->eid);
    if (env->process_count || env->kernel_count)
        return handle_commit(g, &before, env, GENV_REASON_ASKED, err);
    return handle_commit(g, &before, NULL, GENV_REASON_LEFT, err);
}

GENV_PUBLIC int genv_hand_over(struct genv *g, const char *eid, pid_t pid, pid_t **ret_children, struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    cleanup_free pid_t *children = NULL, *terminated = NULL;
    struct genv_env *env;
    size_t count = 0;
    int r;

    proc_children(pid, &children, &count); /* none, where /proc does not tell */
    terminated = realloc(children, (count + 1) * sizeof(*children));
    if (!terminated)
        return error_no_memory(err);
    children = NULL;
    r = handle_begin(g, STORE_WRITE, &list, err);
    if (r < 0)
        return r;
    r = handle_find_own(g, &list, eid, &env, err);
    if (r == 0)
        r = hand_over(g, &list, env, pid, terminated, count, err);
    handle_end(g);
    if (r == 0 && ret_children)
        *ret_children = STEAL_POINTER(terminated);
    return r;
}

static bool is_member(const struct genv_env *env, pid_t pid)
{
    for (size_t i = 0; i < env->process_count; i++) {
        if (env->processes[i].pid == pid && env->processes[i].pid_namespace == proc_pid_namespace())
            return true;
    }
    return false;
}

/* Fills @heirs with those of @left that no other one of them has started: the children, as far as can be told. */
static size_t find_orphans(const pid_t *left, size_t count, pid_t *heirs)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        struct proc_stat stat;
        bool orphan = proc_stat_read(left[i], &stat) == 0;

        for (size_t k = 0; orphan && k < count; k++)
            orphan = left[k] != stat.parent;
        if (orphan)
            heirs[found++] = left[i];
    }
    return found;
}

GENV_PUBLIC int genv_hand_over_for(struct genv *g, pid_t shell, const pid_t *left, struct genv_error *err)
{
    cleanup_env_list struct env_list list = {0};
    cleanup_free pid_t *heirs = NULL;
    size_t count = 0;
    int r;

    while (left[count])
        count++;
    heirs = malloc((count + 1) * sizeof(*heirs));
    if (!heirs)
        return error_no_memory(err);
    store_spare(g->store, shell);
    r = handle_begin(g, STORE_WRITE, &list, err);
    store_spare(g->store, 0);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        struct genv_env *env = &list.envs[i];

        if (!is_member(env, shell) || !handle_may_change(g, env->uid))
            continue;
        r = hand_over(g, &list, env, shell, heirs, find_orphans(left, count, heirs), err);
    }
    handle_end(g);
    return r;
}
