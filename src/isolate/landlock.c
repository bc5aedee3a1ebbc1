/* The wall of Landlock.
 *
 * Landlock's rules only give: what a rule gives to a folder holds for everything below it. "All but these nodes" is
 * therefore written as what surrounds them. On the way from / down to each folder with such nodes, everything that is
 * not on the way gets all rights, and in the folder itself everything else does. Something that appears in one of these
 * folders (/, /dev) later has no rights; what appears anywhere else has them. So where nodes are mounted a second time,
 * the folders on the way there must not be such that the caller makes files in. */
#include "isolate/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <mntent.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/node.h"
#include "base/text.h"

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

#define ABI_WITH_REFER     2 /* Linux 5.19; without it, nothing could be renamed or linked across folders */
#define ABI_WITH_IOCTL_DEV 5 /* Linux 6.10 */

#define DEVICES        "/dev"
#define MOUNTS         "/proc/self/mounts"
#define MOUNT_SIZE_MAX 8192 /* of a line of it; getmntent_r(3) cuts longer ones */

struct wall {
    const struct landlock_plan *plan;
    int ruleset;
    uint64_t rights; /* of whatever may be opened */
    char **folders;  /* with nodes in them that may not; without links */
    size_t folder_count;
};

static void wall_release(struct wall *wall)
{
    for (size_t i = 0; i < wall->folder_count; i++)
        free(wall->folders[i]);
    free(wall->folders);
    if (wall->ruleset >= 0)
        close(wall->ruleset);
}

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int landlock_check(struct genv_error *err)
{
    int abi = landlock_abi();

    if (abi >= ABI_WITH_REFER)
        return 0;
    if (abi > 0)
        return error_set(err, ENOTSUP,
                         "cannot isolate: this kernel's Landlock is too old (Linux 5.19 has a new enough "
                         "one)");
    if (errno == EOPNOTSUPP)
        return error_set(err, ENOTSUP,
                         "cannot isolate: Landlock is disabled on this machine (an administrator can "
                         "enable it with 'lsm=landlock,...' on the kernel's command line)");
    if (errno == ENOSYS)
        return error_set(err, ENOTSUP, "cannot isolate: this kernel has no Landlock (Linux 5.19 and newer have it)");
    return error_set(err, ENOTSUP, "cannot isolate: Landlock cannot be used here: %s", strerror(errno));
}

static bool is_closed(const struct wall *wall, const struct stat *st)
{
    if (!node_is_gpu(st))
        return false;
    for (size_t i = 0; i < wall->plan->open_count; i++) {
        if (wall->plan->open[i] == (int)minor(st->st_rdev))
            return false;
    }
    return true;
}

/* Root, who can write anywhere, makes files where everybody does. */
static bool makes_files_in(const char *folder)
{
    struct stat st;

    if (geteuid() != 0)
        return access(folder, W_OK) == 0;
    return stat(folder, &st) == 0 && st.st_mode & S_IWOTH;
}

/* New files in @folder itself matter as little as in /dev. */
static int check_way(const char *folder, struct genv_error *err)
{
    char way[PATH_MAX];
    char *slash;

    copy_string(way, sizeof(way), folder);
    while ((slash = strrchr(way, '/')) && slash > way) {
        *slash = '\0';
        if (makes_files_in(way))
            return error_set(err, EBUSY,
                             "cannot isolate: GPUs are also in %s, and closing them would close %s to new files: "
                             "unmount them there",
                             folder, way);
    }
    return 0;
}

static int add_folder(struct wall *wall, const char *path)
{
    char *folder = realpath(path, NULL);
    char **folders = folder ? reallocarray(wall->folders, wall->folder_count + 1, sizeof(*folders)) : NULL;

    if (!folders) {
        free(folder);
        return folder ? -ENOMEM : -errno;
    }
    wall->folders = folders;
    folders[wall->folder_count++] = folder;
    return 0;
}

/* Whether nodes that are closed lie in the folder, under the names that the driver gives them. */
static bool has_closed(const struct wall *wall, const char *folder)
{
    cleanup_close int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[32];
    struct stat st;

    for (size_t i = 0; fd >= 0 && i < wall->plan->closed_count; i++) {
        snprintf(name, sizeof(name), "nvidia%d", wall->plan->closed[i]);
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_closed(wall, &st))
            return true;
    }
    return false;
}

/* Adds the folder of a node that is mounted by itself, the mounted folder, or "dev" in it. */
static int add_mount(struct wall *wall, char *path)
{
    char dev[PATH_MAX];
    char *slash = strrchr(path, '/');
    struct stat st;
    int r = 0;

    if (lstat(path, &st) == 0 && is_closed(wall, &st) && slash) {
        *slash = '\0';
        return add_folder(wall, *path ? path : "/");
    }
    if (has_closed(wall, path))
        r = add_folder(wall, path);
    if (r == 0 && snprintf(dev, sizeof(dev), "%s/dev", path) < (int)sizeof(dev) && has_closed(wall, dev))
        r = add_folder(wall, dev);
    return r;
}

/* Looks where the kernel or root puts nodes: a file system of another type holds none, or is on a server that may never
 * answer. */
static int find_folders(struct wall *wall, struct genv_error *err)
{
    cleanup_free char *line = malloc(MOUNT_SIZE_MAX);
    struct mntent entry;
    FILE *mounts;
    int r = line ? add_folder(wall, DEVICES) : -ENOMEM;

    if (r < 0)
        return error_set_errno(err, -r, "cannot isolate: cannot look at %s", DEVICES);
    mounts = setmntent(MOUNTS, "re");
    if (!mounts)
        return error_set_errno(err, errno, "cannot isolate: cannot open %s", MOUNTS);
    while (r == 0 && getmntent_r(mounts, &entry, line, MOUNT_SIZE_MAX)) {
        bool holds_nodes = strcmp(entry.mnt_type, "devtmpfs") == 0 || strcmp(entry.mnt_type, "tmpfs") == 0;

        if (holds_nodes && !hasmntopt(&entry, "nodev"))
            r = add_mount(wall, entry.mnt_dir);
    }
    endmntent(mounts);
    if (r < 0)
        return error_set_errno(err, -r, "cannot isolate: cannot look at what is mounted");
    for (size_t i = 1; r == 0 && i < wall->folder_count; i++) {
        if (strcmp(wall->folders[i], *wall->folders) != 0)
            r = check_way(wall->folders[i], err);
    }
    return r;
}

/* Whether the folder @path is one with closed nodes, or on the way to one. */
static bool is_on_the_way(const struct wall *wall, const char *path)
{
    size_t length = strlen(path);

    for (size_t i = 0; i < wall->folder_count; i++) {
        const char *folder = wall->folders[i];

        if (strncmp(folder, path, length) == 0 && (folder[length] == '\0' || folder[length] == '/'))
            return true;
    }
    return false;
}

static int give(const struct wall *wall, int fd, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};

    if (syscall(SYS_landlock_add_rule, wall->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
        return 0;
    return errno == EBADFD ? 0 : -errno; /* the kernel's own file, as of a namespace, which no wall is about */
}

static int give_around(const struct wall *wall, int directory, const char *path);

/* @path, "" for /, is the folder's. */
static int give_entry(const struct wall *wall, int directory, const char *path, const char *name)
{
    cleanup_close int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char entry[PATH_MAX];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) || is_closed(wall, &st))
        return 0; /* what cannot be given stays closed */
    if (S_ISDIR(st.st_mode) && snprintf(entry, sizeof(entry), "%s/%s", path, name) < (int)sizeof(entry) &&
        is_on_the_way(wall, entry))
        return give_around(wall, fd, entry);
    return give(wall, fd, wall->rights);
}

static int give_around(const struct wall *wall, int directory, const char *path)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_closedir DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    int r = 0;

    if (!folder) {
        r = -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    while (r == 0 && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = give_entry(wall, fd, path, entry->d_name);
    }
    return r;
}

static int give_all_but_nodes(const struct wall *wall)
{
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = root < 0 ? -errno : give_around(wall, root, "");

    return r < 0 ? r : give(wall, root, LANDLOCK_ACCESS_FS_REFER);
}

/* Nobody below makes device nodes: root would make another one of the same GPU. */
static int make_ruleset(struct wall *wall)
{
    struct {
        uint64_t handled_access_fs; /* all that is needed of struct landlock_ruleset_attr, which grows */
    } rules;

    wall->rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (landlock_abi() >= ABI_WITH_IOCTL_DEV)
        wall->rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    rules.handled_access_fs = wall->rights | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_MAKE_CHAR;
    wall->ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    return wall->ruleset < 0 ? -errno : 0;
}

/* Root can do without no_new_privs, which would stop sudo and the like. -1 and errno. */
static int restrict_self(const struct wall *wall)
{
    int r = (int)syscall(SYS_landlock_restrict_self, wall->ruleset, 0);

    if (r == 0 || errno != EPERM)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_landlock_restrict_self, wall->ruleset, 0);
}

int landlock_confine(const struct landlock_plan *plan, struct genv_error *err)
{
    cleanup_with(wall_release) struct wall wall = {.plan = plan, .ruleset = -1};
    int r = landlock_check(err);

    if (r == 0)
        r = find_folders(&wall, err);
    if (r < 0)
        return r;
    r = make_ruleset(&wall);
    if (r == 0)
        r = give_all_but_nodes(&wall);
    if (r < 0)
        return error_set_errno(err, -r, "cannot isolate: cannot tell Landlock what may be opened");
    if (restrict_self(&wall) < 0)
        return error_set_errno(err, errno, "cannot isolate: the kernel refuses the wall");
    return 0;
}
