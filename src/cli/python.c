/* genv python: a Python interpreter in an environment of its own, also as the one that an editor is told to use. */
#include <errno.h>
#include <string.h>

#include "base/path.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/interpreter.h"
#include "cli/isolate.h"
#include "cli/run.h"
#include "cli/saved.h"
#include "cli/sharers.h"
#include "cli/venv.h"

struct values {
    struct genv_config config;
    bool no_load;
    bool no_attach;
    bool over_subscribe;
    bool isolate;
    bool no_isolate;
    const char *interpreter;
    const char *install, *uninstall; /* a virtual environment */
    const char *wrapped;             /* the interpreter that the calling script stands for */
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

enum { WHAT = 1 };

static const struct option options[] = {
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    SAVED_OPTIONS,
    OVER_SUBSCRIBE_OPTION,
    ISOLATE_OPTIONS("Keep the program, and whatever it starts, from opening any other device"),
    {.name = "interpreter",
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "PYTHON",
     .help = "The interpreter (default: the first python or python3 in PATH)",
     .offset = offsetof(struct values, interpreter),
     .group = WHAT},
    {.name = "install",
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "VENV",
     .help = "Have the interpreter of this virtual environment run its programs like this from now on",
     .offset = offsetof(struct values, install),
     .group = WHAT},
    {.name = "uninstall",
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "VENV",
     .help = "Undo --install",
     .offset = offsetof(struct values, uninstall),
     .group = WHAT},
    {.name = "wrapped",
     .type = OPTION_TEXT,
     .filled = true,
     .argument = "PYTHON",
     .offset = offsetof(struct values, wrapped),
     .group = WHAT},
    {.name = NULL},
};

static void add_options(struct text *line, const struct values *values)
{
    char value[GENV_CONFIG_TEXT_SIZE];

    for (const char *const *name = field_names; *name; name++) {
        if (!genv_config_format(&values->config, field_find(*name), value))
            continue;
        text_addf(line, " --%s ", *name);
        shell_add_quoted(line, SHELL_BASH, value);
    }
    text_addf(line, "%s%s%s%s%s", values->no_load ? " --no-load" : "", values->no_attach ? " --no-attach" : "",
              values->over_subscribe ? " --over-subscribe" : "", values->isolate ? " --isolate" : "",
              values->no_isolate ? " --no-isolate" : "");
}

static int install(const struct values *values, struct genv_error *err)
{
    cleanup_text struct text line = TEXT_INIT;
    struct installation installation;
    int r = installation_find(&installation, err);

    add_options(&line, values);
    if (r == 0 && line.failed)
        r = error_no_memory(err);
    return r < 0 ? r : venv_wrap(values->install, installation.genv, line.data, err);
}

static bool is_in_path(const char *name)
{
    cleanup_path struct path path = {.file = NULL};

    while (path_next(&path, name)) {
        if (access(path.file, X_OK) == 0)
            return true;
    }
    return false;
}

/* Whether the caller is in a live environment of its own. */
static bool is_active(struct cli *cli)
{
    cleanup_env struct genv_env *env = NULL;

    return cli_current_eid() && cli_current_env(cli, &env, NULL) == 0;
}

static int execute_without_devices(struct cli *cli, const char *file, char **words, struct genv_error *err)
{
    setenv("CUDA_VISIBLE_DEVICES", "-1", true); /* not those of others */
    return cli_execute_as(cli, file, words, err);
}

/* Executes @file in the place of the script that stands for it; @words begin with the script's name. */
static int run_wrapped(struct cli *cli, const struct run_request *request, const char *file, char **words,
                       struct genv_error *err)
{
    enum interpreter_need need;
    int r = words[0] ? venv_check_kept(file, err)
                     : cli_usage_error(cli, error_set(err, EINVAL, "missing argument: %s", "NAME"), err);

    if (r < 0)
        return r;
    if (is_active(cli))
        return cli_execute_as(cli, file, words, err);
    need = interpreter_need(words + 1);
    if (need == INTERPRETER_NEEDS_NONE)
        return execute_without_devices(cli, file, words, err);
    r = run_in_own_env(cli, request, file, words, err);
    if (need != INTERPRETER_NEEDS_IF_AVAILABLE)
        return r;
    cli_warn(cli, err->message);
    return execute_without_devices(cli, file, words, err);
}

static int run_interpreter(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const struct run_request request = {
        .config = values->config,
        .load = !values->no_load,
        .attach = !values->no_attach,
        .over_subscribe = values->over_subscribe,
        .isolate = values->isolate,
        .no_isolate = values->no_isolate,
    };
    const char *file = values->interpreter;
    cleanup_free char **words = calloc((size_t)arguments->operand_count + 2, sizeof(*words));

    if (!words)
        return error_no_memory(err);
    if (values->wrapped)
        return run_wrapped(cli, &request, values->wrapped, arguments->operands, err);
    if (!file)
        file = is_in_path("python") ? "python" : "python3";
    words[0] = (char *)file;
    memcpy(words + 1, arguments->operands, (size_t)arguments->operand_count * sizeof(*words));
    return run_in_own_env(cli, &request, file, words, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;

    if (!values->install && !values->uninstall)
        return run_interpreter(cli, arguments, err);
    if (arguments->operand_count)
        return cli_usage_error(cli, error_set(err, EINVAL, "unexpected argument '%s'", arguments->operands[0]), err);
    return values->install ? install(values, err) : venv_unwrap(values->uninstall, err);
}

static const struct example examples[] = {
    {"genv python --gpus 1 train.py", "Train on a device that nobody else holds."},
    {"genv python --install .venv --gpus 1", "Have an editor whose interpreter is .venv/bin/python do the same."},
    {NULL, NULL},
};

const struct command command_python = {
    .name = "python",
    .summary = "Run Python in an environment of its own",
    .description =
        "Works like 'genv run' with an interpreter. Options that genv does not know are the interpreter's; write -- in "
        "front of those that it does.\n\n"
        "With --install, the interpreters of a virtual environment are replaced with scripts that do this, so that "
        "PyCharm, Visual Studio Code or Spyder can use it: what they run and debug gets devices. If an environment is "
        "active, programs run in that one. Otherwise, what asks about the interpreter (-I, --version) and what needs "
        "no "
        "devices (pip, venv, linters, an editor's own scripts) sees none, and -c CODE sees none if none are available. "
        "The interpreter itself stays in the same folder, under a second name, such as python3-without-genv.",
    .group = GROUP_PROGRAMS,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] [ARGUMENT...]", .kind = OPERAND_PASSED, .max = OPERANDS_ANY, .end_options = true},
    .examples = examples,
    .run = run,
};
