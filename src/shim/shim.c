/* What the shims share: whether there is anything to do, the real program behind one, words for the user. */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

/* What the kernel puts behind the path of a binary that was replaced while it runs: an upgrade. */
static const char deleted[] = " (deleted)";

void shim_complain(const char *message)
{
    cleanup_text struct text line = TEXT_INIT;

    text_addf(&line, "genv: %s\n", message);
    if (!line.failed)
        file_write(STDERR_FILENO, line.data, line.length);
}

static void warn(const char *message, void *data)
{
    cleanup_text struct text line = TEXT_INIT;

    (void)data;
    text_addf(&line, "warning: %s", message);
    if (!line.failed)
        shim_complain(line.data);
}

const struct genv_options shim_options = {.warn = warn};

void shim_init(struct shim *shim, const char *name)
{
    ssize_t length = readlink("/proc/self/exe", shim->folder, sizeof(shim->folder) - 1);
    struct stat st;
    char *slash;

    shim->name = name;
    shim->folder[length < 0 ? 0 : length] = '\0';
    if (length > (ssize_t)strlen(deleted) && strcmp(shim->folder + length - strlen(deleted), deleted) == 0)
        shim->folder[length - (ssize_t)strlen(deleted)] = '\0';
    slash = strrchr(shim->folder, '/');
    if (slash)
        *slash = '\0';
    if (stat("/proc/self/exe", &st) == 0) {
        shim->device = st.st_dev;
        shim->inode = st.st_ino;
    }
}

bool shim_stands_aside(void)
{
    const char *bypass = getenv("GENV_BYPASS"), *eid = getenv("GENV_ENVIRONMENT_ID");

    return !eid || !*eid || (bypass && *bypass && strcmp(bypass, "0") != 0);
}

/* The mark of a shim's file. The linker puts notes at the beginning. */
#define MARK      "a shim of genv: it runs the program of its name that is behind it in PATH"
#define MARK_ROOM 4096

__attribute__((section(".note.genv.shim"), used, aligned(4))) static const struct {
    uint32_t name_size, text_size, type;
    char name[8];
    char text[sizeof(MARK) + 3 - (sizeof(MARK) + 3) % 4]; /* as all notes */
} mark = {sizeof("genv"), sizeof(mark.text), 1, "genv", MARK};

static bool is_marked(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    char start[MARK_ROOM];
    ssize_t length = fd < 0 ? -1 : pread(fd, start, sizeof(start), 0);

    return length > 0 && memmem(start, (size_t)length, MARK, sizeof(MARK) - 1);
}

/* This shim, a link to it, or that of another installation of genv, which would look further and find this one. Those
 * of earlier versions have no mark, and are where these installed them. */
static bool is_shim(const struct shim *shim, const char *path, const struct stat *st)
{
    char resolved[PATH_MAX], suffix[128];
    size_t length = (size_t)snprintf(suffix, sizeof(suffix), "/genv/shims/%s", shim->name);

    if ((st->st_dev == shim->device && st->st_ino == shim->inode) || is_marked(path))
        return true;
    return realpath(path, resolved) && strlen(resolved) >= length &&
           strcmp(resolved + strlen(resolved) - length, suffix) == 0;
}

int shim_find_real(const struct shim *shim, char *ret_file, size_t size)
{
    cleanup_path struct path path = {.file = NULL};
    int result = -ENOENT;

    while (path_next(&path, shim->name)) {
        bool executable = access(path.file, X_OK) == 0;
        struct stat st;

        if (stat(path.file, &st) < 0 || !S_ISREG(st.st_mode) || is_shim(shim, path.file, &st) ||
            strlen(path.file) >= size)
            continue;
        if (executable || result == -ENOENT)
            copy_string(ret_file, size, path.file);
        if (executable)
            return 0;
        result = -EACCES;
    }
    return result;
}

int shim_become(const char *program, char **words)
{
    struct genv_error err = {0};

    execvp(program, words); /* with its slash it searches nothing, and runs scripts without #! as shells do */
    error_set_errno(&err, errno, "%s", program);
    shim_complain(err.message);
    return err.code == ENOENT ? SHIM_NOT_FOUND : SHIM_NOT_EXECUTABLE;
}

int shim_become_real(const struct shim *shim, char **words)
{
    char program[4096], message[128];

    if (shim_find_real(shim, program, sizeof(program)) != -ENOENT)
        return shim_become(program, words);
    snprintf(message, sizeof(message), "%s: command not found", shim->name);
    shim_complain(message);
    return SHIM_NOT_FOUND;
}

bool shim_may_see(uid_t uid)
{
    return geteuid() == uid || geteuid() == 0;
}

int shim_environment(struct genv_env **ret_env, struct genv_error *err)
{
    const char *eid = getenv("GENV_ENVIRONMENT_ID");
    cleanup_shim_env struct genv_env *env = NULL;
    struct genv_error reason = {0};
    struct genv *g;
    int r = genv_eid_validate(eid, err);

    if (r < 0)
        return error_prefix(err, r, "GENV_ENVIRONMENT_ID");
    r = genv_open(&shim_options, &g, err);
    if (r < 0)
        return r;
    r = genv_env_get(g, eid, &env, &reason);
    genv_close(g);
    if (r < 0)
        return error_set(err, reason.code, "%s%s", reason.message,
                         r == -ENOENT ? ": run 'genv deactivate', then 'genv activate'" : "");
    if (!shim_may_see(env->uid))
        return error_set(err, EPERM, "environment %s belongs to another user: run 'genv deactivate'", eid);
    *ret_env = STEAL_POINTER(env);
    return 0;
}

int shim_devices(struct genv_snapshot **ret_snapshot, struct genv_error *err)
{
    struct genv *g;
    int r = genv_open(&shim_options, &g, err);

    if (r < 0)
        return r;
    r = genv_snapshot_take(g, GENV_DEPTH_DEVICES, ret_snapshot, err);
    genv_close(g);
    return r;
}
