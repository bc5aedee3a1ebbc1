/* genv remote-session: the other side of `genv remote activate` and `genv remote run`. See remote/session.h. */
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/variables.h"
#include "remote/supervise.h"

struct values {
    const char *nonce;
    bool shell;
    bool no_prompt;
    struct config_options config;
};

static const struct values defaults = {.config = CONFIG_OPTIONS_INIT};

static const struct option options[] = {
    {.name = "nonce",
     .type = OPTION_TEXT,
     .argument = "WORD",
     .help = "What the caller knows our answer by",
     .offset = offsetof(struct values, nonce),
     .required = true},
    {.name = "shell",
     .type = OPTION_FLAG,
     .help = "Start the user's login shell, set up for genv",
     .offset = offsetof(struct values, shell)},
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Leave its prompt as it is, without \"(genv)\"",
     .offset = offsetof(struct values, no_prompt)},
    CONFIG_OPTION_ROWS(struct values, "Number of devices to attach; by default none"),
    {.name = NULL},
};

/* Makes the environment, with this process and @supervisor, unless 0, as its members, and attaches it. */
static int reserve(struct cli *cli, const struct values *values, pid_t supervisor, char *ret_eid,
                   struct genv_error *err)
{
    const struct genv_attach_request request = GENV_ATTACH_INIT;
    struct genv_activation activation = {
        .uid = (uid_t)-1,
        .member.pid = getpid(),
        .config = GENV_CONFIG_INIT,
    };
    char entered[GENV_EID_MAX + 1];
    bool created;
    int r;

    config_options_apply(&values->config, &activation.config);
    r = cli_open(cli, err);
    if (r == 0)
        r = genv_activate(cli->genv, &activation, ret_eid, &created, err);
    if (r == 0 && supervisor) {
        activation.eid = ret_eid;
        activation.member.pid = supervisor;
        r = genv_activate(cli->genv, &activation, entered, &created, err);
    }
    if (r < 0 || values->config.gpus < 0)
        return r;
    r = genv_attach(cli->genv, ret_eid, &request, NULL, err);
    return r == -ENODEV ? -EBUSY : r; /* fewer devices than asked for: this host is none to ask again */
}

/* Ends in one write, so that what a start-up file left in the background can't cut it in two. */
static void announce(const char *nonce, int result, const struct genv_error *err)
{
    cleanup_text struct text line = TEXT_INIT;

    text_addf(&line, "genv-session %s ", nonce);
    if (result == 0)
        text_add(&line, "ready\n");
    else if (result == -EBUSY)
        text_add(&line, "busy\n");
    else
        text_addf(&line, "failed %s\n", err->message);
    if (!line.failed)
        file_write(STDOUT_FILENO, line.data, line.length);
}

/* Hands @value over to the files of the folder login. */
static int hand_over(const char *name, const char *value, struct genv_error *err)
{
    if ((value ? setenv(name, value, 1) : unsetenv(name)) < 0)
        return error_no_memory(err);
    return 0;
}

struct login {
    char file[4400]; /* what the shell reads; of a shell that is none of ours, its name */
    const char *words[6];
};

/* How a shell of @kind comes to read what sets it up. */
static void set_words(struct login *login, enum shell_kind kind)
{
    const char *const words[][ARRAY_SIZE(login->words)] = {
        [SHELL_BASH] = {"bash", "--rcfile", login->file, "-i"},
        [SHELL_ZSH] = {"-zsh", "-i"}, /* finds it in ZDOTDIR */
        [SHELL_FISH] = {"fish", "-l", "-i", "-C", "source $GENV_LOGIN_FILE"},
    };

    memcpy(login->words, words[kind], sizeof(login->words));
}

static int set_variables(const struct values *values, const struct installation *installation, const char *eid,
                         const struct login *login, struct genv_error *err)
{
    int r = hand_over("GENV_LOGIN_FILE", login->file, err);

    if (r == 0)
        r = hand_over("GENV_LOGIN_GENV", installation->genv, err);
    if (r == 0)
        r = hand_over("GENV_LOGIN_ID", eid, err);
    if (r == 0)
        r = hand_over("GENV_LOGIN_PROMPT", values->no_prompt ? NULL : "1", err);
    return r;
}

/* Puts @folder, where our .zshenv is, in the place of the user's. */
static int set_zdotdir(const char *folder, struct genv_error *err)
{
    int r = hand_over("GENV_LOGIN_ZDOTDIR", getenv("ZDOTDIR"), err);

    return r < 0 ? r : hand_over("ZDOTDIR", folder, err);
}

/* A shell that is none of ours, or whose file is not there, just begins, as a login shell. */
static int prepare_login(const char *shell, const struct values *values, const struct installation *installation,
                         const char *eid, struct login *login, struct genv_error *err)
{
    static const char *const files[] = {[SHELL_BASH] = "bashrc", [SHELL_ZSH] = ".zshenv", [SHELL_FISH] = "login.fish"};
    const char *root = strcmp(installation->root, "/") == 0 ? "" : installation->root, *slash = strrchr(shell, '/');
    char folder[4200];
    enum shell_kind kind;
    int r;

    snprintf(folder, sizeof(folder), "%s/login", root);
    if (shell_kind_of_program(shell, &kind) == 0) {
        snprintf(login->file, sizeof(login->file), "%s/%s", folder, files[kind]);
        if (access(login->file, R_OK) == 0) {
            set_words(login, kind);
            r = set_variables(values, installation, eid, login, err);
            return r == 0 && kind == SHELL_ZSH ? set_zdotdir(folder, err) : r;
        }
    }
    snprintf(login->file, sizeof(login->file), "-%s", slash ? slash + 1 : shell);
    login->words[0] = login->file;
    return 0;
}

/* Becomes the user's login shell. Returns only on failure. */
static int become_shell(struct cli *cli, const struct values *values, const struct installation *installation,
                        const char *eid, struct genv_error *err)
{
    const struct passwd *user = getpwuid(getuid());
    const char *shell = user && user->pw_shell && *user->pw_shell ? user->pw_shell : "/bin/sh";
    struct login login = {.file = ""};
    int r = prepare_login(shell, values, installation, eid, &login, err);

    if (r < 0)
        return r;
    execv(shell, (char **)login.words);
    cli->failure_status = EXIT_NOT_EXECUTABLE;
    return error_set_errno(err, errno, "can't start the login shell %s", shell);
}

/* Takes process @pid out of all its environments. */
static void leave(struct cli *cli, pid_t pid)
{
    const struct genv_member member = {.pid = pid};

    genv_deactivate(cli->genv, NULL, &member, NULL);
}

/* In the child: reserves, says how that went, and becomes the shell or the command. */
static int begin(struct cli *cli, const struct values *values, char **command, pid_t supervisor, struct genv_error *err)
{
    struct installation installation;
    char eid[GENV_EID_MAX + 1] = "";
    int r = installation_find(&installation, err);

    if (r == 0)
        r = reserve(cli, values, supervisor, eid, err);
    if (r == 0)
        r = variables_export(cli->genv, eid, installation.shims, err);
    announce(values->nonce, r, err);
    if (r == 0) {
        r = values->shell ? become_shell(cli, values, &installation, eid, err) : cli_execute(cli, command, err);
    } else {
        r = EXIT_FAILURE; /* without a word: the caller has it */
    }
    if (*eid)
        leave(cli, getpid());
    return r;
}

struct ending {
    struct cli *cli;
    pid_t child;
};

/* What the child is registered in ends now, whether or not it has obeyed. */
static void end(void *data)
{
    const struct ending *ending = data;

    if (cli_open(ending->cli, NULL) < 0)
        return;
    leave(ending->cli, ending->child);
    leave(ending->cli, getpid());
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct supervision supervision;
    struct ending ending = {.cli = cli};
    pid_t supervisor = getpid();
    int r;

    if (values->shell == (arguments->operand_count > 0))
        return cli_usage_error(cli, error_set(err, EINVAL, "give a command, or --shell"), err);
    r = supervise_fork(&supervision, err);
    if (r < 0) {
        announce(values->nonce, r, err);
        return EXIT_FAILURE;
    }
    /* A command may leave something in the background that needs the environment; a shell deactivates it by itself. */
    if (supervision.child == 0)
        return begin(cli, values, arguments->operands, supervision.terminal ? 0 : supervisor, err);
    ending.child = supervision.child;
    return supervise_wait(&supervision, end, &ending);
}

const struct command command_remote_session = {
    .name = "remote-session",
    .summary = "Run the shell or the command of 'genv remote' on this host",
    .description = "For 'genv remote activate' and 'genv remote run' of another host. The environment lives no longer "
                   "than the connection.",
    .group = GROUP_PROGRAMS,
    .hidden = true,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] [COMMAND [ARGUMENT...]]",
                 .kind = OPERAND_COMMAND,
                 .min = 0,
                 .max = OPTION_NUMBER_MAX},
    .run = run,
};
