/* Interpreters of Python: what their arguments ask for, and wrapping those of a virtual environment. */
#include "cli/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "shell/shell.h"

#define KEPT_SUFFIX "-without-genv"

/* Modules and scripts that need no devices: of packages, of source code, and of the editors themselves. */
static const char *const modules[] = {
    "autopep8", "black",       "compileall", "debugpy.adapter", "ensurepip", "flake8", "isort",      "mypy",
    "pip",      "pycodestyle", "pydoc",      "pylint",          "ruff",      "venv",   "virtualenv",
};
static const char *const scripts[] = {
    "debugpy/adapter", /* Visual Studio Code */
    "create_venv.py",
    "get_output_via_markers.py",
    "installed_check.py",
    "interpreterInfo.py",
    "lsp_runner.py",
    "lsp_server.py",
    "normalizeSelection.py",
    "printEnvVariables.py",
    "extra_syspath.py", /* PyCharm */
    "generator3/__main__.py",
    "packaging_tool.py",
    "syspath.py",
};

/* Whether @path ends with @names, one or several, and not in the middle of a name. */
static bool ends_with(const char *path, const char *names)
{
    size_t length = strlen(path), part = strlen(names);

    return length >= part && strcmp(path + length - part, names) == 0 &&
           (length == part || path[length - part - 1] == '/');
}

/* "pip", "pip3", "pip3.12": the programs that a virtual environment has. */
static bool is_pip(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return strncmp(name, "pip", 3) == 0 && name[3 + strspn(name + 3, ".0123456789")] == '\0';
}

static bool script_needs_none(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        if (ends_with(path, scripts[i]))
            return true;
    }
    return is_pip(path);
}

static bool module_needs_none(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(modules); i++) {
        if (strcmp(modules[i], name) == 0)
            return true;
    }
    return false;
}

bool interpreter_needs_no_devices(char *const *words)
{
    for (; *words; words++) {
        const char *word = *words;

        if (word[0] != '-' || !word[1])
            return script_needs_none(word);
        if (strcmp(word, "--") == 0)
            return words[1] && script_needs_none(words[1]);
        if (strcmp(word, "--check-hash-based-pycs") == 0) {
            if (!*++words)
                return true;
            continue;
        }
        if (word[1] == '-') /* --version, --help, --help-env */
            return true;
        for (const char *letter = word + 1; *letter; letter++) {
            if (strchr("IVch?", *letter))
                return true;
            if (*letter == 'm')
                return module_needs_none(letter[1] ? letter + 1 : words[1]);
            if (strchr("WX", *letter)) { /* with a value */
                words += !letter[1] && words[1];
                break;
            }
        }
    }
    return false;
}

/* "python", "python3", "python3.12" */
static bool is_interpreter(const char *name)
{
    return strncmp(name, "python", 6) == 0 && name[6 + strspn(name + 6, ".0123456789")] == '\0';
}

/* The other name in the same folder that @name is a link to, such as python3 of python. False: it is no such link. */
static bool read_alias(int bin, const char *name, char target[static NAME_MAX + 1])
{
    ssize_t length = readlinkat(bin, name, target, NAME_MAX + 1);

    if (length <= 0 || length > NAME_MAX || memchr(target, '/', (size_t)length))
        return false;
    target[length] = '\0';
    return true;
}

static const char mark[] = "#!/bin/sh\n# Written by 'genv python --install'";

static bool is_wrapped(int bin, const char *name)
{
    cleanup_free char *text = NULL;
    size_t length;

    return file_read_at(bin, name, 65536, &text, &length) == 0 && strncmp(text, mark, sizeof(mark) - 1) == 0;
}

/* Gives the interpreter a second name first, so that at no moment there is none. */
static int keep(int bin, const char *name, const char *kept)
{
    char target[NAME_MAX + 1], other[NAME_MAX + sizeof(KEPT_SUFFIX)];

    if (is_wrapped(bin, name))
        return faccessat(bin, kept, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    if (unlinkat(bin, kept, 0) < 0 && errno != ENOENT) /* of before the environment was made anew */
        return -errno;
    if (!read_alias(bin, name, target))
        return linkat(bin, name, bin, kept, 0) < 0 ? -errno : 0;
    snprintf(other, sizeof(other), "%s" KEPT_SUFFIX, target);
    return symlinkat(other, bin, kept) < 0 ? -errno : 0;
}

/* Puts @kept in the place of @name again. */
static int restore(int bin, const char *name, const char *kept)
{
    char target[NAME_MAX + 1], aside[FILE_ASIDE_SIZE];
    size_t length;
    int r;

    if (!read_alias(bin, kept, target))
        return renameat(bin, kept, bin, name) < 0 ? -errno : 0;
    length = strlen(target);
    if (length > strlen(KEPT_SUFFIX))
        target[length - strlen(KEPT_SUFFIX)] = '\0';
    r = file_name_aside(aside);
    if (r < 0)
        return r;
    if (symlinkat(target, bin, aside) < 0 || renameat(bin, aside, bin, name) < 0 || unlinkat(bin, kept, 0) < 0)
        return -errno;
    return 0;
}

/* A wrapper has the name by which it was called as its first argument: the interpreter finds its environment by that.
 */
static void add_script(struct text *script, const char *genv, const char *options, const char *kept)
{
    text_addf(script, "%s; 'genv python --uninstall' restores the interpreter.\nexec ", mark);
    shell_add_quoted(script, SHELL_BASH, genv);
    text_addf(script, " python%s --wrapped ", options);
    shell_add_quoted(script, SHELL_BASH, kept);
    text_add(script, " -- \"$0\" \"$@\"\n");
}

struct folder {
    DIR *bin;
    char path[4096]; /* absolute */
};

static void folder_close(struct folder *folder)
{
    if (folder->bin)
        closedir(folder->bin);
}
#define cleanup_folder cleanup_with(folder_close)

/* The folder with the interpreters of @venv. */
static int folder_open(struct folder *folder, const char *venv, struct genv_error *err)
{
    cleanup_text struct text path = TEXT_INIT;

    text_addf(&path, "%s/pyvenv.cfg", venv);
    if (path.failed)
        return error_no_memory(err);
    if (access(path.data, F_OK) < 0)
        return error_set(err, ENOTDIR, "'%s' is not a virtual environment: create one with 'python3 -m venv'", venv);
    path.length -= strlen("pyvenv.cfg");
    text_add(&path, "bin");
    if (path.failed)
        return error_no_memory(err);
    if (!realpath(path.data, folder->path) || !(folder->bin = opendir(folder->path)))
        return error_set_errno(err, errno, "cannot open %s", path.data);
    return 0;
}

/* The next interpreter in it, or NULL. */
static const char *folder_next(struct folder *folder)
{
    struct dirent *entry;

    while (folder->bin && (entry = readdir(folder->bin))) {
        if (is_interpreter(entry->d_name))
            return entry->d_name;
    }
    return NULL;
}

static int wrap(const struct folder *folder, const char *name, const char *genv, const char *options,
                struct genv_error *err)
{
    cleanup_text struct text kept = TEXT_INIT, script = TEXT_INIT;
    int bin = dirfd(folder->bin), r;

    text_addf(&kept, "%s/%s" KEPT_SUFFIX, folder->path, name);
    if (!kept.failed)
        add_script(&script, genv, options, kept.data);
    if (kept.failed || script.failed)
        return error_no_memory(err);
    r = keep(bin, name, kept.data + strlen(folder->path) + 1);
    if (r == 0)
        r = file_replace(bin, name, script.data, script.length, 0755, (uid_t)-1, false);
    return r < 0 ? error_set_errno(err, -r, "cannot wrap %s/%s", folder->path, name) : 0;
}

int interpreter_wrap(const char *venv, const char *genv, const char *options, struct genv_error *err)
{
    cleanup_folder struct folder folder = {.bin = NULL};
    const char *name;
    bool found = false;
    int r = folder_open(&folder, venv, err);

    while (r == 0 && (name = folder_next(&folder))) {
        r = wrap(&folder, name, genv, options, err);
        found = true;
    }
    return r == 0 && !found ? error_set(err, ENOENT, "'%s' has no interpreter: create it again", venv) : r;
}

static int unwrap(const struct folder *folder, const char *name, struct genv_error *err)
{
    cleanup_text struct text kept = TEXT_INIT;
    int r;

    text_addf(&kept, "%s" KEPT_SUFFIX, name);
    if (kept.failed)
        return error_no_memory(err);
    r = restore(dirfd(folder->bin), name, kept.data);
    return r < 0 ? error_set_errno(err, -r, "cannot restore %s/%s", folder->path, name) : 0;
}

int interpreter_unwrap(const char *venv, struct genv_error *err)
{
    cleanup_folder struct folder folder = {.bin = NULL};
    const char *name;
    bool found = false;
    int r = folder_open(&folder, venv, err);

    while (r == 0 && (name = folder_next(&folder))) {
        if (!is_wrapped(dirfd(folder.bin), name))
            continue;
        r = unwrap(&folder, name, err);
        found = true;
    }
    return r == 0 && !found ? error_set(err, ENOENT, "'%s' is not wrapped", venv) : r;
}
