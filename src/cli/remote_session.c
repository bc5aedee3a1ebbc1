/* genv remote-session: the other side of `genv remote activate` and `genv remote run`. See remote/session.h. */
#include <errno.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/fields.h"
#include "cli/installation.h"
#include "cli/login.h"
#include "cli/variables.h"
#include "remote/session_words.h"
#include "remote/supervise.h"

struct values {
    const char *nonce;
    bool shell;
    bool no_prompt;
    struct genv_config config;
};

static const struct values defaults = {.config = GENV_CONFIG_INIT};

static const struct option options[] = {
    {.name = "nonce",
     .type = OPTION_TEXT,
     .argument = "WORD",
     .help = "Word that marks the answer",
     .offset = offsetof(struct values, nonce),
     .required = true},
    {.name = "shell",
     .type = OPTION_FLAG,
     .help = "Start the user's login shell, with genv set up in it",
     .offset = offsetof(struct values, shell)},
    {.name = "no-prompt",
     .type = OPTION_FLAG,
     .help = "Do not add \"(genv)\" to its prompt",
     .offset = offsetof(struct values, no_prompt)},
    GENV_CONFIG_FIELDS(FIELD_OPTION) /* a row each */
    {.name = NULL},
};

/* Makes the environment, with this process and @supervisor, unless 0, as its members, and attaches it. */
static int reserve(struct cli *cli, const struct values *values, pid_t supervisor, struct genv_env **ret_env,
                   struct genv_error *err)
{
    const struct genv_member members[] = {{.pid = getpid()}, {.pid = supervisor}};
    struct genv_reservation reservation = GENV_RESERVATION_INIT;
    int r = cli_open(cli, err);

    reservation.members = members;
    reservation.member_count = supervisor ? 2 : 1;
    reservation.config = values->config;
    if (r == 0)
        r = genv_reserve(cli->genv, &reservation, ret_env, NULL, err);
    return r == -ENODEV ? -EBUSY : r; /* fewer devices than asked for: this host is none to ask again */
}

/* Ends in one write, so that what a start-up file left in the background can't cut it in two. */
static void announce(const char *nonce, int result, const struct genv_error *err)
{
    cleanup_text struct text line = TEXT_INIT;

    session_add_answer(&line, nonce, result, err);
    if (line.data && !line.failed)
        file_write(STDOUT_FILENO, line.data, line.length);
}

/* Takes process @pid out of all its environments. */
static void leave(struct cli *cli, pid_t pid)
{
    const struct genv_member member = {.pid = pid};

    genv_deactivate(cli->genv, NULL, &member, NULL);
}

/* Returns only on failure. */
static int become_shell(struct cli *cli, const struct values *values, const struct installation *installation,
                        const char *eid, struct genv_error *err)
{
    const struct login_request login = {.installation = installation, .eid = eid, .prompt = !values->no_prompt};
    int r = login_become_shell(&login, err);

    cli->failure_status = EXIT_NOT_EXECUTABLE;
    return r;
}

/* What this process comes from. */
struct origin {
    pid_t caller;     /* the shell in which sshd has run the command */
    pid_t supervisor; /* 0: it need not be a member of the environment */
};

/* In the child: reserves, says how that went, and becomes the shell or the command. */
static int begin(struct cli *cli, const struct values *values, char **command, const struct origin *origin,
                 struct genv_error *err)
{
    struct installation installation;
    cleanup_env struct genv_env *env = NULL;
    int r = installation_find(&installation, err);

    if (r == 0)
        r = reserve(cli, values, origin->supervisor, &env, err);
    if (r == 0 && values->shell)
        r = login_restore_variables(origin->caller, err);
    if (r == 0)
        r = variables_export(env, installation.shims, err);
    announce(values->nonce, r, err);
    if (r == 0) {
        r = values->shell ? become_shell(cli, values, &installation, env->eid, err) : cli_execute(cli, command, err);
    } else {
        r = EXIT_FAILURE; /* without a word: the caller has it */
    }
    if (env)
        leave(cli, getpid());
    return r;
}

struct ending {
    struct cli *cli;
    pid_t child;
};

/* What the child is registered in ends now, whether or not it has obeyed. A shell hands over by itself when it ends;
 * but a terminal that goes away shows it the end of its input and sends SIGHUP, which may end it in the midst of that.
 */
static void end(const pid_t *left, void *data)
{
    const struct ending *ending = data;

    if (cli_open(ending->cli, NULL) < 0)
        return;
    if (left)
        genv_hand_over_for(ending->cli->genv, ending->child, left, NULL);
    leave(ending->cli, ending->child);
    leave(ending->cli, getpid());
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct supervision supervision;
    struct ending ending = {.cli = cli};
    struct origin origin = {.caller = getppid(), .supervisor = getpid()};
    int r;

    if (values->shell == (arguments->operand_count > 0))
        return cli_usage_error(cli, error_set(err, EINVAL, "missing argument: COMMAND, or --shell"), err);
    r = supervise_fork(&supervision, err);
    if (r < 0) {
        announce(values->nonce, r, err);
        return EXIT_FAILURE;
    }
    /* A command may leave something in the background that needs the environment; a shell deactivates it by itself. */
    if (supervision.terminal)
        origin.supervisor = 0;
    if (supervision.child == 0)
        return begin(cli, values, arguments->operands, &origin, err);
    ending.child = supervision.child;
    supervision.shell = values->shell;
    return supervise_wait(&supervision, end, &ending);
}

const struct command command_remote_session = {
    .name = "remote-session",
    .summary = "Run the shell or the command of 'genv remote' on this host",
    .description =
        "For 'genv remote activate' and 'genv remote run' on another host. The shell or command ends with the "
        "connection, and the environment with it, unless programs that a shell left running are still in it.",
    .group = GROUP_PROGRAMS,
    .hidden = true,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "[--] [COMMAND [ARGUMENT...]]", .kind = OPERAND_COMMAND, .min = 0, .max = OPERANDS_ANY},
    .run = run,
};
