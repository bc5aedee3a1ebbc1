/* genv lock: runs a command while nobody else uses the attached devices. */
#include <errno.h>

#include "cli/cli.h"

#define SHORT_WAIT_S 1 /* not worth a word */

struct values {
    bool no_wait;
    double seconds;
};

static const struct values defaults = {.seconds = -1};

enum { EXCLUSIVE = 1 };

static const struct option options[] = {
    {.name = "nonblock",
     .alias = "nb",
     .letter = 'n',
     .type = OPTION_FLAG,
     .help = "Fail at once instead of waiting",
     .offset = offsetof(struct values, no_wait),
     .group = EXCLUSIVE},
    {.name = "timeout",
     .alias = "wait",
     .letter = 'w',
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .help = "Give up after SECONDS, which may be a fraction",
     .offset = offsetof(struct values, seconds),
     .group = EXCLUSIVE},
    {.name = NULL},
};

/* Locks what the environment of this process is attached to, if there is one. */
static int lock(struct cli *cli, double seconds, struct genv_lock **ret_lock, struct genv_error *err)
{
    cleanup_env struct genv_env *env = NULL;
    cleanup_text struct text line = TEXT_INIT;
    int r;

    if (!cli_current_eid())
        return 0;
    r = cli_current_env(cli, &env, err);
    if (r == -EPERM)
        program_complain(err->message);
    if (r == -ENOENT || r == -EPERM)
        return 0;
    if (r < 0)
        return r;
    if (seconds >= 0 && seconds <= SHORT_WAIT_S)
        return genv_lock(cli->genv, env->eid, seconds, ret_lock, err);
    r = genv_lock(cli->genv, env->eid, 0, ret_lock, err);
    if (r != -EAGAIN)
        return r;
    text_addf(&line, "waiting: %s", err->message);
    if (!line.failed)
        program_complain(line.data);
    return genv_lock(cli->genv, env->eid, seconds, ret_lock, err);
}

static int run(struct cli *cli, const struct arguments *arguments, struct genv_error *err)
{
    const struct values *values = arguments->values;
    struct genv_lock *held = NULL;
    const char *token;
    int r = lock(cli, values->no_wait ? 0 : values->seconds, &held, err);

    if (r < 0)
        return r;
    token = held ? genv_lock_token(held) : NULL;
    if (token && *token && setenv("GENV_LOCK", token, 1) < 0)
        r = error_no_memory(err);
    if (r == 0)
        r = cli_execute(cli, arguments->operands, err); /* and the command holds the lock */
    genv_unlock(held);
    return r;
}

static const struct example examples[] = {
    {"genv lock python train.py", "Wait for the devices, then train."},
    {"genv lock -w 60 python train.py", "Give up after a minute."},
    {NULL, NULL},
};

const struct command command_lock = {
    .name = "lock",
    .summary = "Run a command with exclusive access to the attached devices",
    .description =
        "Works like flock(1): waits until no other 'genv lock' holds any of the devices, then runs the command and "
        "releases them when it exits. The lock is advisory: programs that are started without 'genv lock' are not held "
        "back. If no environment is active, or it has no devices, the command runs at once.",
    .group = GROUP_PROGRAMS,
    .options = options,
    .defaults = &defaults,
    .values_size = sizeof(defaults),
    .operands = {.synopsis = "COMMAND [ARGUMENT...]", .kind = OPERAND_COMMAND, .min = 1, .max = OPERANDS_ANY},
    .examples = examples,
    .run = run,
};
