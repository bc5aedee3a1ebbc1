/* genv shell and genv init: set up bash, zsh and fish. */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/installation.h"

struct values {
    bool init;
    bool deinit;
};

enum { EXCLUSIVE = 1 };

static const struct option options[] = {
    {.name = "init",
     .type = OPTION_FLAG,
     .help = "Print code that sets up the shell (default: the calling shell)",
     .offset = offsetof(struct values, init),
     .group = EXCLUSIVE},
    {.name = "deinit",
     .type = OPTION_FLAG,
     .help = "Print code that removes genv from the shell",
     .offset = offsetof(struct values, deinit),
     .group = EXCLUSIVE},
    {.name = NULL},
};

static const char *const shell_names[] = {"bash", "zsh", "fish", "direnv", NULL};

/* The shell of that name (NULL: the one that calls). */
static int find_kind(const struct cli *cli, const char *name, enum shell_kind *ret_kind, struct genv_error *err)
{
    int r;

    if (name)
        return shell_kind_parse(name, ret_kind);
    if (cli->in_shell) {
        *ret_kind = cli->shell;
        return 0;
    }
    r = shell_kind_of_caller(ret_kind);
    if (r < 0)
        return error_set(err, EINVAL, "cannot tell which shell this is: name it, as in 'genv shell --init bash'");
    return 0;
}

static int add_init(struct cli *cli, const char *name, struct genv_error *err)
{
    cleanup_free struct genv_variable *variables = NULL;
    struct installation installation;
    enum shell_kind kind = SHELL_BASH;
    int r = find_kind(cli, name, &kind, err);

    if (r == 0)
        r = installation_find(&installation, err);
    if (r == 0)
        r = genv_variables(NULL, false, &variables, err);
    if (r < 0)
        return r;
    /* Words even for the shell function, which is about to evaluate what it gets: the caller asked to see the code. */
    shell_add_init(&cli->output, kind,
                   &(struct shell_paths){
                       .genv = installation.genv, .shims = installation.shims, .completions = installation.completions},
                   variables);
    return 0;
}

static int add_deinit(struct cli *cli, const char *name, struct genv_error *err)
{
    enum shell_kind kind = SHELL_BASH;
    int r = find_kind(cli, name, &kind, err);

    if (r == 0)
        shell_add_deinit(cli->in_shell ? &cli->code : &cli->output, kind);
    return r;
}

static int add_direnv(struct cli *cli, bool undo, struct genv_error *err)
{
    struct installation installation;
    int r = installation_find(&installation, err);

    if (undo)
        return cli_usage_error(
            cli,
            error_set(err, EINVAL,
                      "cannot undo 'genv shell --init direnv': remove the file in ~/.config/direnv/lib instead"),
            err);
    if (r == 0)
        shell_add_direnv(&cli->output, installation.genv);
    return r;
}

static int add_advice(struct cli *cli, struct genv_error *err)
{
    enum shell_kind kind;

    if (cli->in_shell) {
        text_addf(&cli->output, "genv is set up in this shell (%s).\n", shell_kind_name(cli->shell));
        return 0;
    }
    if (shell_kind_of_caller(&kind) < 0)
        return error_set(err, EINVAL, "genv cannot be set up in this shell: use bash, zsh or fish");
    text_addf(&cli->output,
              "genv is not set up in this shell (%s). To set it up, run\n\n    %s\n\nand add that line to %s for new "
              "shells.\n",
              shell_kind_name(kind), cli_setup_line(kind), cli_setup_file(kind));
    return 0;
}

static int run_shell(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    const char *name = arguments->operand_count ? arguments->operands[0] : NULL;

    if (name && !values->init && !values->deinit)
        return cli_usage_error(cli, error_set(err, EINVAL, "missing option: --init %s or --deinit %s", name, name),
                               err);
    if (name && strcmp(name, "direnv") == 0)
        return add_direnv(cli, values->deinit, err);
    if (values->init)
        return add_init(cli, name, err);
    return values->deinit ? add_deinit(cli, name, err) : add_advice(cli, err);
}

static const struct example shell_examples[] = {
    {"eval \"$(genv shell --init)\"", "Set up the current bash or zsh."},
    {"genv shell --init fish | source", "Set up the current fish shell."},
    {"genv shell --init direnv >~/.config/direnv/lib/genv.sh",
     "Allow 'use genv --gpus 1' in a project's .envrc: a shell in that directory is in that environment."},
    {"genv shell", "Show whether genv is set up in this shell."},
    {NULL, NULL},
};

const struct command command_shell = {
    .name = "shell",
    .summary = "Set up the shell for environments",
    .description =
        "Prints code for the shell to evaluate: a function genv, for the commands that change the shell itself, and "
        "completions. To set up every new shell, add a line to its startup file.\n\nbash (~/.bashrc) and zsh "
        "(~/.zshrc): eval \"$(genv shell --init)\"\n\nfish (~/.config/fish/config.fish): genv shell --init fish | "
        "source",
    .group = GROUP_SETUP,
    .options = options,
    .values_size = sizeof(struct values),
    .operands = {.synopsis = "[bash|zsh|fish|direnv]", .kind = OPERAND_CHOICE, .max = 1, .choices = shell_names},
    .examples = shell_examples,
    .run = run_shell,
};

static int run_init(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const char *name = NULL;
    enum shell_kind kind;

    if (arguments->operand_count == 0)
        return add_advice(cli, err);
    if (arguments->operand_count > 1)
        name = arguments->operands[1];
    if (name && shell_kind_parse(name, &kind) < 0)
        return cli_usage_error(cli, error_set(err, EINVAL, "'%s' is not one of bash, zsh, fish", name), err);
    return add_init(cli, name, err);
}

static const char *const init_choices[] = {"-", NULL};

static const struct example init_examples[] = {
    {"eval \"$(genv init -)\"", "Set up this shell, like 'genv shell --init'."},
    {NULL, NULL},
};

const struct command command_init = {
    .name = "init",
    .summary = "Set up the shell: the older form of 'genv shell --init'",
    .description = "With -, prints code that sets up the shell; without it, says how to set it up.",
    .group = GROUP_SETUP,
    .operands = {.synopsis = "[- [bash|zsh|fish]]", .kind = OPERAND_CHOICE, .max = 2, .choices = init_choices},
    .examples = init_examples,
    .run = run_init,
};
