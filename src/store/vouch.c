/* What root says of processes that are not their environment's owner's. */
#include "store/vouch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macros.h"
#include "base/proc.h"
#include "store/directory.h"

#define DIRECTORY_NAME "vouched"
#define NAME_SIZE      96

static void make_name(const struct genv_process *process, uid_t uid, bool container, char name[static NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu64 ".%d.%" PRIu64 ".%u%s", process->pid_namespace, process->pid,
             process->start_time, uid, container ? ".container" : "");
}

static bool is_roots_alone(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int vouch_open(int directory)
{
    struct stat st;
    int r =
        file_stat_here(directory, DIRECTORY_NAME, &st); /* first: somebody else's may have something mounted on it */
    int fd;

    if (r < 0)
        return r;
    if (!is_roots_alone(&st))
        return -EPERM;
    fd = openat(directory, DIRECTORY_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && is_roots_alone(&st))
        return fd;
    close(fd);
    return -EPERM;
}

int vouch_make(int directory)
{
    int fd = vouch_open(directory), r;

    if (fd >= 0)
        return fd;
    r = directory_take_away(directory, DIRECTORY_NAME);
    if (r < 0)
        return r;
    r = directory_make(directory, DIRECTORY_NAME, 0755);
    return r < 0 ? r : vouch_open(directory);
}

/* Ours that are gone; those of other namespaces are few, and gone with the boot. */
static void sweep(int fd)
{
    const uint64_t pid_namespace = proc_pid_namespace();
    struct genv_process process;
    struct dirent *entry;
    unsigned uid;
    DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));

    if (!dir)
        return;
    while ((entry = readdir(dir))) {
        if (sscanf(entry->d_name, "%" SCNu64 ".%d.%" SCNu64 ".%u", &process.pid_namespace, &process.pid,
                   &process.start_time, &uid) == 4 &&
            process.pid_namespace == pid_namespace && !proc_is_alive(process.pid, process.start_time))
            unlinkat(fd, entry->d_name, 0);
    }
    closedir(dir);
}

static int vouch(int directory, const char *shown, const struct genv_process *process, uid_t uid, bool container,
                 struct genv_error *err)
{
    cleanup_close int fd = vouch_make(directory), file = -1;
    char name[NAME_SIZE];

    if (fd < 0)
        return error_set_errno(err, -fd, "cannot create %s/" DIRECTORY_NAME, shown);
    sweep(fd);
    make_name(process, uid, container, name);
    file = openat(fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
    return file < 0 ? error_set_errno(err, errno, "cannot create %s/" DIRECTORY_NAME "/%s", shown, name) : 0;
}

int vouch_for(int directory, const char *shown, const struct genv_process *process, uid_t uid, struct genv_error *err)
{
    return vouch(directory, shown, process, uid, false, err);
}

int vouch_for_container(int directory, const char *shown, const struct genv_process *process, uid_t uid,
                        struct genv_error *err)
{
    return vouch(directory, shown, process, uid, true, err);
}

static bool is_vouched(int directory, const struct genv_process *process, uid_t uid, bool container)
{
    cleanup_close int fd = vouch_open(directory);
    char name[NAME_SIZE];

    make_name(process, uid, container, name);
    return fd >= 0 && faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool is_vouched_for(int directory, const struct genv_process *process, uid_t uid)
{
    return is_vouched(directory, process, uid, false);
}

bool is_container_vouched_for(int directory, const struct genv_process *process, uid_t uid)
{
    return is_vouched(directory, process, uid, true);
}
