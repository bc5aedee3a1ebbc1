/* A container's bundle: its config.json, and the folder "genv" beside it. */
#include "container/bundle.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "container/config.h"

#define FOLDER          "genv"
#define ORIGINAL        "original.json"
#define EDITED          "edited"
#define BEGUN           "begun"
#define CONFIG_NAME     "config.json"
#define HASH_SIZE       32 /* of struct bundle, too */
#define EDITED_MAX      (2 * HASH_SIZE)
#define RECORD_MAX      (1024 * 1024)
#define RESOLVE_IN_ROOT 0x10 /* of openat2(2) */

void bundle_release(struct bundle *bundle)
{
    cleanup_closep(&bundle->fd);
    cleanup_closep(&bundle->config_fd);
    free(bundle->path);
    free(bundle->text);
}

/* The folder @name in @parent, made where it is missing, if it is the caller's own: a bundle may lie where others
 * write. */
static int open_folder(int parent, const char *name)
{
    struct stat st;
    int fd;

    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && fchmod(fd, 0755) == 0)
        return fd;
    close(fd);
    return -EPERM;
}

static void hash_of(const char *text, char hash[static HASH_SIZE])
{
    snprintf(hash, HASH_SIZE, "%016llx", (unsigned long long)text_hash(TEXT_HASH_INIT, text));
}

/* Takes what config.json was before genv changed it, if it still is what genv made of it then, with that @hash: a
 * bundle is started again. */
static int take_original(int fd, char **text, size_t *length, char hash[static HASH_SIZE])
{
    cleanup_close int folder = openat(fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_free char *original = NULL, *edited = NULL;
    size_t original_length;

    hash_of(*text, hash);
    if (folder < 0 || file_read_at(folder, EDITED, EDITED_MAX, &edited, NULL) < 0 || !strstr(edited, hash) ||
        file_read_at(folder, ORIGINAL, CONFIG_SIZE_MAX, &original, &original_length) < 0)
        return -ENOENT;
    free(*text);
    *text = STEAL_POINTER(original);
    *length = original_length;
    return 0;
}

static int open_config(const char *config, struct bundle *bundle)
{
    const char *slash = config ? strrchr(config, '/') : NULL;
    cleanup_free char *folder = slash ? strndup(config, (size_t)(slash - config) + 1) : NULL;

    bundle->config_name = slash ? slash + 1 : config ? config : CONFIG_NAME;
    bundle->config_fd =
        config && slash ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : fcntl(bundle->fd, F_DUPFD_CLOEXEC, 0);
    return bundle->config_fd < 0 ? -errno : 0;
}

int bundle_read(const char *path, const char *config, struct bundle *ret_bundle, struct genv_error *err)
{
    struct bundle *bundle = ret_bundle;
    cleanup_close int fd = -1;
    struct stat st;
    int r;

    bundle->path = realpath(path, NULL);
    bundle->fd = bundle->path ? open(bundle->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (bundle->fd < 0)
        return -errno;
    r = open_config(config, bundle);
    if (r < 0)
        return r;
    fd = openat(bundle->config_fd, bundle->config_name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    r = st.st_size > CONFIG_SIZE_MAX ? -EFBIG : file_read(fd, CONFIG_SIZE_MAX, &bundle->text, &bundle->length);
    if (r == -EFBIG)
        return error_set(err, EFBIG, "%s is larger than %d MiB", bundle->config_name, CONFIG_SIZE_MAX / 1024 / 1024);
    bundle->mode = st.st_mode & ALLPERMS;
    bundle->uid = st.st_uid;
    if (r == 0 && take_original(bundle->fd, &bundle->text, &bundle->length, bundle->edited) < 0)
        *bundle->edited = '\0';
    return r;
}

static int refuse(const struct bundle *bundle, int r, struct genv_error *err)
{
    return error_set_errno(err, -r, "cannot write to the container's bundle %s", bundle->path);
}

static void empty(int fd)
{
    cleanup_closedir DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    struct dirent *entry;

    if (dir)
        rewinddir(dir);
    while (dir && (entry = readdir(dir)))
        unlinkat(fd, entry->d_name, 0); /* folders are not there */
}

/* Opens "genv/inside/state" and the folder @name in it. */
static int open_state(int bundle, const char *name)
{
    static const char *const way[] = {FOLDER, "inside", "state"};
    int fd = fcntl(bundle, F_DUPFD_CLOEXEC, 0);

    for (size_t i = 0; fd >= 0 && i <= ARRAY_SIZE(way); i++) {
        int next = open_folder(fd, i < ARRAY_SIZE(way) ? way[i] : name);

        close(fd);
        fd = next;
    }
    return fd;
}

int bundle_make_inside(struct bundle *bundle, const char *const *uuids, char **ret_path, struct genv_error *err)
{
    cleanup_close int envs = open_state(bundle->fd, "envs"), devices = open_state(bundle->fd, "devices");
    cleanup_close int inside = openat(bundle->fd, FOLDER "/inside", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int root = -1;

    if (envs < 0 || devices < 0 || inside < 0)
        return refuse(bundle, envs < 0 ? envs : devices < 0 ? devices : -errno, err);
    empty(envs);
    empty(devices);
    root = open_folder(inside, "root");
    if (root < 0)
        return refuse(bundle, root, err);
    for (; *uuids; uuids++) {
        char name[GENV_UUID_SIZE + sizeof(".lock")];
        cleanup_close int fd = -1;

        snprintf(name, sizeof(name), "%s.lock", *uuids);
        fd = openat(devices, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
        if (fd < 0)
            return refuse(bundle, -errno, err);
    }
    return asprintf(ret_path, "%s/" FOLDER "/inside", bundle->path) < 0 ? error_no_memory(err) : 0;
}

static int leave_out(pid_t pid, char **text, size_t *length)
{
    cleanup_json json_t *record = json_parse(*text, *length, NULL);
    json_t *processes = json_object_get(record, "processes");
    char *rest;

    for (size_t i = json_array_size(processes); i-- > 0;) {
        if (json_integer_value(json_object_get(json_array_get(processes, i), "pid")) == pid)
            json_array_remove(processes, i);
    }
    rest = record ? json_dumps(record, JSON_COMPACT) : NULL;
    if (!rest)
        return record ? -ENOMEM : -EINVAL;
    free(*text);
    *text = rest;
    *length = strlen(rest);
    return 0;
}

int bundle_copy_record(int bundle, const char *state, const char *eid, pid_t leaving, struct genv_error *err)
{
    cleanup_close int source = -1, file = -1, target = open_state(bundle, "envs");
    cleanup_free char *folder = NULL, *text = NULL;
    char name[GENV_EID_MAX + sizeof(".json")];
    struct stat st = {0};
    size_t length;
    int r;

    if (asprintf(&folder, "%s/envs", state) < 0)
        return error_no_memory(err);
    snprintf(name, sizeof(name), "%s.json", eid);
    source = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = source < 0 ? -errno : target < 0 ? target : file_open(source, name, O_RDONLY, &file, &st);
    if (r == 0)
        r = file_read(file, RECORD_MAX, &text, &length);
    if (r == 0 && leaving)
        r = leave_out(leaving, &text, &length);
    if (r == 0)
        r = file_replace(target, name, text, length, st.st_mode & ALLPERMS,
                         st.st_uid == geteuid() ? (uid_t)-1 : st.st_uid, false);
    return r < 0 ? error_set_errno(err, -r, "cannot copy the record of environment %s for its container", eid) : 0;
}

int bundle_write(struct bundle *bundle, const char *text, size_t length, struct genv_error *err)
{
    cleanup_close int folder = open_folder(bundle->fd, FOLDER);
    char hash[HASH_SIZE], hashes[EDITED_MAX];
    int r = folder < 0 ? folder : 0;
    struct stat st;

    if (fstatat(bundle->config_fd, bundle->config_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        return error_set(err, ELOOP, "%s is a symbolic link, which genv does not replace: name the file itself",
                         bundle->config_name);
    hash_of(text, hash);
    snprintf(hashes, sizeof(hashes), "%s\n%s", hash,
             bundle->edited); /* config.json is one of the two, or the original */
    if (r == 0 && unlinkat(folder, BEGUN, 0) < 0 && errno != ENOENT)
        r = -errno;
    if (r == 0)
        r = file_replace(folder, ORIGINAL, bundle->text, bundle->length, 0600, (uid_t)-1, false);
    if (r == 0)
        r = file_replace(folder, EDITED, hashes, strlen(hashes), 0600, (uid_t)-1, false);
    if (r == 0)
        r = file_replace(bundle->config_fd, bundle->config_name, text, length, bundle->mode,
                         bundle->uid == geteuid() ? (uid_t)-1 : bundle->uid, false);
    return r < 0 ? refuse(bundle, r, err) : 0;
}

int bundle_set_begun(int fd)
{
    cleanup_close int folder = open_folder(fd, FOLDER);

    return folder < 0 ? folder : file_replace(folder, BEGUN, "", 0, 0600, (uid_t)-1, false);
}

bool bundle_has_begun(const struct bundle *bundle)
{
    cleanup_close int folder = open_folder(bundle->fd, FOLDER);

    return folder >= 0 && faccessat(folder, BEGUN, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void bundle_restore(int fd)
{
    cleanup_free char *text = NULL;
    char hash[HASH_SIZE];
    struct stat st;
    size_t length;

    if (fstatat(fd, CONFIG_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size <= CONFIG_SIZE_MAX &&
        file_read_at(fd, CONFIG_NAME, CONFIG_SIZE_MAX, &text, &length) == 0 &&
        take_original(fd, &text, &length, hash) == 0)
        file_replace(fd, CONFIG_NAME, text, length, st.st_mode & ALLPERMS,
                     st.st_uid == geteuid() ? (uid_t)-1 : st.st_uid, false);
}

/* The dynamic linker that this program itself was started with; NULL: none. */
static const char *find_linker(void)
{
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR); /* NOLINT(performance-no-int-to-ptr) */
    const size_t count = getauxval(AT_PHNUM);
    const char *base = NULL;

    for (size_t i = 0; headers && i < count; i++) {
        if (headers[i].p_type == PT_PHDR)
            base = (const char *)headers - headers[i].p_vaddr;
        else if (headers[i].p_type == PT_INTERP && base) /* PT_PHDR comes first, as the specification has it */
            return base + headers[i].p_vaddr;
    }
    return NULL;
}

bool bundle_has_linker(const struct bundle *bundle, const char *root)
{
    cleanup_close int folder = openat(bundle->fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC), file = -1;
    const char *linker = find_linker();

    if (folder < 0 || !linker)
        return false;
    file = file_open_resolved(folder, linker, O_PATH, RESOLVE_IN_ROOT); /* an image's links lead nowhere else */
    return file >= 0;
}
