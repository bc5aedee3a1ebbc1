/* What the arguments of an interpreter of Python ask for. */
#include "cli/interpreter.h"

#include <stdbool.h>
#include <string.h>

#include "base/macros.h"

/* Modules and scripts that need no devices: of packages, of source code, and of the editors themselves. */
static const char *const modules[] = {
    "autopep8",
    "basedpyright",
    "black",
    "compileall",
    "debugpy.adapter",
    "ensurepip",
    "flake8",
    "isort",
    "jedi",
    "mypy",
    "jedi_language_server",
    "pip",
    "pycodestyle",
    "pydoc",
    "pylint",
    "pylsp",
    "pyright",
    "ruff",
    "venv",
    "virtualenv",
};
static const char *const scripts[] = {
    "debugpy/adapter", /* Visual Studio Code */
    "create_conda.py",
    "create_microvenv.py",
    "create_venv.py",
    "get_output_via_markers.py",
    "get_variable_info.py",
    "installed_check.py",
    "interpreterInfo.py",
    "lsp_runner.py",
    "lsp_server.py",
    "normalizeSelection.py",
    "printEnvVariables.py",
    "printEnvVariablesToFile.py",
    "run-jedi-language-server.py",
    "unittestadapter/discovery.py",
    "docstring_formatter.py", /* PyCharm */
    "extra_syspath.py",
    "generator3/__main__.py",
    "packaging_tool.py",
    "syspath.py",
    "jedi/inference/compiled/subprocess/__main__.py", /* what several of them start */
    "discovery/py_info.py",
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

/* Whether pytest, with these arguments, only lists tests, as editors have it do whenever a file is saved. */
static bool only_lists(char *const *arguments)
{
    for (; *arguments; arguments++) {
        if (strcmp(*arguments, "--collect-only") == 0 || strcmp(*arguments, "--co") == 0)
            return true;
    }
    return false;
}

/* @words: the script and its arguments. */
static bool script_needs_none(char *const *words)
{
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        if (ends_with(words[0], scripts[i]))
            return true;
    }
    if (ends_with(words[0], "pytest") || ends_with(words[0], "run_pytest_script.py"))
        return only_lists(words + 1);
    return is_pip(words[0]);
}

/* @name may be followed by @arguments. */
static bool module_needs_none(const char *name, char *const *arguments)
{
    if (strcmp(name, "pytest") == 0)
        return only_lists(arguments);
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        if (strcmp(modules[i], name) == 0)
            return true;
    }
    return false;
}

static enum interpreter_need need_unless(bool needs_none)
{
    return needs_none ? INTERPRETER_NEEDS_NONE : INTERPRETER_NEEDS_DEVICES;
}

/* -m MODULE, in one word or in two; @letter is the m in words[0]. */
static enum interpreter_need need_of_module(const char *letter, char *const *words)
{
    if (letter[1])
        return need_unless(module_needs_none(letter + 1, words + 1));
    return need_unless(!words[1] || module_needs_none(words[1], words + 2));
}

enum interpreter_need interpreter_need(char *const *words)
{
    for (; *words; words++) {
        const char *word = *words;

        if (word[0] != '-' || !word[1])
            return need_unless(script_needs_none(words));
        if (strcmp(word, "--") == 0)
            return need_unless(words[1] && script_needs_none(words + 1));
        if (strcmp(word, "--check-hash-based-pycs") == 0) {
            if (!*++words)
                return INTERPRETER_NEEDS_NONE;
            continue;
        }
        if (word[1] == '-') /* --version, --help, --help-env */
            return INTERPRETER_NEEDS_NONE;
        for (const char *letter = word + 1; *letter; letter++) {
            if (strchr("IVh?", *letter))
                return INTERPRETER_NEEDS_NONE;
            if (*letter == 'c')
                return INTERPRETER_NEEDS_IF_AVAILABLE;
            if (*letter == 'm')
                return need_of_module(letter, words);
            if (strchr("WX", *letter)) { /* with a value */
                words += !letter[1] && words[1];
                break;
            }
        }
    }
    return INTERPRETER_NEEDS_DEVICES;
}
