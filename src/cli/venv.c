/* Wrapping the interpreters of a virtual environment. */
#include "cli/venv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/file.h"
#include "base/user.h"
#include "shell/shell.h"

#define KEPT_SUFFIX      "-without-genv"
#define MARK             "#!/bin/sh\n# Written by 'genv python --install'"
#define SCRIPT_MAX       65536
#define LOCK_TRIES       100
#define LOCK_INTERVAL_NS (100 * 1000 * 1000)

/* A file in bin that is called like an interpreter. */
struct interpreter {
    char name[NAME_MAX + 1];
    char kept[NAME_MAX + sizeof(KEPT_SUFFIX)];
    char *script;               /* of its wrapper; NULL: it was not wrapped */
    bool kept_now, wrapped_now; /* by this run */
};

struct venv {
    const char *name; /* as the user has given it */
    int bin;          /* locked */
    char path[4096];  /* of bin, absolute */
    struct interpreter *interpreters;
    size_t count;
};

static void venv_close(struct venv *venv)
{
    for (size_t i = 0; i < venv->count; i++)
        free(venv->interpreters[i].script);
    free(venv->interpreters);
    if (venv->bin >= 0)
        close(venv->bin);
}
#define cleanup_venv cleanup_with(venv_close)

/* "python", "python3", "python3.12", of @length bytes */
static bool is_interpreter(const char *name, size_t length)
{
    return length >= 6 && strncmp(name, "python", 6) == 0 && 6 + strspn(name + 6, ".0123456789") >= length;
}

/* The length of @name without the suffix; 0: it has none. */
static size_t kept_length(const char *name)
{
    size_t length = strlen(name), suffix = strlen(KEPT_SUFFIX);

    return length > suffix && strcmp(name + length - suffix, KEPT_SUFFIX) == 0 ? length - suffix : 0;
}

/* Whether the file begins as wrappers do: 1 or 0. -ENOTSUP: it is not a regular file. */
static int is_wrapper(int directory, const char *name, int flags)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
    char text[sizeof(MARK) - 1];
    struct stat st;
    ssize_t length;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ENOTSUP;
    length = pread(fd, text, sizeof(text), 0);
    return length < 0 ? -errno : length == sizeof(text) && memcmp(text, MARK, sizeof(text)) == 0;
}

static int explain(const struct venv *venv, int r, const char *action, const char *name, struct genv_error *err)
{
    if (r == -ELOOP)
        return error_set(err, ELOOP, "'%s/%s' leads to a wrapper: create the virtual environment again", venv->path,
                         name);
    return error_set_errno(err, -r, "cannot %s %s/%s", action, venv->path, name);
}

static int error_gone(const struct venv *venv, const struct interpreter *interpreter, struct genv_error *err)
{
    return error_set(err, ENOENT, "'%s/%s' is gone: create the virtual environment again", venv->path,
                     interpreter->kept);
}

/* One at a time: others may see half of it. */
static int lock(const struct venv *venv, struct genv_error *err)
{
    const struct timespec interval = {.tv_nsec = LOCK_INTERVAL_NS};

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(venv->bin, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(err, errno, "cannot lock %s", venv->path);
        nanosleep(&interval, NULL);
    }
    return error_set(err, EBUSY, "%s is locked: another 'genv python' is changing it", venv->path);
}

/* What somebody else may change is not for the caller to execute or to write to, least of all for root. */
static int check_owner(const struct venv *venv, int fd, struct genv_error *err)
{
    char owner[GENV_USERNAME_SIZE];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set_errno(err, errno, "cannot open '%s'", venv->name);
    if (st.st_uid == geteuid())
        return 0;
    user_name(st.st_uid, owner, sizeof(owner));
    return error_set(err, EPERM, "'%s' belongs to %s: only they can change it", venv->name, owner);
}

static int open_bin(struct venv *venv, struct genv_error *err)
{
    cleanup_close int folder = open(venv->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char link[32];
    ssize_t length;
    int r;

    if (folder < 0 || faccessat(folder, "pyvenv.cfg", F_OK, 0) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return error_set_errno(err, errno, "cannot open '%s'", venv->name);
        return error_set(err, ENOTDIR, "'%s' is not a virtual environment: create one with 'python3 -m venv'",
                         venv->name);
    }
    r = check_owner(venv, folder, err);
    if (r < 0)
        return r;
    venv->bin = openat(folder, "bin", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (venv->bin < 0)
        return error_set_errno(err, errno, "cannot open %s/bin", venv->name);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", venv->bin);
    length = readlink(link, venv->path, sizeof(venv->path));
    if (length < 0 || length == sizeof(venv->path))
        return error_set_errno(err, length < 0 ? errno : ENAMETOOLONG, "cannot open %s/bin", venv->name);
    venv->path[length] = '\0';
    r = check_owner(venv, venv->bin, err);
    return r < 0 ? r : lock(venv, err);
}

static struct interpreter *find(const struct venv *venv, const char *name)
{
    for (size_t i = 0; i < venv->count; i++) {
        if (strcmp(venv->interpreters[i].name, name) == 0)
            return &venv->interpreters[i];
    }
    return NULL;
}

/* Adds the interpreter whose name is the first @length bytes of @name. */
static int add(struct venv *venv, const char *name, size_t length, struct genv_error *err)
{
    struct interpreter *larger, interpreter = {.script = NULL};
    size_t text_length;
    int r;

    snprintf(interpreter.name, sizeof(interpreter.name), "%.*s", (int)length, name);
    snprintf(interpreter.kept, sizeof(interpreter.kept), "%s" KEPT_SUFFIX, interpreter.name);
    if (find(venv, interpreter.name))
        return 0;
    r = is_wrapper(venv->bin, interpreter.name, O_NOFOLLOW);
    if (r == -ENOTSUP)
        return 0; /* a folder */
    if (r < 0 && r != -ELOOP && r != -ENOENT)
        return explain(venv, r, "read", interpreter.name, err);
    larger = realloc(venv->interpreters, (venv->count + 1) * sizeof(*larger));
    if (!larger)
        return error_no_memory(err);
    venv->interpreters = larger;
    if (r == 1)
        r = file_read_at(venv->bin, interpreter.name, SCRIPT_MAX, &interpreter.script, &text_length);
    if (r == -ELOOP || r == -ENOENT) /* a link, or only the second name is left */
        r = 0;
    if (r < 0)
        return explain(venv, r, "read", interpreter.name, err);
    venv->interpreters[venv->count++] = interpreter;
    return 0;
}

/* With @kept, also those of which only the second name is left. */
static int venv_open(struct venv *venv, bool kept, struct genv_error *err)
{
    cleanup_closedir DIR *directory = NULL;
    struct dirent *entry;
    int r = open_bin(venv, err), fd;

    if (r < 0)
        return r;
    fd = openat(venv->bin, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        r = error_set_errno(err, errno, "cannot open %s", venv->path);
        if (fd >= 0)
            close(fd);
        return r;
    }
    for (;;) {
        size_t length;

        errno = 0;
        entry = readdir(directory);
        if (!entry)
            break;
        length = kept ? kept_length(entry->d_name) : 0;
        if (!length)
            length = strlen(entry->d_name);
        if (is_interpreter(entry->d_name, length) && (r = add(venv, entry->d_name, length, err)) < 0)
            return r;
    }
    return errno ? error_set_errno(err, errno, "cannot open %s", venv->path) : 0;
}

/* Reads the link @name. *@ret_alias: it leads to another interpreter of the same folder, such as python3 of python.
 * Returns 0 where it is not a link, 1 where it is. */
static int read_link(const struct venv *venv, const char *name, char target[static PATH_MAX], bool *ret_alias)
{
    ssize_t length = readlinkat(venv->bin, name, target, PATH_MAX - 1);

    *ret_alias = false;
    if (length < 0)
        return errno == EINVAL ? 0 : -errno;
    target[length] = '\0';
    *ret_alias = !strchr(target, '/') && find(venv, target);
    return 1;
}

/* Puts a link to @target in the place of @name. */
static int replace_link(const struct venv *venv, const char *target, const char *name)
{
    char aside[FILE_ASIDE_SIZE];
    int r = file_name_aside(aside);

    if (r < 0)
        return r;
    if (symlinkat(target, venv->bin, aside) < 0)
        return -errno;
    if (renameat(venv->bin, aside, venv->bin, name) == 0)
        return 0;
    r = -errno;
    unlinkat(venv->bin, aside, 0);
    return r;
}

/* Gives the file @name, which is no link, a second one in the place of @kept. */
static int replace_file(const struct venv *venv, const char *name, const char *kept)
{
    char aside[FILE_ASIDE_SIZE];
    int r = file_name_aside(aside);

    if (r < 0)
        return r;
    if (linkat(venv->bin, name, venv->bin, aside, 0) < 0)
        return -errno;
    r = renameat(venv->bin, aside, venv->bin, kept) < 0 ? -errno : 0;
    unlinkat(venv->bin, aside, 0); /* rename(2) leaves it where both are the same file already */
    return r;
}

/* Gives an interpreter its second name, so that there is always one. What had that name before is of an interpreter
 * that has been replaced since: @interpreter is known to be none of our wrappers, and to lead to a file. */
static int keep(const struct venv *venv, const struct interpreter *interpreter)
{
    char target[PATH_MAX], other[PATH_MAX + sizeof(KEPT_SUFFIX)];
    bool alias;
    int r = read_link(venv, interpreter->name, target, &alias);

    if (r <= 0)
        return r < 0 ? r : replace_file(venv, interpreter->name, interpreter->kept);
    r = is_wrapper(venv->bin, interpreter->name, 0);
    if (r < 0)
        return r;
    if (r == 1 && !alias)
        return -ELOOP;
    snprintf(other, sizeof(other), "%s%s", target, alias ? KEPT_SUFFIX : "");
    return replace_link(venv, other, interpreter->kept);
}

/* Puts what was kept of an interpreter in its place again. */
static int restore(const struct venv *venv, const struct interpreter *interpreter)
{
    char target[PATH_MAX];
    bool alias;
    int r = read_link(venv, interpreter->kept, target, &alias);
    size_t length = r == 1 && !strchr(target, '/') ? kept_length(target) : 0;

    if (r < 0)
        return r;
    if (!length || !is_interpreter(target, length))
        return renameat(venv->bin, interpreter->kept, venv->bin, interpreter->name) < 0 ? -errno : 0;
    target[length] = '\0';
    r = replace_link(venv, target, interpreter->name);
    return r < 0 ? r : unlinkat(venv->bin, interpreter->kept, 0) < 0 ? -errno : 0;
}

/* A wrapper has the name by which it was called as its first argument: the interpreter finds its environment by that.
 * The folder may have been moved since, and genv may be gone, as in a container: what nobody has given devices gets
 * none. */
static void add_script(struct text *script, const struct venv *venv, const struct interpreter *interpreter,
                       const char *genv, const char *options)
{
    cleanup_text struct text path = TEXT_INIT;

    text_addf(&path, "%s/%s", venv->path, interpreter->kept);
    text_addf(script, MARK "; 'genv python --uninstall' restores the interpreter.\nkept=${0%%/*}/%s\n",
              interpreter->kept);
    text_add(script, "[ -x \"$kept\" ] || kept=");
    shell_add_quoted(script, SHELL_BASH, path.failed ? "" : path.data);
    text_add(script, "\ngenv=");
    shell_add_quoted(script, SHELL_BASH, genv);
    text_addf(script, "\n[ -x \"$genv\" ] && exec \"$genv\" python%s --wrapped \"$kept\" -- \"$0\" \"$@\"\n", options);
    text_add(script,
             "echo \"genv: $genv is gone: running without devices; create the virtual environment again to undo "
             "'genv python --install'\" >&2\n"
             "CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES--1}\nexport CUDA_VISIBLE_DEVICES\nexec \"$kept\" \"$@\"\n");
    script->failed |= path.failed;
}

static int wrap(const struct venv *venv, struct interpreter *interpreter, const char *genv, const char *options,
                struct genv_error *err)
{
    cleanup_text struct text script = TEXT_INIT;
    int r;

    add_script(&script, venv, interpreter, genv, options);
    if (script.failed)
        return error_no_memory(err);
    if (!interpreter->script) {
        r = keep(venv, interpreter);
        if (r < 0)
            return explain(venv, r, "wrap", interpreter->name, err);
        interpreter->kept_now = true;
    }
    r = file_replace(venv->bin, interpreter->name, script.data, script.length, 0755, (uid_t)-1, false);
    if (r < 0)
        return explain(venv, r, "wrap", interpreter->name, err);
    interpreter->wrapped_now = true;
    return 0;
}

/* What was kept must be there, and must not lead back to a wrapper, as a link of another form may. */
static int check_kept(const struct venv *venv, struct genv_error *err)
{
    for (size_t i = 0; i < venv->count; i++) {
        int r = is_wrapper(venv->bin, venv->interpreters[i].kept, 0);

        if (r == 1)
            r = -ELOOP;
        if (r == -ENOENT)
            return error_gone(venv, &venv->interpreters[i], err);
        if (r < 0)
            return explain(venv, r, "wrap", venv->interpreters[i].name, err);
    }
    return 0;
}

static void roll_back(const struct venv *venv)
{
    for (size_t i = 0; i < venv->count; i++) {
        const struct interpreter *interpreter = &venv->interpreters[i];

        if (interpreter->wrapped_now && interpreter->script)
            file_replace(venv->bin, interpreter->name, interpreter->script, strlen(interpreter->script), 0755,
                         (uid_t)-1, false);
        else if (interpreter->wrapped_now)
            restore(venv, interpreter);
        else if (interpreter->kept_now)
            unlinkat(venv->bin, interpreter->kept, 0); /* a second name of what is in its place */
    }
}

int venv_wrap(const char *folder, const char *genv, const char *options, struct genv_error *err)
{
    cleanup_venv struct venv venv = {.name = folder, .bin = -1};
    int r = venv_open(&venv, false, err);

    if (r == 0 && venv.count == 0)
        r = error_set(err, ENOENT, "'%s' has no interpreter: create it again", folder);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < venv.count; i++)
        r = wrap(&venv, &venv.interpreters[i], genv, options, err);
    if (r == 0)
        r = check_kept(&venv, err);
    if (r < 0)
        roll_back(&venv);
    return r;
}

/* Returns 1 where there was something to undo. */
static int unwrap(const struct venv *venv, const struct interpreter *interpreter, struct genv_error *err)
{
    int r = is_wrapper(venv->bin, interpreter->name, 0);
    bool is_kept = faccessat(venv->bin, interpreter->kept, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (!is_kept && !interpreter->script)
        return 0;
    if (!is_kept || is_wrapper(venv->bin, interpreter->kept, O_NOFOLLOW) == 1)
        return error_gone(venv, interpreter, err);
    if (r == 0) /* of before the virtual environment was made anew */
        r = unlinkat(venv->bin, interpreter->kept, 0) < 0 ? -errno : 0;
    else if (r == 1 || r == -ENOENT)
        r = restore(venv, interpreter);
    return r < 0 ? explain(venv, r, "restore", interpreter->name, err) : 1;
}

int venv_unwrap(const char *folder, struct genv_error *err)
{
    cleanup_venv struct venv venv = {.name = folder, .bin = -1};
    bool found = false;
    int r = venv_open(&venv, true, err);

    for (size_t i = 0; r >= 0 && i < venv.count; i++) {
        r = unwrap(&venv, &venv.interpreters[i], err);
        found |= r == 1;
    }
    if (r >= 0 && !found)
        return error_set(err, ENOENT, "'%s' is not wrapped", folder);
    return r < 0 ? r : 0;
}

int venv_check_kept(const char *file, struct genv_error *err)
{
    int r = is_wrapper(AT_FDCWD, file, 0);

    if (r == -ENOENT)
        return error_set(err, ENOENT, "'%s' is gone: create the virtual environment again", file);
    if (r == 1)
        return error_set(err, ELOOP, "'%s' leads to a wrapper: create the virtual environment again", file);
    return 0; /* what cannot be read can be executed all the same */
}
